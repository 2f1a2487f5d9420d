"""Clean up after a demo, even a killed one: end all processes of its home folder and remove the folder.

Processes are found by the folder's name in /proc, not by requests: a sandbox that is still starting does not answer.
`python -m gpushopper.cli.process.demo_cleanup FOLDER` is the watcher process; it cleans up when its stdin is closed
without the FINISHED message, as happens when the demo is killed.
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

from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.paths import HOME_VARIABLE

PROCESSES = Path("/proc")
TERM_LIMIT_S = 20.0
"""Time for daemon and sandbox to stop after SIGTERM; then they are killed."""
KILL_LIMIT_S = 10.0
STOP_LIMIT_S = 120.0
FINISHED = b"over\n"
"""The message with which a demo dismisses its watcher."""


class CleanupWatcher:
    """A separate process that cleans up if the demo is killed; it survives a closed terminal."""

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
        """End the watcher: the demo has cleaned up itself."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it has been killed
            self._process.stdin.write(FINISHED)
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_LIMIT_S)


def watch(home: Path, lines: IO[bytes]) -> None:
    """Wait for the demo's FINISHED message; clean up if its pipe closes without one."""
    if lines.read() != FINISHED:
        clear(home)


def clear(home: Path, *, spared: Collection[int] = ()) -> bool:
    """End every process of this home and remove the folder; returns whether nothing is left. Skips `spared` pids."""
    if not PROCESSES.is_dir():
        _stop_by_command(home)
    left_alone = frozenset({os.getpid(), *spared})
    if not _end(home, signal.SIGTERM, left_alone, TERM_LIMIT_S):
        _end(home, signal.SIGKILL, left_alone, KILL_LIMIT_S)
    _remove(home)
    return not home.exists() and not processes_of(home, left_alone)


def _end(home: Path, number: int, left_alone: frozenset[int], limit_s: float) -> bool:
    """Signal each process of this home once, also those that start meanwhile; returns whether all have ended."""
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
    except WaitTimeout:
        return False
    return True


def processes_of(home: Path, left_alone: Collection[int] = ()) -> list[int]:
    """The ids of our processes that use this home; not those of other programs that have one of its files open."""
    numbers = [int(entry.name) for entry in PROCESSES.glob("[0-9]*")] if PROCESSES.is_dir() else []
    return [pid for pid in numbers if pid not in left_alone and _is_of(PROCESSES / str(pid), home)]


def _is_of(process: Path, home: Path) -> bool:
    """Recognised by its environment, its argv or, for a process inside a live instance, its mounts."""
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
    except OSError:  # it has ended, or belongs to another user
        return b""


def _stop_by_command(home: Path) -> None:
    """Run `sandbox stop`, where there is no /proc to find processes in."""
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
    """Delete the folder, whatever permissions an instance has set in it."""
    for folder, names, _ in os.walk(home):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                with suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), sys.stdin.buffer)
