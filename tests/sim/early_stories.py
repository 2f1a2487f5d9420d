"""Stories of instances that end themselves: their users, agents and silences, for crash sweep and state machine."""

from __future__ import annotations

from collections.abc import Callable

from gpushopper import wire
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind, SshTarget
from gpushopper.store import sessions
from tests.sim.simulated_remote import SimAgent
from tests.sim.story import Story

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


def finish_run(story: Story, name: str) -> None:
    """Its run ends, and with it what the user wants of it."""
    for agent in agents_of(story, name):
        agent.finish_run(story.now)
        expected = story.expected[name]
        expected.ended_at = story.now if expected.ended_at is None else expected.ended_at


def _working(story: Story, hours: float = 1.25) -> None:
    story.start().ready()
    story.provision("a", hours=hours)
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


EARLY: dict[str, tuple[Callable[[Story], None], tuple[str, ...]]] = {
    "ends, heard": (ends_heard, ()),
    "ends, unheard": (ends_unheard, ()),
    "only seems to end": (only_seems_to_end, ("a",)),
}
"""Each with the sessions that are still wanted at its end."""
