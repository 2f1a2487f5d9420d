"""What must be the same before and after something nasty ran inside: files, processes, the computer itself."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Written all the time by the very tools that run the tests.
VOLATILE = frozenset({
    ".cache", ".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    "__pycache__",
})  # fmt: skip
OLD_S = 600


def manifest(tops: Iterable[Path]) -> dict[str, tuple[int, ...]]:
    """Every file under some folders with what a change would change; what we may not read is left out."""
    found: dict[str, tuple[int, ...]] = {}
    waiting = [str(top) for top in tops]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.name in VOLATILE:
                continue
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            found[entry.path] = (about.st_ino, about.st_mode, about.st_uid, about.st_size, about.st_mtime_ns)
            if entry.is_dir(follow_symlinks=False):
                found[entry.path] = found[entry.path][:3]  # a file in it tells its own change
                waiting.append(entry.path)
    return found


def changes(before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]]) -> list[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


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

    files: dict[str, tuple[int, ...]]
    texts: dict[str, str]
    processes: dict[int, int | None]

    @classmethod
    def look(cls, tops: Iterable[Path], pids: Iterable[int]) -> Surroundings:
        texts = {name: Path(name).read_text() for name in _TEXTS if Path(name).exists()}
        return cls(manifest(tops), texts, {pid: born(pid) for pid in pids})


_TEXTS = (
    "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
    "/proc/self/mountinfo", "/etc/passwd", "/etc/hostname",
)  # fmt: skip
