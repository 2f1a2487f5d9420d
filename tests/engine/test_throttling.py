"""Throttled is not blind: what a rate limit, or a refusal that only a rate limit explains, does and does not (F75)."""

from __future__ import annotations

import pytest

from gpushopper.core.timing.clock_snapshot import us
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.store.sqlite.statements import run
from tests.sim.world import World


def failing(world: World, kind: ErrorKind, *, calls: tuple[str, ...] = ("fetch_instances",)) -> None:
    """From now on these reads fail so."""
    client = world.engine.reconcilers["vast"].client
    for name in calls:
        setattr(client, name, lambda limit_s: ReadFailed(kind, "no", 1.0))


def working(world: World) -> None:
    client = world.engine.reconcilers["vast"].client
    for name in [name for name in vars(client) if name.startswith("fetch_")]:
        delattr(client, name)


def polled(world: World, seconds: float) -> set[str]:
    """The alarms after so many seconds, in which the list is asked for each second and a half."""
    end = world.clock.t + us(seconds)
    while world.clock.t < end:
        world.engine.wake()
        world.run_for(1.5)
    return world.alarms()


def polled_texts(world: World, seconds: float) -> str:
    """The texts of the alarms after so many seconds."""
    polled(world, seconds)
    return "; ".join(each.text for each in world.requests.alarms().alarms)


def test_throttled_lists_raise_nothing_by_their_number_but_by_their_time(world: World):
    assert world.running(world.provision())
    failing(world, ErrorKind.THROTTLED)
    assert polled(world, 50) == set()
    assert "degraded" in polled(world, 20), "a minute without a whole list is degraded, whatever the cause"
    working(world)
    assert polled(world, 5) == set()


def test_a_network_that_fails_is_degraded_by_the_second_list(world: World):
    assert world.running(world.provision())
    failing(world, ErrorKind.NETWORK)
    assert "degraded" in polled(world, 6)


def test_an_account_that_is_told_to_wait_is_degraded_in_time(world: World):
    """No list is asked for meanwhile, and so no answer could raise the alarm."""
    assert world.running(world.provision())
    failing(world, ErrorKind.THROTTLED)
    polled(world, 3)
    until = world.clock.monotonic() + 110
    world.engine.reconcilers["vast"].client.available_at = lambda endpoint: until
    world.run_for(50)
    assert world.alarms() == set()
    world.run_for(11)
    assert world.alarms() == {"degraded"}


def test_a_throttled_list_is_no_absence_and_allows_no_create(world: World):
    ref = world.provision()
    assert world.running(ref)
    world.market.instances.clear()
    failing(world, ErrorKind.THROTTLED)
    polled(world, 100)
    assert world.status(ref) == "running"
    world.provision(name="later")
    creates = len(world.market.creates)
    polled(world, 60)
    assert len(world.market.creates) == creates


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.FORBIDDEN])
def test_a_refused_key_soon_after_it_worked_is_throttling_until_it_lasts(world: World, kind: ErrorKind):
    assert world.running(world.provision())
    failing(world, kind, calls=("fetch_instances", "fetch_account"))
    assert polled(world, 55) == set()
    assert polled(world, 60) == {"degraded"}
    assert polled(world, 15) == {"degraded", "key_rejected"}
    (row,) = world.requests.accounts()
    assert row.key_state == "rejected" and row.detail.startswith("vast refuses the key in the test: ")
    assert row.key_hint == "set a working key: gpu-shopper keys set vast"
    (told,) = [each.text for each in world.requests.alarms().alarms if each.kind == "key_rejected"]
    assert told.startswith("vast refuses the key in the test: ")
    working(world)
    assert polled(world, 5) == set()
    (row,) = world.requests.accounts()
    assert (row.key_state, row.key_hint) == ("ok", "")


@pytest.mark.parametrize(("kind", "raised"), [(ErrorKind.AUTH, True), (ErrorKind.FORBIDDEN, False)])
def test_a_key_that_has_not_worked_of_late_is_rejected_only_by_the_clouds_own_word(
    world: World, kind: ErrorKind, raised: bool
):
    world.restart()
    failing(world, kind, calls=("fetch_instances", "fetch_account"))
    assert ("key_rejected" in polled(world, 6)) is raised


def test_a_create_whose_key_is_refused_in_a_burst_is_tried_again(world: World):
    """It would have ended the session (TensorDock answers 401 to bursts)."""
    world.ready()
    world.fault("create", "auth404", None, count=2)
    assert world.running(world.provision())
    assert "key_rejected" not in world.alarms()


def test_a_key_that_may_not_create_ends_the_session_once_that_lasts(world: World):
    """Its lists go on working: they say nothing about creates."""
    world.ready()
    world.fault("create", "auth404", None)
    begun = world.clock.t
    ref = world.provision()
    assert world.run_until(lambda: world.status(ref) == "failed", 400)
    assert 120 <= (world.clock.t - begun) / us(1) < 180
    reasons = [reason for (reason,) in run(world.store.database, "SELECT reason FROM sessions")]
    assert reasons == ["key_rejected"]


def test_a_403_without_the_clouds_own_body_is_no_word_about_the_key():
    from gpushopper.providers.api.replies import Reply
    from gpushopper.providers.vast.parsing.error_replies import payload

    def kind(status: int, body: object, is_json: bool = True) -> ErrorKind:
        failed = payload(Reply(status, is_json, body, "", None, None))
        assert isinstance(failed, ReadFailed)
        return failed.error_kind

    assert kind(403, None, is_json=False) is ErrorKind.FORBIDDEN
    assert kind(401, {}) is ErrorKind.FORBIDDEN
    assert kind(401, {"error": "auth_error"}) is ErrorKind.AUTH
    assert kind(403, {"error": "weather", "msg": "rain"}) is ErrorKind.SHAPE


def test_a_session_says_that_its_key_is_refused_long_before_that_ends_it(world: World):
    """A revoked key fails the lists too: no create is sent, and the request ends when it is too old (S12)."""
    world.ready()
    failing(world, ErrorKind.AUTH, calls=("fetch_instances", "fetch_account"))
    polled(world, 5)
    ref = world.provision()
    polled(world, 5)
    view = world.view(ref)
    assert view.waiting_for.startswith("its create to be sent: vast refuses the key") and view.waiting_until
    assert "gpu-shopper keys set vast" in view.waiting_for
    assert "refuses the key" in polled_texts(world, 130)
    working(world)
    assert world.running(ref)


def test_a_create_whose_key_is_refused_is_named_between_its_tries(world: World):
    world.ready()
    world.fault("create", "auth404", None, count=2)
    ref = world.provision()
    assert world.run_until(lambda: "vast refuses the key" in world.view(ref).waiting_for, 60)
    assert world.running(ref)
    assert "refuses" not in world.view(ref).waiting_for
