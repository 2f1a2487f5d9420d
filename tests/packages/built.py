"""Wheel and sdist of this checkout, built without a network: hatchling is one of the development tools."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from gpushopper import __version__
from tests.floors.tree import ROOT

BUILD_LIMIT_S = 120
WHEEL = f"gpu_shopper-{__version__}-py3-none-any.whl"
SDIST = f"gpu_shopper-{__version__}.tar.gz"


class Packages(NamedTuple):
    """The two files."""

    wheel: Path
    sdist: Path


def build(folder: Path, source: Path = ROOT) -> Packages:
    """Build both into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=BUILD_LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Packages(folder / WHEEL, folder / SDIST)


def in_wheel(path: Path) -> dict[str, bytes]:
    """Each file of a wheel by its name there."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def in_sdist(path: Path) -> dict[str, bytes]:
    """Each file of an sdist by its name below the one folder that it has."""
    with tarfile.open(path) as archive:
        read = {entry.name: archive.extractfile(entry) for entry in archive if entry.isfile()}
        return {name.partition("/")[2]: file.read() for name, file in read.items() if file is not None}
