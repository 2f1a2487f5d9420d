"""Regressions about sessions: failover, spending limits, cost, polls, alarms and refused requests."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.policy import DRILL
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.errors import Refused, UsageError
from gpushopper.providers.base import Destroyed, DestroyOutcome
from gpushopper.sandbox.market import actions
from gpushopper.store import sessions
from tests.sim.world import World


def attempts(world: World) -> list[Attempt]:
    return sessions.load_attempts(world.store, open_only=False)


def reasons(world: World) -> list[tuple[State, str]]:
    return [(one.state, one.reason) for one in attempts(world)]


def told(world: World) -> Counter[tuple[str, str]]:
    """How often each alarm was raised and cleared."""
    every = world.requests.events(0, 100_000).events
    return Counter((e.kind, e.data["kind"]) for e in every if e.kind.startswith("alarm"))


def steps(world: World, seconds: float) -> int:
    """How often the loop wakes in that time."""
    end, number = world.clock.t + us(seconds), 0
    while world.clock.t < end:
        world.engine.step()
        world._jump(end)
        number += 1
    return number


def set_balance(world: World, micros: int) -> None:
    """The provider tells this balance from the next poll on."""
    connection = world.engine.reconcilers["vast"].connection
    real = type(connection).fetch_account
    connection.fetch_account = lambda limit: replace(real(connection, limit), balance=micros)
    world.run_for(400)


# ---- the next attempt


@pytest.mark.sweep
def test_a_session_does_not_rent_on_hours_after_its_attempt_was_given_up(world: World):
    """S12: after an end that took fourteen hours no other offer is taken."""
    world.fault("create", "start_failure", count=1)
    world.fault("destroy", "ack_noop", "1000000")
    session = world.provision(hours=2)
    world.run_for(14 * 3600)
    world.faults.clear()
    world.run_for(1200)
    assert reasons(world) == [(State.CLOSED, "boot_failed")]
    assert (world.status(session), world.view(session).reason) == ("failed", "request_expired")


def test_one_rate_limit_after_a_slow_boot_does_not_end_the_session(world: World):
    """S12: patience with the same offer counts from its first try, not from the session's start."""
    world.fault("create", "stuck_loading", count=1)
    session = world.provision(hours=3)
    assert world.run_until(lambda: len(attempts(world)) == 2, 3600)
    world.fault("create", "429", "1")
    world.run_for(900)
    assert [reason for _, reason in reasons(world)] == ["boot_timeout", "throttled", ""]
    assert world.status(session) == "running"


@pytest.mark.parametrize("throttles", [0, 1])
def test_in_a_drill_no_session_is_too_old_while_it_waits_its_turn(tmp_path: Path, throttles: int):
    """S7: the provider's gaps between creates are real, so the patience for them is never scaled."""
    world = World(tmp_path, policy=DRILL, boot_seconds=1).start().ready()
    if throttles:
        world.fault("create", "429", str(throttles))
    made = [world.provision(hours=2) for _ in range(6)]
    world.run_for(200)
    assert [(world.status(s), world.view(s).reason) for s in made] == [("running", "")] * 6
    world.kill()


# ---- spending limits and cost


def test_creates_that_never_arrived_do_not_count_against_the_spending_limit(tmp_path: Path):
    """S8: a lost network uses up nothing; with its return others may rent."""
    world = World(tmp_path, limits=SpendingLimits()).start().ready()
    world.fault("create", "dns")
    world.provision()
    world.run_for(300)
    assert len(attempts(world)) > SpendingLimits().creates_per_hour
    world.faults.clear()
    world.provision()
    world.kill()


