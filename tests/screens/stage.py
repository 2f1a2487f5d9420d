"""Commands typed at a terminal of a given width, in a simulated world: real parser, client, API, engine and market.

Time passes only while a command polls, so that what is shown is the same each time.
"""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import structlog

from gpushopper.cli import root
from gpushopper.cli.app import App
from gpushopper.cli.error_report import report
from gpushopper.cli.input.command_classes import with_fields
from gpushopper.cli.output.alarm_reminder import print_open_alarms
from gpushopper.cli.process.daemon_client import note_start
from gpushopper.cli.process.daemon_process import not_started
from gpushopper.client import Client, Starter
from gpushopper.client.http_exchange import NotConnected, Response
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, ClockSnapshot
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.metrics.exposition import Exposition
from gpushopper.daemon.periodic_jobs import Schedule
from gpushopper.daemon.supervision.loops import Loops
from gpushopper.engine.alerts.dispatch import AlertDispatch
from gpushopper.paths import Home
from tests.cli.in_process import Stream
from tests.daemon.stand_ins import KnownKeys
from tests.daemon.test_api import nobody_told
from tests.sim.world import START, World

MORNING = 107 * HOUR + 20 * MINUTE
"""A Wednesday, 10:00, after the simulation's start."""
CONSUMER = "alice"
"""Whom sessions are charged to, whoever runs this."""
SHOWN_HOME = Path("/home/user/.local/share/gpu-shopper")
"""What `status` names as its folder: a name of the same length everywhere."""
SHOWN = Home(SHOWN_HOME, SHOWN_HOME)


class Held(KnownKeys):
    """Every cloud has its key, or lacks one."""

    def __init__(self, lacking: Sequence[str] = ()) -> None:
        self._lacking = list(lacking)

    def keyless(self) -> list[str]:
        return self._lacking

    def keyless_header(self) -> list[str]:
        return self._lacking


class SimClient(Client):
    """The client with the daemon in the same process; each poll of a session takes `step_s` of simulated time."""

    def __init__(self, stage: Stage, start: Starter | None = None) -> None:
        super().__init__(stage.world.home, start)
        self.stage = stage

    def _send_once(
        self, method: str, target: str, headers: Mapping[str, str], payload: bytes | None, limit_s: float
    ) -> Response:
        if self.stage.is_down:
            raise NotConnected
        with self.stage.turn:
            return self._answer(method, target, headers, payload)

    def _answer(self, method: str, target: str, headers: Mapping[str, str], payload: bytes | None) -> Response:
        world = self.stage.world
        if method == "GET" and target.startswith("/api/v1/sessions/") and self.stage.step_s:
            world.run_for(self.stage.step_s)
        world.executor.is_calling = target.endswith("/keep-outputs")  # a thread of the API, not the engine's
        answer = self.stage.flask.open(target, method=method, headers=dict(headers), data=payload)
        world.executor.is_calling, world.executor.transport.charged_s = False, 0.0
        return Response(answer.status_code, {name.lower(): value for name, value in answer.headers}, answer.data)


class SimApp(App):
    """A command's context in the simulated world."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(lambda use_sandbox, host: stage.world.home, lambda app: SimClient(stage, self._start))
        self._stage = stage

    def _start(self, why: str) -> None:
        """A daemon that is down does not start here."""
        note_start(self, why)
        raise not_started(SHOWN)

    def now(self) -> ClockSnapshot:
        return self._stage.world.clock.now()

    def client_without_start(self) -> Client:
        return SimClient(self._stage)


class Keyboard(Stream):
    """Standard input of a terminal: what is typed is seen on the screen."""

    def __init__(self, text: str, screen: Stream) -> None:
        super().__init__(text, is_terminal=True)
        self._screen = screen

    def readline(self, size: int | None = -1, /) -> str:
        line = super().readline(size)
        self._screen.write(line)
        return line


class Stage:
    """One world and a terminal in front of it."""

    def __init__(
        self, folder: Path, world_class: type[World] = World, lacking: Sequence[str] = (), **world: Any
    ) -> None:
        """`lacking`: clouds without a key."""
        self.world = world_class(folder, policy=REAL, boot_seconds=30.0, **world)
        self.world.clock.t = MORNING
        (folder / "config.toml").write_text(f'[defaults.provision]\nconsumer = "{CONSUMER}"\n')
        self.world.start().ready()
        self.step_s = 0.0
        self.is_down = False
        """Whether the daemon has ended, and does not start again."""
        self.turn = threading.Lock()
        """One request at a time, also of commands that send several at once."""
        handle, clock = self.world.engine.handle, self.world.clock
        schedule = Schedule([], clock)
        service = Service(
            handle=handle, clock=clock, home=SHOWN, version="0.2.0", pid=4242, uid=os.geteuid(),
            started_at=START + MORNING, installation=handle.ctx.installation.id, policy="real", schedule=schedule,
            keys=Held(lacking), loops=Loops(clock, schedule, {}), metrics=Exposition(),
            alerts=AlertDispatch(handle.ctx, self.world.executor, dict, nobody_told),
            request_stop=lambda: None,
        )  # fmt: skip
        self.flask = build_app(service).test_client()

    def __call__(
        self, line: str, width: int = 80, *, typed: str | None = "", step_s: float = 0.0, color: bool = False
    ) -> str:
        """What a terminal shows after this command; with None in place of what is `typed` nobody is there."""
        self.step_s = step_s
        words = shlex.split(line)

        def run(app: App) -> None:
            app.words = words
            root.main(args=with_fields(words), prog_name="gpu-shopper", standalone_mode=False, obj=app)
            print_open_alarms(app)

        return self.shown(run, width, typed=typed, color=color)

    def shown(self, run: Callable[[App], None], width: int, *, typed: str | None = "", color: bool = False) -> str:
        """What a terminal shows of this, an error included."""
        screen, app = Stream(is_terminal=True), SimApp(self)
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(screen), redirect_stderr(screen):
            for name, value in {"COLUMNS": str(width), "LINES": "48", "TERM": "xterm-256color"}.items():
                patch.setenv(name, value)
            patch.setenv("NO_COLOR", "" if color else "1")
            patch.setattr(sys, "stdin", Stream() if typed is None else Keyboard(typed, screen))
            try:
                run(app)
            except BaseException as error:  # noqa: BLE001 - as in main
                report(app, error)
        return screen.getvalue()


@contextmanager
def in_utc() -> Iterator[None]:
    """Times of day as in UTC, logs for nobody."""
    structlog.configure([structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.setenv("GPU_SHOPPER_HOME", "/nonexistent")
        time.tzset()
        try:
            yield
        finally:
            patch.undo()
            time.tzset()
            structlog.reset_defaults()
