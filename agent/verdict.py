"""Decide from two samples of an instance whether it is in use, and which early ends are due (ends.md E1-E3).

Pure functions of values, standard library, Python 3.8 or newer. What is unknown is never idle: then the measured idle
time begins again at 0. Times are seconds of the boot clock, which goes on while an instance is suspended.
"""

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

BUSY_LOAD, BUSY_CORES, BUSY_BYTES = 3, 0.10, 100_000
"""In use from: per cent of a GPU; cores; bytes a second over the last minute."""
SIGNALS = ("gpu", "cpu", "network", "output", "terminal")
LIMITS = ("END", "idle", "contact", "disuse", "warn", "tick", "stale", "hold", "grace", "failed", "life")


def read_limits(text: str) -> Optional[Dict[str, Any]]:
    """The daemon's line of limits, in seconds; None where it is damaged: then nothing is limited."""
    words = {"life": "0", **dict(word.partition("=")[::2] for word in text.strip().split(" "))}
    numbers = all(re.fullmatch(r"[0-9]{1,15}", words.get(name, ""), re.ASCII) for name in LIMITS)
    if not numbers or words.get("when") not in ("any", "gpu") or not 0 < int(words["tick"]) <= 60:
        return None
    return {**{name: int(words[name]) for name in LIMITS}, "when": words["when"]}


class Sample(NamedTuple):
    """What one look at the instance has found."""

    boot: str
    at: float
    wall: float
    unknown: Dict[str, str]  # signal -> why it cannot be measured
    processes: Dict[Tuple[int, int], Tuple[float, float]]  # the user's: (pid, birth) -> own seconds, with dead children
    ours: float  # seconds of our processes
    group: Optional[float]  # seconds of the container's own cgroup
    traffic: Tuple[Tuple[float, int], ...]  # time and user's bytes so far, the oldest first
    sizes: Dict[str, int]  # bytes of each run's output
    terminals: Dict[str, float]  # time of the last input, by any clock
    gpus: Tuple[Dict[str, Any], ...]


class Use(NamedTuple):
    """The verdict on two samples."""

    active: Tuple[str, ...]
    unknown: Dict[str, str]
    cores: float
    bytes_s: float


def break_between(before: Optional[Sample], now: Sample, stale: float) -> str:
    """Why the time between two samples was not measured; empty if it was (E1)."""
    if before is None:
        return "just started"
    if not now.boot or before.boot != now.boot:
        return "restarted" if now.boot else "there is no boot id"
    if not 0 < now.at - before.at <= stale:
        return "not measured for {:.0f} s".format(now.at - before.at)
    shift = (now.wall - before.wall) - (now.at - before.at)
    return "the clock was moved" if abs(shift) > stale else ""


def used_cores(before: Sample, now: Sample) -> float:
    """Cores the user's processes used. The highest of three sums, because each can miss short-lived processes.

    A process's own time misses children that ended in between; with the times of children, those nobody waited for
    are lost; a cgroup's own count misses none, but has ours in it.
    """
    zero = (0.0, 0.0)
    own = sum(max(0.0, used[0] - before.processes.get(key, zero)[0]) for key, used in now.processes.items())
    whole = sum(used[1] for used in now.processes.values()) - sum(used[1] for used in before.processes.values())
    group = 0.0
    if before.group is not None and now.group is not None:
        group = now.group - before.group - max(0.0, now.ours - before.ours)
    return max(own, whole, group) / (now.at - before.at)


def verdict(before: Sample, now: Sample) -> Use:
    """Which signals show use, and which cannot be measured (E2)."""
    (begun, old), (end, new) = (now.traffic or ((0, 0),))[0], (now.traffic or ((0, 0),))[-1]
    bytes_s = (new - old) / (end - begun) if end > begun else 0.0
    cores = used_cores(before, now)
    found = {
        "gpu": any((gpu["load"] or 0) >= BUSY_LOAD for gpu in now.gpus),
        "cpu": cores >= BUSY_CORES,
        "network": bytes_s >= BUSY_BYTES,
        "output": any(size > before.sizes.get(run, 0) for run, size in now.sizes.items()),
        "terminal": any(seen != before.terminals.get(name) for name, seen in now.terminals.items()),
    }
    unknown = {name: now.unknown.get(name) or before.unknown[name]
               for name in SIGNALS if name in now.unknown or name in before.unknown}  # fmt: skip
    return Use(tuple(name for name in SIGNALS if found[name] and name not in unknown), unknown, cores, bytes_s)


def is_idle(use: Use, when: str) -> bool:
    """Whether nothing is in use and nothing unknown; `when` gpu looks at GPUs alone."""
    return not {*use.active, *use.unknown} & {*(SIGNALS if when == "any" else ("gpu",))}


class Idle:
    """How long nothing was in use, counting measured time only; `step` is the whole rule of E1 and E2."""

    def __init__(self) -> None:
        self.idle_s = 0.0
        self.seen: Dict[str, float] = {}
        self.before: Optional[Sample] = None
        self.use = Use((), {}, 0.0, 0.0)

    def step(self, now: Sample, when: str, stale: float) -> None:
        before, self.before = self.before, now
        gap = break_between(before, now, stale)
        if before is None or gap:
            self.before = now._replace(traffic=now.traffic[-1:])
            self.idle_s, self.use = 0.0, Use((), {**now.unknown, "time": gap}, 0.0, 0.0)
            if before is None or before.boot != now.boot:
                self.seen = {}
            return
        self.use = verdict(before, now)
        self.seen.update(dict.fromkeys(self.use.active, now.at))
        self.idle_s = self.idle_s + now.at - before.at if is_idle(self.use, when) else 0.0


def early_ends(limits: Dict[str, Any], idle_s: float, silent_s: float) -> List[str]:
    """The ends that are due: `idle` after the whole limit; `contact` where nobody was heard and nothing in use (E3)."""
    contact = limits["contact"]
    disused = idle_s >= (limits["disuse"] or contact)
    due = [("idle", 0 < limits["idle"] <= idle_s), ("contact", 0 < contact <= silent_s and disused)]
    return [name for name, is_due in due if is_due]
