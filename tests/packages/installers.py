"""pipx, uv and the wheels of the lock file, for tests that have no network; run as a program, this fetches them.

`make lock` uses its uv, too.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.floors.tree import ROOT

PROGRAMS = ("pipx==1.18.4", "uv==0.13.9")
LOCK = ROOT / "docs" / "deploy" / "requirements.txt"
FOLDER = Path(sys.prefix) / "installers"
"""A virtual environment inside ours, so that neither is among the packages that tests see."""
WHEELS = FOLDER / "wheels"
DEBIAN_WHEELS = FOLDER / "debian-wheels"
DEBIAN_PYTHON = "3.13"
"""Of Debian stable, which the daemon's image is made of in tests."""
COMPLETE = FOLDER / "complete"
"""Holds the lock file whose wheels are here."""


def install() -> None:
    """Fetch them; `make proofs` does it before the first test, so that no test reaches a package registry."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *PROGRAMS], check=True)
    hashed = ["--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    subprocess.run([*pip, "download", "--dest", str(WHEELS), *hashed], check=True)
    subprocess.run([*pip, "download", "--dest", str(WHEELS), "--no-deps", "pip"], check=True)  # pipx asks for it
    target = [
        "--python-version",
        DEBIAN_PYTHON,
        "--platform",
        "manylinux_2_28_x86_64",
        "--platform",
        "manylinux2014_x86_64",
    ]
    subprocess.run([*pip, "download", "--dest", str(DEBIAN_WHEELS), *target, *hashed], check=True)
    COMPLETE.write_bytes(LOCK.read_bytes())


def program(name: str) -> Path:
    """The program; skips the test where it was not fetched for this lock file."""
    if not COMPLETE.exists() or COMPLETE.read_bytes() != LOCK.read_bytes():
        pytest.skip("needs pipx, uv and wheels: run it by `make proofs`, which fetches them")
    return FOLDER / "bin" / name


if __name__ == "__main__":
    install()
