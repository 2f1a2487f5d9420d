"""kill -9 at every commit and send of alerts: none is lost, and one that is sent again has the same id (C1)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from gpushopper.config.alert_channels import AlertChannel
from gpushopper.core.alerts.alert import Alert
from gpushopper.core.alerts.delivery import Outcome
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.transaction import Transaction
from gpushopper.store import events
from gpushopper.store.outbox import alerts as outbox
from tests.sim.alert_receivers import SimAlerts
from tests.sim.crash_points import Crash, CrashPoints
from tests.sim.world import World

TEXTS = [f"fox {number} has ended" for number in range(4)]
STEP_US = us(20)
SHARES = 10
"""The points of the story are shared out; one share is told with every run of the tests, all in the sweep."""


class DyingAlerts(SimAlerts):
    """The job of a daemon that may die before a message is sent, and after its receiver has it."""

    def __init__(self, world: World, points: CrashPoints, **modes: str) -> None:
        self.points = points
        super().__init__(world, **modes)

    def send(self, name: str, channel: AlertChannel, alert: Alert) -> Outcome:
        self.points.hit("not sent")
        outcome = super().send(name, channel, alert)
        self.points.hit("sent")
        return outcome


class Told:
    """Four ends told over three channels: one takes all, one is down at first, one is removed while it is down."""

    def __init__(self, folder: Path, crash_at: tuple[int, ...] = ()) -> None:
        self.points = CrashPoints(crash_at)
        self.points.is_armed = False
        self.world = World(folder, database_class=self.points.database_class()).start()
        self.alerts = DyingAlerts(self.world, self.points, phone="fine", desk="down", old="down")

    def tell(self) -> None:
        for text in TEXTS:
            with self.world.store.transaction():
                Transaction(self.world.engine.ctx, self.world.clock.now()).add_event(EventDraft("ended", text))
            self.go_on(2)
        self.alerts.receivers["desk"].mode = "fine"
        self.alerts.channels = {name: each for name, each in self.alerts.channels.items() if name != "old"}
        self.go_on(8)
        # After a crash the channel that is down may have been left alone for longer; the rest comes by then.
        self.go_on(24, armed=False)

    def go_on(self, steps: int, *, armed: bool = True) -> None:
        """Only this job sees the time pass; a process that dies is followed by another."""
        for _ in range(steps):
            self.world.clock.t += STEP_US
            self.points.is_armed = armed
            try:
                self.alerts.job.step()
                self.points.is_armed = False
            except Crash:
                self.points.is_armed = False
                self.world.restart()
                self.alerts.start()

    @property
    def given_up(self) -> list[str]:
        return [event.text for event in events.after(self.world.store, 0, 1000) if event.kind == "alert_given_up"]


def tell(*crash_at: int) -> Told:
    with tempfile.TemporaryDirectory() as folder:
        story = Told(Path(folder), crash_at)
        story.tell()
        check(story)
        story.world.kill()
    return story


def check(story: Told) -> None:
    """Every message arrived once by its id, in order; what waited for the removed channel was given up in one line."""
    receivers, died = story.alerts.receivers, story.points.crashed
    for name in ("phone", "desk"):
        assert receivers[name].texts == TEXTS, (name, died)
        assert receivers[name].repeated <= len(died), (name, died)
    assert len(story.given_up) == 1 and story.given_up[0].startswith("4 alerts are given up that the channel old"), died
    assert outbox.waiting_channels(story.world.store) == [], died


@pytest.mark.parametrize("share", [0, *(pytest.param(n, marks=pytest.mark.sweep) for n in range(1, SHARES))])
def test_wherever_it_dies_no_alert_is_lost_or_told_twice_under_two_ids(share: int) -> None:
    plain = tell()
    kinds = plain.points.kinds()
    assert kinds["commit done"] > 12 and kinds["sent"] > 10 and not plain.alerts.receivers["phone"].repeated
    for number in range(1 + share, len(plain.points.hits) + 1, SHARES):
        assert tell(number).points.crashed, number


def test_what_was_sent_and_not_noted_is_sent_again_under_the_same_id() -> None:
    after_sending = tell().points.hits.index("sent") + 1
    receivers = tell(after_sending).alerts.receivers
    assert sum(each.repeated for each in receivers.values()) == 1


@pytest.mark.sweep
def test_two_deaths_in_one_story_lose_nothing_either() -> None:
    last = len(tell().points.hits)
    for first in range(1, last, 3):
        for second in range(first + 1, last, 7):
            tell(first, second)
