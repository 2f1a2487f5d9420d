"""Receivers of alerts on simulated time: down, slow, redirecting, lying. The real job and webhooks send to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from gpushopper.config.alert_channels import AlertChannel, ChannelKind
from gpushopper.core.alerts.alert import Alert
from gpushopper.core.alerts.delivery import Outcome
from gpushopper.core.secret import Secret
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.alerts.dispatch import AlertDispatch
from gpushopper.engine.executor import CallResult
from gpushopper.notify.message import Message
from gpushopper.notify.webhook import LIMIT_S, Target, send
from tests.notify.messages import KEY
from tests.sim.world import SimClock, World


@dataclass
class SimReceiver(httpx.BaseTransport):
    """`taken` are the messages that it has, by their ids in order; one that it has already is noticed by its id."""

    mode: str = "fine"
    taken: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    names: set[str | None] = field(default_factory=set)
    tries: int = 0
    repeated: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.tries += 1
        match self.mode:
            case "down":
                raise httpx.ConnectError("refused")
            case "hangs":
                raise httpx.ReadTimeout("late")
            case "slow":  # it has the message, and answers too late
                self._take(request)
                raise httpx.ReadTimeout("late")
            case "redirects":
                return httpx.Response(307, headers={"location": "https://elsewhere.example.org/"})
            case "lies":  # an error with a body and headers that are none
                return httpx.Response(503, headers={"retry-after": "999999999"}, content=b"<html>" * 10**5)
            case "refuses":
                return httpx.Response(404)
        self._take(request)
        return httpx.Response(200)

    def _take(self, request: httpx.Request) -> None:
        key = request.headers["webhook-id"]
        self.repeated += key in self.taken
        if key not in self.taken:
            self.taken.append(key)
            data = json.loads(request.content)["data"]
            self.texts.append(data["text"])
            self.names.add(data["name"])

    @property
    def takes_s(self) -> float:
        return LIMIT_S if self.mode in ("hangs", "slow") else 0.2


@dataclass
class SimAlertThreads:
    """A call acts at once; its result is there when its time has passed."""

    clock: SimClock
    takes_s: Callable[[str], float]
    waiting: list[tuple[int, CallResult]] = field(default_factory=list)

    def submit(self, key: tuple[Any, ...], call: Callable[[], Any], limit_s: float) -> None:
        takes_s = self.takes_s(key[2])
        try:
            done = CallResult(key, call())
        except ZeroDivisionError as error:
            done = CallResult(key, None, error)
        self.waiting.append((self.clock.t + us(takes_s), done))

    def collect(self) -> list[CallResult]:
        ready = [done for due, done in self.waiting if due <= self.clock.t]
        self.waiting = [(due, done) for due, done in self.waiting if due > self.clock.t]
        return ready

    def next_due(self) -> int | None:
        return None


class SimAlerts:
    """The job of a world, with a receiver for each channel."""

    def __init__(self, world: World, **modes: str) -> None:
        self.world = world
        self.receivers = {name: SimReceiver(mode) for name, mode in modes.items()}
        self.channels: Mapping[str, AlertChannel] = {name: AlertChannel(ChannelKind.WEBHOOK) for name in modes}
        self.has_bug = False
        self.problem = ""
        """Why the settings cannot be read."""
        self.start()

    def start(self) -> None:
        """A daemon's job, which remembers nothing of the one before."""
        threads = SimAlertThreads(self.world.clock, lambda name: self.receivers[name].takes_s)
        self.job = AlertDispatch(self.world.engine.ctx, threads, lambda: self.channels, self.send, lambda: self.problem)
        self.job.step()

    def send(self, name: str, channel: AlertChannel, alert: Alert) -> Outcome:
        if self.has_bug:
            return Outcome(1 / 0)  # type: ignore[arg-type]
        sent = Message(f"gs-{alert.event}", alert, self.world.clock.now().wall)
        assert channel.kind is not None
        target = Target(Secret(f"https://{name}.example.org/x"), Secret(KEY))
        return send(channel.kind, target, sent, lambda _url: self.receivers[name])

    def run_for(self, seconds: float, step_s: float = 20.0) -> None:
        for _ in range(round(seconds / step_s)):
            for part_s in (LIMIT_S + 1, step_s - LIMIT_S - 1):  # what was sent is noted in the same step
                self.world.run_for(part_s)
                self.job.step()

    def jump_for(self, seconds: float, step_s: float = 60.0) -> None:
        """The same where nothing else happens: only this job sees the time pass."""
        for _ in range(round(seconds / step_s)):
            for part_s in (LIMIT_S + 1, step_s - LIMIT_S - 1):
                self.world.clock.t += us(part_s)
                self.job.step()
