"""The screens that are kept in docs/screens: one day of a user, typed at one width."""

from __future__ import annotations

import io
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from gpushopper.cli.app import App
from gpushopper.cli.output.progress_display import LiveProgress
from gpushopper.cli.output.session_phases import show_provisioning_progress
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from tests.screens.stage import CONSUMER, SimClient, Stage, in_utc
from tests.sim.simulated_remote import SimRemote

SEED = 5
THINKING_S = 15.0
"""Between two commands: nobody types quicker, and clouds limit how often they are searched."""
MINUTE_S = 60.0
Typed = tuple[str, str]
"""A line that is typed, and what is shown."""


class Day:
    """What is typed, and shown, in the order of the story: screens by name.

    With `colors`, what only reads is shown in colour, too: `colored` has both.
    """

    def __init__(self, stage: Stage, width: int, *, colors: bool = False) -> None:
        self.stage, self.width, self.colors = stage, width, colors
        self.shown: dict[str, list[Typed]] = defaultdict(list)
        self.colored: list[tuple[str, str]] = []

    def type(self, screen: str, line: str, *, typed: str | None = "", step_s: float = 0.0) -> None:
        self.stage.world.run_for(THINKING_S)
        text = self.stage(line, self.width, typed=typed, step_s=step_s)
        self.shown[screen].append((line, text))
        if self.colors and not step_s and typed == "":
            self.colored.append((text, self.stage(line, self.width, color=True)))

    def show(self, screen: str, line: str, run: Callable[[App], None]) -> None:
        """What this prints, as the command would that is named: what it finds on this computer differs elsewhere."""
        self.shown[screen].append((line, self.stage.shown(run, self.width)))

    def live(self, screen: str, line: str, session: str) -> None:
        """What stands on the screen while a session is provisioned, once its instance pulls the image."""
        stage, client = self.stage, SimClient(self.stage)
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(out):
            patch.setenv("COLUMNS", str(self.width))
            progress = LiveProgress(stage.world.clock)
            view = client.session(session)
            while view.attempts[-1].provider_status != "loading":
                stage.world.run_for(3)
                view = client.session(session)
                show_provisioning_progress(progress, view, stage.world.clock.now().wall)
            out.write(f"{progress._current()}\n")
        self.shown[screen].append((line, out.getvalue()))


@contextmanager
def staged(width: int, *, colors: bool = False, **world: Any) -> Iterator[Day]:
    with tempfile.TemporaryDirectory(prefix="gs-") as folder, in_utc():
        stage = Stage(Path(folder), seed=SEED, **world)
        yield Day(stage, width, colors=colors)
        stage.world.kill()


def a_day(width: int, *, colors: bool = False) -> Day:
    """Rent, fail over, look, end."""
    with staged(width, colors=colors, clouds=("vast", "tensordock")) as day:
        looking(day)
        renting(day)
        having(day)
        failing(day)
        ending(day)
    return day


def looking(day: Day) -> None:
    day.type("ls", "ls")
    day.type("inventory", "inventory --gpu 4090 --limit 6")
    day.type("inventory", "inventory --gpu a100,h100 --region EU --limit 4")
    day.type("inventory", "inventory --group-by gpu --limit 6")
    day.type("plan", "plan --gpu 4090 --hours 2")
    day.type("plan", "plan --gpu h100 --hours 3 --allow-unguarded")


def renting(day: Day) -> None:
    day.type("provision", "provision --gpu 4090 --hours 2 --name train", typed="n\n")
    day.type("provision", "provision --gpu 4090 --hours 2 --name train --idle 1h", typed="y\n", step_s=5)
    world = day.stage.world
    day.live(
        "provision",
        "provision --gpu a100 --hours 4 --name sweep --yes",
        world.provision("A100", 4, "sweep", consumer=CONSUMER),
    )
    world.running("sweep")
    world.fault("create", "reject", "no_such_ask", count=1)
    world.fault("create", "start_failure", count=1)
    day.type("failover", "provision --gpu 3090 --hours 1 --name eval --yes", step_s=10)
    world.fault("create", "start_failure", count=1)
    day.live(
        "failover",
        "provision --gpu h100 --hours 3 --name big --yes",
        world.provision("H100", 3, "big", consumer=CONSUMER),
    )
    world.running("big")


def having(day: Day) -> None:
    world = day.stage.world
    assert isinstance(world.remote, SimRemote)
    cut_off = world.view("eval").ssh_port
    world.remote.answer = lambda login: (
        ProbeFailure(ProbeFailureKind.UNREACHABLE, "connection timed out") if login.port == cut_off else None
    )
    world.run_for(25 * MINUTE_S)
    for name, line in (
        ("ls", "ls"), ("ls", "ls -o wide"), ("get", "get train"), ("get", "get eval"), ("why", "why train"),
        ("costs", "costs"), ("costs", "costs --by gpu"), ("status", "status"), ("receipt", "receipt train"),
        ("alarms", "alarms"), ("events", "events -s eval"),
    ):  # fmt: skip
        day.type(name, line)


def failing(day: Day) -> None:
    for line, typed in (
        ("get trian", ""), ("provison", ""), ("provision --gpu 4090 --max-price 0.05", ""), ("plan --gpu 4909", ""),
        ("provision --gpu 4090 --hours 2", None), ("provision --gpu 4090 --hours 20", ""),
    ):  # fmt: skip
        day.type("errors", line, typed=typed)
    day.stage("budget set all --daily 3", day.width)
    day.type("errors", "provision --gpu 4090 --hours 8")


def ending(day: Day) -> None:
    world = day.stage.world
    day.type("shutdown", "shutdown train --wait proven", typed="y\n", step_s=20)
    day.type("receipt", "receipt train")
    day.type("get", "get train")
    day.type("why", "why train --replay")
    day.type("ls", "ls -a")
    world.fault("any", "dns")
    world.run_for(6 * MINUTE_S)
    day.type("status", "status")
    day.type("errors", "inventory --gpu 4090")


def many_end(width: int) -> Day:
    """18 sessions end at once."""
    with staged(width) as day:
        world = day.stage.world
        for number in range(1, 19):
            world.provision("RTX 4090", name=f"sweep-{number:02}")
            world.run_for(2)
        world.run_for(4 * MINUTE_S)
        day.type("ending-18", "shutdown --all", typed="y\n", step_s=0.4)
    return day
