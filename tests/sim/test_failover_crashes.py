"""kill -9 at every commit, send and reply between an attempt at one cloud and the next at another (I1, I2, C1)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gpushopper.store import sessions
from tests.sim.crash_points import Crash, CrashPoints
from tests.sim.two_clouds import OTHER, TwoClouds

FIRST_CREATES = {"refused": ("reject", "no_such_ask"), "made and unanswered": ("commit_then_hang", None)}
SHARES = 8
"""The points of one story are shared out; one share is told with every run of the tests, all in the sweep."""


class Told:
    """One session over both clouds, with a crash at each of these points; every process is followed by another."""

    def __init__(self, folder: Path, word: str, arg: str | None, crash_at: tuple[int, ...] = ()) -> None:
        self.points = CrashPoints(crash_at)
        self.points.is_armed = False
        self.world = TwoClouds(folder, database_class=self.points.database_class())
        self.world.on_submit, self.world.on_reply = self.points.on_submit, self.points.on_reply
        self.world.start().ready()
        self.offers = self.world.shortlist("vast", OTHER, "vast")
        self.world.fault("create", word, arg, count=1)
        self.points.is_armed = True
        self.most = 0

    def survive(self, work: Callable[[], object]) -> bool:
        """Whether the work was done; otherwise the process died, and there is another."""
        try:
            work()
        except Crash:
            self.world.restart()
            return False
        return True

    def tell(self) -> None:
        """Ask until a session exists, and go on until it is ready; then end it."""
        while not sessions.load_sessions(self.world.store):
            self.survive(lambda: (self.world.ready(), self.world.rent(self.offers)))
        (session,) = sessions.load_sessions(self.world.store)
        while not self.survive(lambda: self._until(session.id, "running")):
            pass
        self.points.is_armed = False
        self.ready_at = self.world.view(session.id).provider
        assert len(self.world.our_instances()) == 1
        self.world.requests.end([session.id])
        assert self._until(session.id, "stopped")
        self.world.kill()

    def _until(self, ref: str, status: str) -> bool:
        def is_there() -> bool:
            self.most = max(self.most, len(self.world.our_instances()))
            return is_reached()

        is_reached = self.world.has_status(ref, (status,))
        assert self.world.run_until(is_there, 7200), self.world.view(ref)
        return True


def tell(word: str, arg: str | None, crash_at: tuple[int, ...] = ()) -> Told:
    with tempfile.TemporaryDirectory() as folder:
        story = Told(Path(folder), word, arg, crash_at)
        story.tell()
    return story


@pytest.mark.parametrize("share", [0, *(pytest.param(n, marks=pytest.mark.sweep) for n in range(1, SHARES))])
@pytest.mark.parametrize("first", FIRST_CREATES)
def test_a_crash_between_two_attempts_makes_no_second_instance(first: str, share: int) -> None:
    """Wherever it dies: never two at once, no label sent twice, nothing left over."""
    plain = tell(*FIRST_CREATES[first])
    hits = plain.points.hits
    last = hits.index("commit done", len(hits) - 1 - hits[::-1].index("create acted")) + 1
    for number in range(1 + share, last + 1, SHARES):
        story = tell(*FIRST_CREATES[first], (number,))
        labels = [each.label for each in story.world.market.creates]
        assert story.points.crashed, number
        assert story.most <= 1, (number, story.points.crashed)
        assert len(labels) == len(set(labels)), (number, story.points.crashed)
        assert not story.world.our_instances(), (number, story.points.crashed)


def test_the_points_between_the_attempts_are_points() -> None:
    story = tell(*FIRST_CREATES["refused"])
    assert [each.provider for each in story.world.market.creates] == ["vast", OTHER]
    assert story.points.hits.count("create acted") == 2 and "create not sent" in story.points.hits
    assert story.ready_at == OTHER
