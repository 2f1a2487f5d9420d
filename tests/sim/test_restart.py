"""`restart`: only of a ready session, sent once, and nothing of label or deadline changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.engine.requests.commands import restart
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import ProviderFailed, Refused
from gpushopper.sandbox.market.model import Instance, Phase
from gpushopper.store import sessions
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


def only_instance(world: World) -> Instance:
    world.market.settle()
    (instance,) = world.market.existing_instances()
    return instance


def sent(world: World) -> int:
    return sum("/reboot/" in str(request.url) for request in world.executor.transport.sent)


def test_a_restarted_instance_comes_back_and_ends_on_time(world: World):
    ref = world.provision(hours=1)
    assert world.running(ref)
    before, starts = world.view(ref), only_instance(world).container.starts
    world.requests.restart(ref)
    world.executor.transport.charged_s = 0.0
    there = only_instance(world)
    assert there.container.starts == starts + 1 and there.phase is Phase.LOADING
    assert there.label == before.attempts[0].label
    world.run_for(300)
    after = world.view(ref)
    assert only_instance(world).phase is Phase.RUNNING and (after.status, after.health) == ("running", "ok")
    assert (after.deadline_at, after.attempts[0].label) == (before.deadline_at, before.attempts[0].label)
    assert "restarted" in [event.kind for event in world.requests.events(0).events]
    assert world.ended(ref) and world.our_instances() == []


def test_a_repeated_request_is_sent_once(world: World):
    ref = world.provision()
    assert world.running(ref)
    key = IdempotencyKey("restart-1", "POST", "restart", "digest")
    first = restart.restart(world.engine.handle, ref, wire.RestartRequest(), key)
    assert restart.restart(world.engine.handle, ref, wire.RestartRequest(), key) == first and sent(world) == 1


def booting(world: World, ref: str) -> None:
    assert world.status(ref) != "running"


def ending(world: World, ref: str) -> None:
    assert world.running(ref)
    world.requests.end([ref])


def hear_an_end(world: World, ref: str) -> None:
    with world.store.transaction():
        (attempt,) = sessions.attempts_of(world.store, ref)
        heard = {"ending_reason": "idle", "ending_at": attempt.prepared_at, "ending_heard_at": attempt.prepared_at}
        sessions.update_attempt(world.store, attempt, **heard)


def test_what_it_had_announced_before_is_void(world: World):
    """Listed as stopped meanwhile, it would be taken for the end that was heard, and be destroyed (E4, E5)."""
    ref = world.provision()
    assert world.running(ref)
    hear_an_end(world, ref)
    world.requests.restart(ref)
    assert sessions.attempts_of(world.store, ref)[0].ending_reason == ""
    wait = world.engine.ctx.pause

    def wait_and_hear(seconds: float) -> None:
        wait(seconds)
        hear_an_end(world, ref)

    world.engine.ctx.pause = wait_and_hear  # the second call waits for its turn
    world.requests.restart(ref)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert (attempt.ending_reason, attempt.ending_at, attempt.ending_heard_at) == ("", None, None) and sent(world) == 2


@pytest.mark.parametrize(("prepare", "code"), [(booting, "not_ready"), (ending, "ending")])
def test_only_a_ready_session_is_restarted(world: World, prepare: Callable[[World, str], None], code: str):
    ref = world.provision()
    prepare(world, ref)
    with pytest.raises(Refused) as refused:
        world.requests.restart(ref)
    assert refused.value.code == code and sent(world) == 0


def test_what_the_cloud_does_not_confirm_is_said_so_and_not_repeated(world: World):
    ref = world.provision()
    assert world.running(ref)
    world.fault("any", "reset")
    with pytest.raises(ProviderFailed, match="has not confirmed the restart"):
        world.requests.restart(ref)
    assert sent(world) == 1


def test_a_cloud_without_such_a_call_refuses_in_one_line(tmp_path: Path):
    world = World(tmp_path, clouds=("tensordock",)).start().ready()
    ref = world.provision(allow_unguarded=True)
    assert world.running(ref)
    with pytest.raises(Refused, match="tensordock has no call that restarts an instance") as refused:
        world.requests.restart(ref)
    assert refused.value.code == "no_restart"
    world.kill()
