"""Compares this computer before and after hostile code ran inside an instance: files, processes, mounts."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

OLD_S = 600
HARM = "gs-was-here"
"""The file that every write of ladder.sh leaves where it succeeds."""

CANARY = "keep this file: a test looks whether an instance can delete it"
SAMPLE_SIZE = 40
"""Files of each folder of programs and settings whose bytes are compared."""
LISTED = ("/", "/usr", "/usr/bin", "/usr/lib", "/etc")
"""Folders of the system whose names are compared, and of whose files a sample is."""


def sample(folders: Iterable[str] = LISTED) -> list[str]:
    """Return what the ladder writes to, and some files of each folder, the same at each call."""
    chosen = ["/etc/passwd", "/usr/lib/os-release", "/usr/bin/true"]
    for folder in folders:
        files = sorted(entry.path for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
        chosen += files[:: max(1, len(files) // SAMPLE_SIZE)]
    return chosen


def contents(folders: Iterable[Path], canaries: Iterable[Path]) -> dict[str, str]:
    """Return what a change would change: bytes of the sample and of the canaries, the system's names, harm done.

    The size of this computer's disk does not matter: no folder is read deeper than its own entries.
    """
    found = {path: _digest(Path(path)) for path in (*sample(), *map(str, canaries))}
    found |= {f"names in {folder}": " ".join(sorted(os.listdir(folder))) for folder in LISTED}
    found |= {f"harm in {folder}": str((folder / HARM).exists()) for folder in folders}
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return str(error)


@contextmanager
def canaries(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """Put a file of ours into each folder that can be written, and take it away again."""
    made: list[Path] = []
    try:
        for folder in folders:
            with suppress(OSError):
                number, name = tempfile.mkstemp(prefix=".gs-canary-", dir=folder)
                os.write(number, CANARY.encode())
                os.close(number)
                made.append(Path(name))
        yield made
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return which entries differ."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def born(pid: int) -> int | None:
    """When a process began, in clock ticks after boot; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def ancestors() -> list[int]:
    pid, found = os.getpid(), []
    while pid:
        found.append(pid)
        pid = parent(pid)
    return found


def old_processes() -> list[int]:
    """Services: what has run for a while, led by the first process."""
    ticks = os.sysconf("SC_CLK_TCK")
    limit = (time.clock_gettime(time.CLOCK_BOOTTIME) - OLD_S) * ticks
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    found = []
    for pid in pids:
        began = born(pid)
        try:
            if began is not None and began < limit and parent(pid) in (0, 1):
                found.append(pid)
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Surroundings:
    """The computer at one moment."""

    files: dict[str, str]
    texts: dict[str, str]
    processes: dict[int, int | None]

    @classmethod
    def look(cls, pids: Iterable[int], folders: Iterable[Path] = (), canaries: Iterable[Path] = ()) -> Surroundings:
        texts = {name: Path(name).read_text() for name in _TEXTS if Path(name).exists()}
        return cls(contents(folders, canaries), texts, {pid: born(pid) for pid in pids})


_TEXTS = (
    "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
    "/proc/self/mountinfo", "/etc/passwd", "/etc/hostname",
)  # fmt: skip
