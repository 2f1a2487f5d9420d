"""Copies in either direction by each carrier, and trees to compare them by."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from gpushopper.cli.remote.copy.copying import CopyResult
from tests.cli.far_side import Far
from tests.needs import needs

TIME = 1_700_000_000
BIG = bytes(range(256)) * 2000
# Names that shells, wildcards, option parsers, batch files or text decoders read otherwise.
ODD_NAMES = (
    b"a b", b"it's", b'say "x"', b"back\\slash", b"line\nbreak", b"-rf", b"c[x]", b"cx", b"*", b"?", b"$HOME", b"a:b",
    b"~", b"#x", b"\xff\xfe", "Übung".encode(), b".hidden", b"...", b" ", b"tab\t", b"=", b"x\n=",
)  # fmt: skip
CARRIERS = (
    pytest.param("rsync", marks=needs("rsync")),
    pytest.param("sftp", marks=needs("sftp-server")),
    "tar",
)


class Way(NamedTuple):
    """A carrier and a direction: `give` is the folder copied from, `take` the one copied to."""

    far: Far
    is_up: bool

    @property
    def give(self) -> Path:
        return self.far.here if self.is_up else self.far.home

    @property
    def take(self) -> Path:
        return self.far.home if self.is_up else self.far.here

    def __call__(self, *words: str, exclude: tuple[bytes, ...] = (), mkdir: bool = False) -> CopyResult:
        *sources, target = words
        named = [word if self.is_up else f"train:{word}" for word in sources]
        return self.far.copy(*named, f"train:{target}" if self.is_up else target, exclude=exclude, mkdir=mkdir)


def write(path: Path | bytes, content: bytes = b"x", mode: int = 0o640, time: int = TIME) -> None:
    name = os.fsencode(path)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(content)
    os.chmod(name, mode)
    os.utime(name, (time, time))


def tree(top: Path) -> dict[bytes, object]:
    """Everything below a folder: folders with their mode, files with mode, time, content, links with their target."""
    found: dict[bytes, object] = {}
    start = os.fsencode(top)
    for folder, folders, files in os.walk(start):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            mode, key = stat.S_IMODE(facts.st_mode), os.path.relpath(path, start)
            if stat.S_ISLNK(facts.st_mode):
                found[key] = os.readlink(path)
            elif stat.S_ISDIR(facts.st_mode):
                found[key] = mode
            else:
                with open(path, "rb") as file:
                    found[key] = (mode, int(facts.st_mtime), file.read())
    return found


def files_in(top: Path) -> dict[bytes, bytes]:
    """The content of every file below a folder."""
    return {path: value[2] for path, value in tree(top).items() if isinstance(value, tuple)}


FILE = (0o640, TIME, b"x")
