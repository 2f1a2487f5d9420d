"""What `alarms` shows to do about an alarm: the hint of this version, whichever one raised it."""

from __future__ import annotations

import pytest

from gpushopper.core import alarms as kinds
from gpushopper.store import alarms, sessions
from tests.sim.world import World

FORMER = "run: gpu-shopper old-command"


def hint_of(world: World, kind: str, subject: str) -> str:
    """As shown of an alarm that an older version raised."""
    with world.store.transaction():
        alarms.raise_alarm(world.store, at=1, kind=kind, subject=subject, text="something", hint=FORMER)
    (shown,) = [each.hint for each in world.requests.alarms().alarms if (each.kind, each.subject) == (kind, subject)]
    return shown


@pytest.mark.parametrize(
    ("kind", "subject", "shown"),
    [
        (kinds.CLOCK_SKEW, "vast", kinds.HINTS[kinds.CLOCK_SKEW]),
        (kinds.KEY_REJECTED, "vast", "gpu-shopper keys set vast; until then, end what must end at https://"),
        (kinds.LEFTOVER, "vast:vol-1", "look at https://"),
        (kinds.DEGRADED, "vast", FORMER),
        (kinds.WRONG_INSTANCE_ID, "33400001", FORMER),
        ("a_kind_of_long_ago", "vast", FORMER),
    ],
)
def test_a_stored_hint_gives_way_to_the_present_one(world: World, kind: str, subject: str, shown: str):
    """But not one that was made for this very alarm, nor where it is not known at which cloud that is."""
    assert shown in hint_of(world, kind, subject)


def test_the_hint_about_an_attempt_names_its_cloud(world: World):
    ref = world.provision()
    assert world.running(ref)
    (attempt,) = sessions.attempts_of(world.store, ref)
    shown = hint_of(world, kinds.DESTROY_OVERDUE, attempt.id)
    assert shown.startswith("it may still bill; look at https://") and "CONSOLE" not in shown


def test_the_command_in_a_hint_about_an_attempt_names_its_session(world: World):
    """So that it can be pasted; a hint that is about no session keeps the blank."""
    ref = world.provision(name="train")
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert hint_of(world, kinds.SSH_UNREACHABLE, attempt.id).endswith("gpu-shopper get train")
    assert hint_of(world, kinds.BUDGET_DOUBTED, "lab").startswith("end a session yourself: gpu-shopper done NAME;")
