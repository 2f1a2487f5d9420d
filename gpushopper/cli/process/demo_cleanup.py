"""The end of a demo: whatever became of it, none of its processes runs on and its folder is gone.

Found by the name of the folder, not by asking: a market that was only just starting answers nobody, and would go on
without a home. `python -m gpushopper.cli.process.demo_cleanup FOLDER` watches a demo from outside and ends it when
its pipe is closed without a word, which is how a demo that was killed looks.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

from gpushopper.cli.polling import Out, poll
from gpushopper.paths import HOME_VARIABLE

PROCESSES = Path("/proc")
POLITE_S = 20.0
"""For daemon and market to end what they hold; then they are killed."""
KILLED_S = 10.0
STOP_LIMIT_S = 120.0
OVER = b"over\n"
"""What a demo tells its watcher when there is nothing left to do."""


class Watch:
    """Another process that clears up after this one if it is killed; it outlives the terminal too."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gpushopper.cli.process.demo_cleanup", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def dismiss(self) -> None:
        """Tell it that there is nothing left to do."""
        assert self._process.stdin is not None
        with suppress(OSError):  # somebody has ended it
            self._process.stdin.write(OVER)
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILLED_S)


def watch(home: Path, lines: IO[bytes]) -> None:
    """Wait for the demo's last word, and clear up where none came."""
    if lines.read() != OVER:
        clear(home)


def clear(home: Path, *, spared: Collection[int] = ()) -> bool:
    """End every process of this home and remove it; whether nothing is left. `spared` are never signalled."""
    if not PROCESSES.is_dir():
        _ask_to_stop(home)
    left_alone = frozenset({os.getpid(), *spared})
    if not _end(home, signal.SIGTERM, left_alone, POLITE_S):
        _end(home, signal.SIGKILL, left_alone, KILLED_S)
    _remove(home)
    return not home.exists() and not processes_of(home, left_alone)


def _end(home: Path, number: int, left_alone: frozenset[int], limit_s: float) -> bool:
    """Send a signal once to each process of this home, also to those that come while we wait; whether all ended."""
    signalled: set[int] = set()

    def are_gone() -> bool:
        found = set(processes_of(home, left_alone))
        for pid in found - signalled:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        signalled.update(found)
        return not found

    try:
        poll(are_gone, limit_s)
    except Out:
        return False
    return True


def processes_of(home: Path, left_alone: Collection[int] = ()) -> list[int]:
    """Our processes that work in this home. Other people's programs that only have a file of it open are not ours."""
    numbers = [int(entry.name) for entry in PROCESSES.glob("[0-9]*")] if PROCESSES.is_dir() else []
    return [pid for pid in numbers if pid not in left_alone and _is_of(PROCESSES / str(pid), home)]


def _is_of(process: Path, home: Path) -> bool:
    """By its environment, by its words, or, inside an instance, by where its root folder comes from."""
    path = os.fsencode(home)
    if f"{HOME_VARIABLE}=".encode() + path in _read(process / "environ"):
        return True
    words = _read(process / "cmdline")
    if path in words and (b"gpushopper" in words or words.startswith(b"ssh")):
        return True
    return f"/{home.name}/".encode() in _read(process / "mountinfo")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or belongs to somebody else
        return b""


def _ask_to_stop(home: Path) -> None:
    """Where processes cannot be listed: the way a person would take."""
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-m", "gpushopper.cli", "sandbox", "stop"],
            env={**os.environ, HOME_VARIABLE: str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=STOP_LIMIT_S,
            check=False,
        )


def _remove(home: Path) -> None:
    """Delete the folder, whatever modes an instance gave to what is in it."""
    for folder, names, _ in os.walk(home):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), sys.stdin.buffer)
