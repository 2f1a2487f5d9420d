"""Who sleeps in a contained instance: its clock moves on only while nothing else is at work there.

Every process of a process namespace descends from its first one, so a walk over that one's children finds them all
(`/proc/PID/task/PID/children`, proc(5)); what a test itself runs inside has ended when time goes on. The walk is cheap,
and what it finds cannot change by itself: a sleeper has stopped itself (sleep.sh) until the clock's mover wakes it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

SLEEP = b"/bin/sleep"
"""A script, run by the image's sh; it is found in each folder for programs."""
OWN_SLEEP = b"/mnt/real/sleep"
"""What the first process itself waits for (contained_instance.sh); it is no part of the instance's time."""


class Sleepers:
    """The sleeping processes of one instance, each with the time at which it is due.

    The clock stands still while somebody is at work, so the time at which a sleeper is first seen is that at which it
    lay down.
    """

    def __init__(self) -> None:
        self.due: dict[int, int] = {}
        """Boot-clock seconds, by process id."""
        self.woken: set[int] = set()

    def all_asleep(self, first: int, now: int) -> bool:
        """Whether nothing is at work; takes note of who lay down since it was last asked.

        The kernel may leave out a child while another one ends, therefore only what is seen twice counts.
        """
        found = asleep(first)
        if found is None or self.woken & set(found) or found != asleep(first):
            return False
        self.due = {pid: self.due.get(pid, now + length_s) for pid, length_s in found.items()}
        return True

    def wake(self, now: int) -> bool:
        """Wake all that are due; whether there were any."""
        self.woken = {pid for pid, due in self.due.items() if due <= now}
        for pid in self.woken:
            del self.due[pid]
            with suppress(ProcessLookupError):  # the instance may have been powered off meanwhile
                os.kill(pid, signal.SIGCONT)
        return bool(self.woken)

    def next_due(self, at_most: int) -> int:
        return min((at_most, *self.due.values()))


def asleep(first: int) -> dict[int, int] | None:
    """Return the process ids of all that sleep and their seconds; None while anything else is at work.

    Whoever has a sleeping child waits for it: nothing on an instance sleeps in the background. The first process begins
    its own sleep when it has begun everything else.
    """
    found: dict[int, int] = {}
    waiting = [first]
    try:
        while waiting:
            pid = waiting.pop()
            folder = Path(f"/proc/{pid}")
            below = {int(child): length_of_sleep(int(child)) for child in own_children(folder, pid)}
            found |= {child: length_s for child, length_s in below.items() if length_s}
            if all(length_s is None for length_s in below.values()):
                return None
            waiting += [child for child, length_s in below.items() if length_s is None]
    except (OSError, ValueError):
        return None  # one ended meanwhile
    return found


def own_children(folder: Path, pid: int) -> list[str]:
    return (folder / "task" / str(pid) / "children").read_text().split()


def length_of_sleep(pid: int) -> int | None:
    """Seconds that a stopped sleeper asked for, 0 for the first process's own sleep, None for everybody else."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if words[0] == OWN_SLEEP:
        return 0
    if len(words) < 3 or not words[1].endswith(SLEEP):
        return None
    return int(words[2]) if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T" else None
