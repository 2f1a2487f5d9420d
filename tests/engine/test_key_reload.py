"""A key that is read again: the same one changes nothing, and another one loses no answer that is on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.daemon.keys.key_watcher import is_same_key
from gpushopper.engine.context import AccountSetup
from gpushopper.providers import adapter
from gpushopper.store import sessions
from tests.credentials import api_key
from tests.sim.world import World


def another(world: World) -> AccountSetup:
    """A setup with a client of its own, as a search for keys makes it."""
    transport = world.executor.transport
    client = adapter("vast")(
        "http://127.0.0.1:9", api_key(world.key), world.clock.monotonic, transport=transport, wait=transport.wait
    )
    return replace(world.engine.reconcilers["vast"].setup, client=client)


def same(world: World) -> AccountSetup:
    """The setup in use, with a source that is called something else."""
    return replace(world.engine.reconcilers["vast"].setup, key_source="another file")


@pytest.mark.parametrize("made", [same, another])
def test_an_answer_under_way_outlives_a_reload(world: World, made: Callable[[World], AccountSetup]):
    """A refusal that is lost leaves the create uncertain for ten minutes, instead of going on at once (F67)."""
    world.fault("create", "slow", "20s", count=1)
    world.fault("create", "reject", "no_such_ask", count=1)
    begun = world.clock.t
    ref = world.provision()
    assert world.run_until(lambda: _states(world) == [State.SENT], 60)
    world.engine.replace_account(made(world))
    assert world.running(ref)
    assert (world.clock.t - begun) / us(1) < 120
    assert _states(world) == [State.CLOSED, State.RUNNING]


def test_a_destroy_under_way_outlives_a_reload(world: World):
    ref = world.provision()
    assert world.running(ref)
    world.fault("destroy", "slow", "20s", count=1)
    world.requests.end([ref])
    assert world.run_until(lambda: bool(world.market.destroys), 60)
    world.engine.replace_account(another(world))
    world.run_for(40)
    assert len(world.market.destroys) == 1, "it was acknowledged: it is not sent again at once"


def test_the_same_key_keeps_the_reconciler(world: World):
    reconciler = world.engine.reconcilers["vast"]
    world.engine.replace_account(same(world))
    world.run_for(1)
    assert world.engine.reconcilers["vast"] is reconciler
    assert (reconciler.is_ready, reconciler.setup.key_source) == (True, "another file")


def _states(world: World) -> list[State]:
    return [attempt.state for attempt in sessions.load_attempts(world.store, open_only=False)]


KNOWN = AccountSetup("vast", None, "", "file", "https://one", credential=api_key("a" * 20))


@pytest.mark.parametrize(
    ("found", "is_same"),
    [
        (KNOWN, True),
        (replace(KNOWN, key_source="keyring"), True),
        (replace(KNOWN, credential=api_key("b" * 20)), False),
        (replace(KNOWN, endpoint="https://two"), False),
        (replace(KNOWN, credential=None, key_state="missing"), False),
    ],
)
def test_the_same_key_at_the_same_address_changes_nothing(found: AccountSetup, is_same: bool):
    assert is_same_key(KNOWN, found) is is_same
    assert "a" * 20 not in repr(KNOWN)
