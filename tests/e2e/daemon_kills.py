"""One kill -9 of the daemon at some time in a session's life, judged by the sandbox's own ledger (I19, I3, I6)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.sandbox_home import SandboxHome, sandbox_home

NAME = "target"
PROVISION = ("provision", "--gpu", "RTX 4090", "--yes", "--name", NAME)
LIFE: tuple[tuple[str, ...], ...] = (PROVISION, ("sandbox", "advance", "20m"), ("costs",))
END = ("shutdown", NAME, "--yes", "--wait", "proven")

Fault = tuple[str, ...]
HANGING: tuple[Fault, ...] = (("create", "commit_then_hang", "--count", "1"),)
UNCERTAIN: tuple[Fault, ...] = (*HANGING, ("list", "lag", "6s"))
# How to come into a state, and how long it then surely lasts (s): the drill policy waits 2 s for a create.
AIMS: dict[str, tuple[tuple[Fault, ...], float]] = {
    "prepared": ((), 0.0),
    "sent": (HANGING, 0.8),
    "uncertain": (UNCERTAIN, 2.0),
    "booting": ((), 1.2),
    "destroying": ((), 2.0),
}


@dataclass(frozen=True)
class Kill:
    """When to kill: in a state, `after_s` into it; or `after_s` into the whole life."""

    number: int
    seed: int
    after_s: float
    aim: str = ""

    @property
    def faults(self) -> tuple[Fault, ...]:
        return AIMS[self.aim][0] if self.aim else ()


@dataclass
class Outcome:
    """The result of one life with a kill."""

    kill: Kill
    state: str
    restarts: int
    took_s: float
    problems: list[str]

    def line(self) -> str:
        aim = self.kill.aim or "drawn"
        verdict = "; ".join(self.problems) or "ok"
        when = f"{aim} +{self.kill.after_s:.2f} s"
        return (
            f"{self.kill.number:>3}  seed {self.kill.seed:<7} {when:<20} killed in {self.state:<26} "
            f"{self.restarts} restarts  {self.took_s:5.1f} s  {verdict}"
        )


def aimed(number: int, seed: int, aim: str) -> Kill:
    """A kill inside a state, at a drawn moment of it."""
    return Kill(number, seed, Random(f"{seed}:{number}").uniform(0, AIMS[aim][1]), aim)


def drawn(number: int, seed: int, span_s: float) -> Kill:
    """A kill at a drawn moment of a whole life of this length."""
    return Kill(number, seed, Random(f"{seed}:{number}").uniform(0, span_s))


def record(top: Path, seed: int) -> float:
    """Live one life undisturbed; how long it took. Raises when even that goes wrong."""
    with sandbox_home(top, seed) as sandbox:
        sandbox.must("daemon", "start")
        began = time.monotonic()
        for words in (*LIFE, END):
            sandbox.must(*words)
        return time.monotonic() - began


class _Killer:
    """Kills the daemon once, at its moment, while the commands run elsewhere."""

    def __init__(self, sandbox: SandboxHome, kill: Kill) -> None:
        self.sandbox = sandbox
        self.kill = kill
        self.state = "never"
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        if self.kill.aim and not self._comes_to(self.kill.aim):
            return
        self.over.wait(self.kill.after_s)
        killed = self.sandbox.kill_daemon()
        # A restart takes a second of imports: what the file says now is what the killed one left behind.
        states = [state for _, state in self.sandbox.attempts()]
        self.state = (" ".join(states) or "no attempt") + ("" if killed else " (none ran)")

    def _comes_to(self, state: str) -> bool:
        while not self.over.wait(0.003):
            if state in [found for _, found in self.sandbox.attempts()]:
                return True
        return False


def live(top: Path, kill: Kill) -> Outcome:
    """Live one life with the kill in it and judge its end."""
    with sandbox_home(top, kill.seed) as sandbox:
        sandbox.must("daemon", "start")
        for fault in kill.faults:
            sandbox.fault(*fault)
        began = time.monotonic()
        killer = _Killer(sandbox, kill)
        killer.thread.start()
        try:
            said, problems = _commands(sandbox)
        finally:
            killer.over.set()
            killer.thread.join()
        took = time.monotonic() - began
        return Outcome(kill, killer.state, said.count("starting the daemon"), took, problems)


def _commands(sandbox: SandboxHome) -> tuple[str, list[str]]:
    """Run the life's commands; all they said on stderr, and what was wrong."""
    said, problems = "", []
    for words in LIFE:
        done = sandbox.run(*words)
        said += done.stderr
        if done.returncode != 0:
            problems.append(f"{words[0]}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    asked_at = sandbox.ledger()["at"]
    done = sandbox.run(*END)
    said += done.stderr
    if done.returncode != 0 or "destroyed" not in done.stdout:
        problems.append(f"{END[0]}: exit {done.returncode}: {done.stdout}{done.stderr.strip()[-300:]}")
    return said, problems + judge(sandbox.ledger(), asked_at)


def judge(ledger: dict[str, Any], asked_at: str) -> list[str]:
    """What is wrong by the sandbox's ledger alone."""
    ours = [row for row in ledger["instances"] if not row["foreign"]]
    problems = [f"instance {row['id']} is {row['state']}" for row in ours if row["state"] != "gone"]
    problems += [f"instance {row['id']} ended by {row['ended_by']}" for row in ours if row["ended_by"] != "api"]
    if not ours:
        problems.append("nothing was rented")
    many = Counter(row["label"] for row in ledger["creates"])
    problems += [f"{count} creates under {label}" for label, count in many.items() if count > 1]
    early = [row for row in ledger["destroys"] if row["at"] < asked_at]
    problems += [f"wanted instance {row['id']} destroyed at {row['at']}" for row in early]
    return problems


def live_all(top: Path, kills: list[Kill], at_once: int) -> list[Outcome]:
    """Live every life, a few in parallel: most of their time is waiting."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda kill: live(top / f"k{kill.number}", kill), kills))
