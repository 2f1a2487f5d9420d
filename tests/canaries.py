"""Known secrets are planted before a run, and looked for in everything that it leaves (I21)."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.secret_search import forms


@dataclass(frozen=True, slots=True)
class Canary:
    """A secret of this test alone, and in which files of the home it may stand: the beginnings of their names."""

    name: str
    secret: str
    may_be_in: tuple[str, ...] = ()

    def is_in(self, data: bytes) -> bool:
        """Whether it stands there, plain, in hexadecimal or in base64."""
        return any(form in data for form in forms(self.secret.encode()))


def files_of(folder: Path) -> list[Path]:
    """Every plain file below a folder; a socket has no bytes."""
    return [path for path in sorted(folder.rglob("*")) if stat.S_ISREG(path.lstat().st_mode)]


def found_in_files(folder: Path, canaries: Iterable[Canary]) -> dict[str, list[str]]:
    """Where each canary stands that must not be there; only those that were found."""
    found: dict[str, list[str]] = {}
    for path in files_of(folder):
        data, name = path.read_bytes(), str(path.relative_to(folder))
        for canary in canaries:
            if not name.startswith(canary.may_be_in or ("\0",)) and canary.is_in(data):
                found.setdefault(canary.name, []).append(name)
    return found


def found_in_texts(texts: Mapping[str, str], canaries: Iterable[Canary]) -> dict[str, list[str]]:
    """The same of what was answered or printed, by what it is."""
    found: dict[str, list[str]] = {}
    for canary in canaries:
        where = [name for name, text in texts.items() if canary.is_in(text.encode())]
        if where:
            found[canary.name] = where
    return found


def open_to_others(folder: Path) -> dict[str, str]:
    """Files and folders that another user could read, write or enter, with their modes."""
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.rglob("*")] if not path.is_symlink()}
    return {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077}
