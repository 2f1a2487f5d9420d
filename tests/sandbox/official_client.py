"""Installs and runs Vast's own client in a virtual environment of its own; run as a program, this installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

VERSION = "1.9.1"
FOLDER = Path(sys.prefix) / f"vastai-{VERSION}"
"""A virtual environment inside ours: the client pins its dependencies, so it never goes into that of the tests."""


def install() -> None:
    """Install the client; `make proofs` does it before the first test, so that no test reaches a package registry."""
    done = FOLDER / "complete"
    if done.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
    pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"vastai=={VERSION}"], check=True)
    done.touch()


def program() -> Path:
    """Return the client's program; skips the test where it was not installed."""
    if not (FOLDER / "complete").exists():
        pytest.skip("needs Vast's own client: run it by `make proofs`, which installs it")
    return FOLDER / "bin" / "vastai"


@dataclass(frozen=True)
class Ran:
    """How a command of the client ended."""

    command: str
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Client:
    """The client with a home, caches and configuration of its own, talking to one server."""

    program: Path
    home: Path
    url: str
    key: str

    def run(self, *arguments: str, key: str | None = None) -> Ran:
        """Run one command without a terminal and return what it printed."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "VASTAI_NO_UPDATE_CHECK": "1",
            "COLUMNS": "160",
        }
        line = [str(self.program), "--url", self.url, "--api-key", key or self.key, *arguments]
        ended = subprocess.run(
            line, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        return Ran("vastai " + " ".join(arguments), ended.returncode, ended.stdout, ended.stderr)


if __name__ == "__main__":
    install()
