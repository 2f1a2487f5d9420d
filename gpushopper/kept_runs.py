"""Runs of sessions as kept on this computer after their instances are gone: outputs and how they ended (ends.md E8).

One folder for each run below `Home.kept_runs`; files are 0600, at most 20 MB for a run, 1 GB in all: where it is more,
the oldest run of the session that has most goes first. The daemon writes them, commands read them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gpushopper.core.model.run_folder import RUN_ID, Run
from gpushopper.paths import FREE_FLOOR, Home
from gpushopper.private_files import private_folder, write_private

HALF = 5 * 10**6
"""Bytes kept of an output's beginning, and of its end: of two outputs 20 MB in all."""
MOST_BYTES = 10**9
OUT, ERR = "out", "err"
_FACTS = "run.json"


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a run: its length there, its beginning, and its end where the middle is left out."""

    size: int = 0
    head: bytes = b""
    tail: bytes = b""

    @property
    def left_out(self) -> int:
        return max(self.size - len(self.head) - len(self.tail), 0)

    @property
    def has_come(self) -> bool:
        """Whether only the middle of a long output is missing, and nothing was cut off on the way."""
        return self.left_out == max(self.size - 2 * HALF, 0)

    @property
    def text(self) -> bytes:
        if not self.left_out:
            return self.head + self.tail
        return self.head + f"\n[gpu-shopper: {self.left_out} bytes left out]\n".encode() + self.tail


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run as it was when its output was fetched, at `kept_at` (wall µs); `left_out`: bytes that are not kept."""

    run: Run
    kept_at: int
    left_out: int = 0
    is_whole: bool = False
    """Whether all came that is kept of a run: it was not cut off on the way."""


def as_ended(kept: KeptRun) -> Run:
    """A run of a session that is over; one that was going was cut off with it."""
    return kept.run if kept.run.is_over else replace(kept.run, status="cut off", ended_at=kept.kept_at)


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """The folder of a kept run, below that of its session: when it was written (seconds since 1970), and its bytes."""

    folder: Path
    at: float
    size: int


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free


def keep(
    home: Home,
    session_id: str,
    run: Run,
    out: Output,
    err: Output,
    now: int,
    free: Callable[[Path], int] = _free,
) -> bool:
    """Write a run's outputs, or replace what was kept of it before; False where the disk has no room for them.

    Raises:
        OSError: they cannot be written.
    """
    total = len(out.text) + len(err.text)
    private_folder(home.kept_runs)
    if free(home.kept_runs) - total < FREE_FLOOR:
        return False
    folder = private_folder(private_folder(home.kept_runs / session_id) / run.run)
    for name, output in ((OUT, out), (ERR, err)):
        _write(folder / name, output.text)
    facts = asdict(KeptRun(run, now, out.left_out + err.left_out, out.has_come and err.has_come))
    write_private(folder / _FACTS, json.dumps(facts))
    for surplus_folder in surplus(_kept_files(home)):
        shutil.rmtree(surplus_folder, ignore_errors=True)
        with suppress(OSError):
            surplus_folder.parent.rmdir()  # fails where another run is in it
    return True


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(content)
    os.replace(temporary, path)


def kept_run_ids(home: Home, session_id: str) -> list[str]:
    """The ids of a session's kept runs, the one that was written last first; nothing of them is read."""
    folders = [path for path in _folders(home.kept_runs / session_id) if RUN_ID.fullmatch(path.name)]
    return [path.name for path in sorted(folders, key=_written_at, reverse=True)]


def _written_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # it has just been removed
        return 0


def kept_runs(home: Home, session_id: str) -> list[KeptRun]:
    """What is kept of a session's runs, the newest first."""
    folders = [path for path in _folders(home.kept_runs / session_id) if RUN_ID.fullmatch(path.name)]
    found = [kept for kept in map(_read, folders) if kept is not None]
    return sorted(found, key=lambda kept: kept.run.started_at or 0, reverse=True)


def _folders(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read(folder: Path) -> KeptRun | None:
    """The facts of one run; None where they are missing or damaged."""
    try:
        fields = json.loads((folder / _FACTS).read_text("utf-8"))
        return replace(KeptRun(**fields), run=Run(**fields["run"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def read_output(home: Home, session_id: str, run_id: str, name: str) -> bytes:
    """One kept output (OUT or ERR); empty where there is none."""
    try:
        return (home.kept_runs / session_id / run_id / name).read_bytes()
    except FileNotFoundError:
        return b""


def surplus(found: Iterable[KeptFiles]) -> list[Path]:
    """What must go so that all are within MOST_BYTES: always the oldest run of the session that has most.

    So a session with many long outputs does not push out those of others.
    """
    sessions: dict[Path, list[KeptFiles]] = {}
    for each in sorted(found, key=lambda each: (each.at, each.folder), reverse=True):
        sessions.setdefault(each.folder.parent, []).append(each)
    sizes = {session: sum(each.size for each in runs) for session, runs in sessions.items()}
    gone = []
    while sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda session: (sizes[session], -sessions[session][-1].at))
        oldest = sessions[largest].pop()
        sizes[largest] -= oldest.size
        gone.append(oldest.folder)
        if not sessions[largest]:
            del sizes[largest]
    return gone


def _kept_files(home: Home) -> list[KeptFiles]:
    found = []
    for session in _folders(home.kept_runs):
        for run in _folders(session):
            with suppress(OSError):
                files = [path.stat() for path in run.iterdir()]
                at, size = max((file.st_mtime for file in files), default=0.0), sum(file.st_size for file in files)
                found.append(KeptFiles(run, at, size))
    return found
