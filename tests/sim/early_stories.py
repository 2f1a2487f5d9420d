"""Stories of instances that end themselves: their users, agents and silences, for crash sweep and state machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpushopper import wire
from gpushopper.core.model.ends.landed import LandingOrder
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind, SshTarget
from gpushopper.engine.requests.commands.end import end
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.engine.requests.commands.landing.pulled_by_hand import pulled_by_hand
from gpushopper.store import sessions
from gpushopper.store.instances.run_ends import run_ends_of
from tests.sim.simulated_remote import SimAgent
from tests.sim.story import Story

PULLS = [("out", "/results")]
SILENT = ProbeFailure(ProbeFailureKind.UNREACHABLE, "no answer within 15 s")


def silence(story: Story, *, is_silent: bool) -> None:
    """Let no login to a session that is ready be answered, or all of them again; before, silence is a failed boot."""
    assert story.world.remote is not None

    def answer(login: SshTarget) -> ProbeFailure | None:
        attempt = sessions.load_attempt(story.world.store, login.attempt_id)
        return SILENT if is_silent and attempt is not None and attempt.ready_at is not None else None

    story.world.remote.answer = answer


def agents_of(story: Story, name: str) -> list[SimAgent]:
    """The agents of a session's instances."""
    assert story.world.remote is not None
    guards = [story.world.remote.guards.get(one.id) for one in story.instances(name) if one.exists]
    return [guard.agent for guard in guards if guard is not None and guard.agent is not None]


def allow_run_end(story: Story, name: str) -> None:
    """As `run --rm` does before it starts the run."""
    expected = story.expected[name]
    request = wire.RunEndRequest()
    story.restart_on_crash(lambda: story.world.requests.allow_run_end(expected.session, "r1", request))


def may_end(story: Story, name: str) -> bool:
    """Whether the end of a run may end this session."""
    return bool(run_ends_of(story.world.store, story.expected[name].session))


def finish_run(story: Story, name: str) -> None:
    """Its run ends, and with it what the user wants of it."""
    for agent in agents_of(story, name):
        agent.finish_run(story.now)
        expected = story.expected[name]
        expected.ended_at = story.now if expected.ended_at is None else expected.ended_at


def done(story: Story, name: str) -> None:
    """As `done` does: what is to be pulled is pulled first, and the session is wanted until it is here."""
    expected = story.expected[name]
    watch_landings(story)
    if expected.has_pulls and story.status(name) == "running":
        expected.ends_once_landed = True
    else:
        expected.ended_at = story.now
    key = IdempotencyKey(f"done {name} {story.now}", "POST", "/api/v1/done", name)
    story.restart_on_crash(lambda: end(story.world.engine.handle, [expected.session], key=key, lands=True))


def watch_landings(story: Story) -> None:
    """Note when the results of each session that its user has ended are home: then it is not wanted any more."""
    assert story.world.remote is not None

    def landed(order: LandingOrder) -> None:
        for expected in story.expected.values():
            if expected.session == order.session_id and expected.ends_once_landed and expected.ended_at is None:
                expected.ended_at = story.now

    story.world.remote.on_landed = landed


def pulls_fail(story: Story, *, fail: bool) -> None:
    """Let no results come home, or all of them again."""
    assert story.world.remote is not None
    story.world.remote.pull_problem = lambda order: "the connection was lost" if fail and order.pulls else ""


def set_pulls(story: Story, name: str, pulls: list[tuple[str, str]]) -> None:
    """As `set --pull` does."""
    expected = story.expected[name]
    story.restart_on_crash(
        lambda: story.world.requests.set_limits(expected.session, wire.LimitsRequest(pulls=pulls))
    )  # fmt: skip
    expected.has_pulls = bool(pulls)


def pull_by_hand(story: Story, name: str) -> None:
    """As `pull` does once all is here; where the session waits for just that, it may end."""
    expected = story.expected[name]
    request = wire.LandedRequest(story.world.clock.now().wall, ["out"], ["/results/out"], 3, 300)
    watch_landings(story)
    story.restart_on_crash(lambda: pulled_by_hand(story.world.engine.handle, expected.session, request))


def _working(story: Story, hours: float = 1.25, **more: Any) -> None:
    story.start().ready()
    story.provision("a", hours=hours, **more)
    story.until_running("a")
    story.run_for(40)
    allow_run_end(story, "a")


def ends_heard(story: Story) -> None:
    """Its run ends, the daemon hears it, and the end is proven."""
    _working(story)
    finish_run(story, "a")
    story.run_for(900)


def ends_unheard(story: Story) -> None:
    """Nobody hears the end of its run: the deadline closes it."""
    _working(story)
    silence(story, is_silent=True)
    finish_run(story, "a")
    story.run_for(2400)
    silence(story, is_silent=False)


def only_seems_to_end(story: Story) -> None:
    """Silent and off the list for half an hour, with an end that is allowed: it goes on, and is not destroyed."""
    _working(story, hours=11)
    silence(story, is_silent=True)
    for call, word, arg in (("list", "omit", "all,30m"), ("get", "404", None)):
        story.world.fault(call, word, arg, duration="30m")
    story.run_for(2100)
    silence(story, is_silent=False)
    story.run_for(600)


def lands_first(story: Story) -> None:
    """Its user ends it; nothing comes home for ten minutes, then all does, and only then it ends."""
    _working(story, hours=11, pulls=PULLS)
    pulls_fail(story, fail=True)
    done(story, "a")
    story.run_for(600)
    pulls_fail(story, fail=False)
    story.run_for(900)


def never_lands(story: Story) -> None:
    """Its user ends it, and nothing ever comes home: it is there until its deadline, and not longer."""
    _working(story, pulls=PULLS)
    pulls_fail(story, fail=True)
    done(story, "a")
    story.run_for(4500)


EARLY: dict[str, tuple[Callable[[Story], None], tuple[str, ...]]] = {
    "ends, heard": (ends_heard, ()),
    "ends, unheard": (ends_unheard, ()),
    "only seems to end": (only_seems_to_end, ("a",)),
    "lands, then ends": (lands_first, ()),
    "never lands": (never_lands, ()),
}
"""Each with the sessions that are still wanted at its end."""
