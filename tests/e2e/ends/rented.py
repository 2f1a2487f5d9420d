"""Instances that are in use or not: rented in a live sandbox, used over real logins.

Real daemon, real boot script, guard, upkeep and agent, contained as `sandbox start --live` contains them; the drill
policy makes a minute a second. The sandbox's ledger is the only evidence of an end.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import Any

from gpushopper.core.policy import DRILL_LIVE
from tests.sandbox_home import SandboxHome

IDLE_S, WARNED_S = 20, 10
"""The idle limit, and how long before its end one is announced: nine ticks of the agent, and a second."""
IDLE = f"--idle {IDLE_S}s"
WHOLE_S = 1
"""The guard counts whole seconds of uptime: what it waits for may be over that much sooner."""

GPUS = ("RTX 3060", "RTX 3080", "RTX A4000")
"""Of each the market has several offers."""
STALLED = "while :; do sleep 1; done"
BUSY = "while :; do i=0; while [ $i -lt 500000 ]; do i=$((i+1)); done; sleep 0.3; done"
"""Some tenths of a core."""


def slowly(look: Callable[[], object], every_s: float = 0.5) -> Callable[[], object]:
    """The same condition, looked at twice a second: it may be a command, which takes a third of a second of a core."""
    last = [0.0]

    def at_times() -> object:
        if time.monotonic() - last[0] < every_s:
            return False
        found = look()
        last[0] = time.monotonic()
        return found

    return at_times


def at(text: str) -> float:
    """Unix time of a time in JSON."""
    return datetime.fromisoformat(text).timestamp()


class Rented:
    """One session with its instance, by its name."""

    def __init__(self, sandbox: SandboxHome, name: str, wait_until: Callable[..., None]) -> None:
        self.sandbox, self.name, self.wait_until = sandbox, name, wait_until

    @property
    def session(self) -> dict[str, Any]:
        return self.sandbox.session(self.name)

    @property
    def number(self) -> str:
        return str(self.session["attempts"][-1]["instance_id"])

    def row(self, number: str) -> dict[str, Any]:
        """What really became of the instance."""
        return next(row for row in self.sandbox.ledger()["instances"] if row["id"] == number)

    def destroys(self, number: str) -> list[dict[str, Any]]:
        return [row for row in self.sandbox.ledger()["destroys"] if row["id"] == number]

    def says(self, command: str) -> str:
        return self.sandbox.must("ssh", self.name, "--", command)

    def file(self, name: str) -> str:
        """A file of the guard's folder; empty where there is none."""
        return self.says(f"cat .gs-guard/{name} 2>/dev/null || :")

    def home(self, number: str) -> Path:
        """The home of its root as this computer sees it: a login would be contact, and would start the daemon."""
        return self.sandbox.home / "market" / "live" / number / "disk" / "root"

    def reads(self, name: str) -> str:
        """The same; empty also while nobody can log in."""
        done = self.sandbox.run("ssh", self.name, "--", f"cat .gs-guard/{name}")
        return done.stdout if done.returncode == 0 else ""

    def hang_up(self) -> None:
        """Close the daemon's shared connections, as a lost link would."""
        for control in self.sandbox.home.glob("run/c-*"):
            subprocess.run(
                ["ssh", "-F", "/dev/null", "-o", f"ControlPath={control}", "-O", "exit", "any"],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False,
            )  # fmt: skip

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.file("report.json") or "{}"))

    def events(self) -> list[dict[str, Any]]:
        found = json.loads(self.sandbox.must("events", "--json", "-n", "500"))["events"]
        return [row for row in found if row["session"] == self.session["id"]]

    def until(self, look: Callable[[], object], timeout_s: float = 90) -> None:
        self.wait_until(slowly(look), timeout_s=timeout_s)

    def until_watched(self) -> None:
        self.until(lambda: (found := self.session["limits"])["confirmed"] and not found["unwatched"])

    def until_gone(self, number: str, timeout_s: float = 180) -> dict[str, Any]:
        self.until(lambda: self.row(number)["state"] == "gone", timeout_s)
        return self.row(number)

    def until_proven(self, timeout_s: float = 180) -> dict[str, Any]:
        self.until(lambda: self.session["end_stage"] == "proven", timeout_s)
        return self.session


def receipt(rented: Rented) -> dict[str, Any]:
    found = json.loads(rented.sandbox.must("receipt", rented.name, "--json"))["receipts"]
    return dict(found[-1]["receipt"])


def alarms(sandbox: SandboxHome) -> dict[str, str]:
    """Text of each open alarm by its kind."""
    return {row["kind"]: row["text"] for row in json.loads(sandbox.must("alarms", "--json"))["alarms"]}


def assert_ended_idle(rented: Rented, number: str) -> None:
    """It ended itself at the announced second, and is proven gone, with what was heard."""
    session = rented.until_proven()
    assert (session["reason"], session["status"]) == ("idle", "stopped")
    row = rented.row(number)
    assert row["ended_by"] == "instance_key", row
    events = {event["kind"]: event for event in rented.events()}
    assert events["ending"]["data"]["reason"] == "idle" and events["ending"]["data"]["allowed"]
    assert receipt(rented)["reason"] == "idle"
    late = at(row["ended_at"]) - at(session["ending_at"])
    noticed = at(row["ended_at"]) - at(events["ending"]["at"])
    proven = at(session["ended_at"]) - at(row["ended_at"])
    print(f"\n{rented.name}: {late:+.1f} s from its announced end, {noticed:.1f} s after it was heard, "
          f"proven {proven:.1f} s later")  # fmt: skip
    # A heartbeat takes so long at most, which makes what it says later; then it is the daemon's turn.
    assert -DRILL_LIVE.heartbeat_timeout_s < late < DRILL_LIVE.own_end_s


def rent(
    sandbox: SandboxHome, wait_until: Callable[..., None], *names: str, options: str = "", life: str = "10m"
) -> list[Rented]:
    """Rent one instance for each name, all at once."""
    words = ("--provider", "vast", "--yes", "--for", life, *options.split())
    gpus = zip(names, cycle(GPUS), strict=False)
    begun = [sandbox.begin("provision", "--name", name, "--gpu", gpu, *words) for name, gpu in gpus]
    for process in begun:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    return [Rented(sandbox, name, wait_until) for name in names]


def begin_run(rented: Rented, command: str, *options: str) -> str:
    """Start a run and leave; its id."""
    return rented.sandbox.must("run", rented.name, "-d", *options, "--", "sh", "-c", command).strip()


@contextmanager
def typing(sandbox: SandboxHome, name: str) -> Iterator[None]:
    """A login with a terminal in which somebody types every two seconds."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        sandbox.command("ssh", name), env={**sandbox.variables, "TERM": "xterm"}, stdin=theirs, stdout=theirs,
        stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    over = threading.Event()

    def type_on() -> None:
        while not over.wait(2):
            os.write(ours, b"true\n")

    def read_on() -> None:
        try:
            while os.read(ours, 4096):
                pass
        except OSError:  # the terminal was hung up
            return

    threads = [threading.Thread(target=work, daemon=True) for work in (type_on, read_on)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        process.kill()
        process.wait()
        threads[0].join()
        os.close(ours)