def test_the_account_must_hold_all_reserves_together(world: World):
    """I13: each worst case alone would fit; extending counts as well."""
    session = world.provision(hours=10)
    assert world.running(session)
    reserve = attempts(world)[0].reserve
    set_balance(world, int(reserve * 1.2))
    for _ in range(3):
        with pytest.raises(Refused) as caught:
            world.provision(hours=10)
        assert caught.value.code == "balance"
    set_balance(world, DOLLAR // 10)
    with pytest.raises(Refused) as caught:
        world.requests.extend(session, wire.ExtendRequest(add_us=HOUR))
    assert caught.value.code == "balance"
    assert [a.reserve for a in attempts(world)] == [reserve]


def test_a_price_that_rose_raises_max_cost_and_reserve(world: World):
    """I13, F15: max cost follows the live price."""
    session = world.provision(hours=10)
    assert world.running(session)
    before = world.view(session).max_cost
    actions.revise(world.market, world.market.existing_instances()[0], "price_factor", 3)
    world.run_for(400)
    after = world.view(session).max_cost
    assert after > 2.5 * before
    assert world.requests.costs(session).rows[0].reserved > after - before
    assert "price_changed" in world.alarms()
    world.run_for(9.5 * 3600)
    assert world.view(session).accrued <= world.view(session).max_cost


def covers(ours: int, truth_dollars: str | float) -> bool:
    """Never less than the market's own GPU bill, and little more."""
    truth = float(truth_dollars) * DOLLAR
    return truth <= ours <= truth * 1.1 + DOLLAR // 100


def test_an_instance_that_came_back_is_charged_for_the_time_between(world: World):
    """S19, I7: gone by all proofs, seen again eight hours later: the books follow it."""
    session = world.provision(hours=5)
    assert world.running(session)
    world.run_for(600)
    world.fault("destroy", "zombie", "10m", count=1)
    world.requests.end([session])
    assert world.ended(session)
    world.kill()
    world.clock.t += us(8 * 3600)
    world.start().run_for(1800)
    (truth,) = world.ledger()["instances"]
    view = world.view(session)
    assert covers(view.attempts[0].receipt["cost"]["gpu"], truth["gpu_usd"])
    assert view.ended_at is not None and view.ended_at > attempts(world)[0].sent_at + 8 * HOUR


def test_a_duplicate_bills_its_gpu_from_the_start(world: World):
    """S9, S19: the second instance of one create is on the books like the first."""
    world.fault("create", "dup", count=1)
    session = world.provision(hours=2)
    world.run_for(7500)
    assert world.ended(session)
    rows = {row["id"]: row for row in world.ledger()["instances"]}
    assert len(rows) == 2
    for one in world.view(session).attempts:
        assert covers(one.receipt["cost"]["gpu"], rows[one.instance_id]["gpu_usd"])


def test_an_unwanted_create_that_is_found_late_has_billed_its_gpu(world: World):
    """F41, S19: nine minutes unseen are nine minutes paid."""
    world.fault("create", "commit_then_hang", count=1)
    world.fault("list", "lag", "9m")
    session = world.provision(hours=2)
    world.run_for(100)
    world.requests.end([session])
    assert world.ended(session)
    (truth,) = world.ledger()["instances"]
    assert covers(world.view(session).attempts[0].receipt["cost"]["gpu"], truth["gpu_usd"])


# ---- polls and due times


def test_one_failed_list_delays_a_create_by_seconds(world: World):
    """S15, S24: a waiting request polls again soon, not at the steady interval."""
    session = world.provision()
    world.fault("list", "status", "500", count=2)
    world.engine.wake()
    assert world.running(session, 90)


def test_one_failed_list_delays_the_start_by_seconds(tmp_path: Path):
    """S24: one failed list leaves the daemon not ready for seconds."""
    world = World(tmp_path).start()
    world.fault("list", "status", "500", count=2)
    assert world.run_until(world.engine.is_ready, 30)
    world.kill()


def test_a_kept_interruption_is_no_due_time(world: World):
    """S15: a grace that does not count is no due time."""
    assert world.running(world.provision(hours=5, keep_stopped=True))
    actions.revise(world.market, world.market.existing_instances()[0], "outbid", None)
    world.run_for(2400)
    assert attempts(world)[0].state is State.INTERRUPTED
    assert steps(world, 600) <= 60


def test_failing_lists_raise_an_alarm_within_a_minute(world: World):
    """S24: also while an instance runs and polls are far apart."""
    assert world.running(world.provision())
    world.run_for(300)
    world.fault("list", "status", "500")
    world.engine.wake()
    assert world.run_until(lambda: "degraded" in world.alarms(), 65)


# ---- alarms


def test_a_key_that_may_not_destroy_raises_one_alarm_that_stays(world: World):
    """I30: good lists do not clear what the destroy was told."""
    session = world.provision()
    assert world.running(session)
    refused = Destroyed(DestroyOutcome.KEY_REJECTED, "no right")
    world.engine.reconcilers["vast"].connection.destroy = lambda ids, limit: tuple(refused for _ in ids)
    world.requests.end([session])
    world.run_for(2 * 3600)
    assert world.alarms() == {"destroy_refused", "manual_destroy_needed"}
    assert told(world)["alarm", "destroy_refused"] == 1
    assert not any(kind == "key_rejected" for _, kind in told(world))


def test_a_mass_disappearance_alarms_once_although_every_other_list_is_partial(world: World):
    """I29, I30: a list that proves nothing does not end the alarm."""
    made = [world.provision(hours=8) for _ in range(4)]
    assert all(world.running(session) for session in made)
    for one in attempts(world)[:3]:
        world.fault("list", "omit", f"{one.instance_id},20h")
    connection, count = world.engine.reconcilers["vast"].connection, [0]
    real = connection.fetch_instances

    def every_other_partial(limit):
        count[0] += 1
        value = real(limit)
        return replace(value, complete=bool(count[0] % 2)) if hasattr(value, "complete") else value

    connection.fetch_instances = every_other_partial
    world.run_for(2 * 3600)
    assert told(world)["alarm", "mass_disappearance"] == 1
    assert told(world)["alarm_cleared", "mass_disappearance"] == 0


def test_the_alarm_about_a_missing_instance_ends_before_ready_too(tmp_path: Path):
    """I30: back to booting is back."""
    world = World(tmp_path, boot_seconds=3000).start().ready()
    world.provision(hours=5)
    assert world.run_until(lambda: attempts(world)[0].state is State.BOOTING, 100)
    world.run_for(30)
    for _ in range(2):
        world.launch_foreign()
    one = attempts(world)[0]
    world.fault("list", "omit", f"{one.instance_id},15m")
    world.fault("get", "null", duration="15m")
    world.run_for(14 * 60)
    assert (attempts(world)[0].state, world.alarms()) == (State.MISSING, {"missing"})
    (real,) = (i for i in world.market.existing_instances() if str(i.id) == one.instance_id)
    actions.revise(world.market, real, "offline_host", "3m")
    world.run_for(600)
    assert (attempts(world)[0].state, world.alarms()) == (State.BOOTING, set())
    world.kill()


def test_nothing_is_sent_by_a_clock_that_went_wrong_after_the_request(tmp_path: Path):
    """F62, I12: an hour back between intent and send, and the boot's limit was over before the boot began."""
    world = World(tmp_path, boot_seconds=120).start().ready()
    world.fault("create", "429", "1", count=1)
    world.provision(hours=5)
    world.clock.skew = -us(3600)
    world.engine.resume()
    world.run_for(300)
    assert "clock_skew" in world.alarms()
    assert not any(one.instance_id for one in attempts(world))
    world.clock.skew = 0
    world.engine.resume()
    assert world.run_until(lambda: any(one.ready_at for one in attempts(world)), 600)
    assert [one.reason for one in attempts(world) if one.instance_id] == [""]
    world.kill()


# ---- requests


@pytest.mark.parametrize(
    "changes",
    [{"consumer": ""}, {"disk_gb": -5.0}, {"disk_gb": float("nan")}, {"retries": 10**30}, {"name": "a" * 100_000}],
)
def test_a_request_out_of_all_bounds_is_refused_before_anything_is_written(world: World, changes: dict):
    """S16: what the database or the market could not hold is the caller's mistake."""
    plan = world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(gpu="4090"), duration_us=2 * HOUR))
    asked = wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=plan.duration_us, image=plan.image
    )
    with pytest.raises(UsageError):
        world.requests.provision(replace(asked, **changes))
    assert attempts(world) == []
