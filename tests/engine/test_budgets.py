"""Budgets hold in the transaction that spends: provision, extend and failover take one path (I13, F113)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gpushopper import wire
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.policy import REAL
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.spending.budget import Budget, LimitKind, ScopeKind
from gpushopper.core.spending.later.free_again import free_text
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND, us
from gpushopper.core.timing.periods import PeriodKind, period_at
from gpushopper.engine.money.commitments import load_commitments
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.errors import Refused
from gpushopper.sandbox.market.actions import revise
from gpushopper.store import sessions
from gpushopper.store.money.budgets import save_budget
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = early_in_a_month(tmp_path)
    yield made
    made.kill()


def early_in_a_month(folder: Path) -> World:
    """The simulation begins an evening before a month ends, which would cut every reserve in two."""
    made = World(folder, policy=REAL, boot_seconds=30.0)
    made.clock.t = us(3 * 86_400 + 3600)
    return made.start().ready()


def limit(world: World, **changes: Any) -> Budget:
    values: dict[str, Any] = {
        "name": "lab", "scope_kind": ScopeKind.ALL, "scope": "", "daily": None, "monthly": None, "session": None,
    }  # fmt: skip
    made = Budget(**{**values, **changes})
    with world.store.transaction():
        save_budget(world.store, made)
    return made


def committed(world: World, kind: PeriodKind = PeriodKind.MONTH) -> int:
    now = world.clock.now().wall
    period = period_at(kind, now, world.engine.ctx.zone)
    name = LimitKind.DAILY if kind is PeriodKind.DAY else LimitKind.MONTHLY
    return sum(one.counted(name, period, now) for one in load_commitments(world.engine.ctx, now))


def reserve_of(world: World, ref: str) -> int:
    return sessions.attempts_of(world.store, ref)[-1].reserve


def refusal(world: World, **asked: Any) -> Refused:
    before = len(sessions.load_sessions(world.store))
    with pytest.raises(Refused) as refused:
        world.provision(**asked)
    assert refused.value.code == "budget" and refused.value.exit_code == 6
    assert len(sessions.load_sessions(world.store)) == before
    return refused.value


def test_without_budgets_nothing_is_read_or_refused(world: World):
    assert world.provision(hours=8)


def test_a_session_is_refused_where_its_worst_case_passes_a_limit(world: World):
    first = world.provision(hours=2)
    held = reserve_of(world, first)
    asked = wire.PlanRequest(search=wire.SearchRequest(gpu="RTX 4090"), duration_us=2 * HOUR)
    rate = world.requests.plan(asked).offers[0].rate
    limit(world, monthly=held + 2 * rate)
    found = refusal(world, hours=2)
    assert "is committed this month" in found.message and world.view(first).name in found.message
    more = float(found.message.partition("could cost $")[2].partition(" ")[0])
    limit(world, monthly=held + round((more - 0.01) * DOLLAR))
    assert "--hours 1.9" in refusal(world, hours=2).hint
    limit(world, monthly=held + round((more + 0.01) * DOLLAR))
    second = world.provision(hours=2)
    assert committed(world) == held + reserve_of(world, second)


def test_what_fits_is_accepted(world: World):
    limit(world, daily=DOLLAR)
    hint = refusal(world, hours=11).hint
    hours = float(hint.partition("--hours ")[2].partition(";")[0])
    refusal(world, hours=hours + 0.1)
    assert world.provision(hours=hours)


def test_extend_takes_the_same_path(world: World):
    ref = world.provision(hours=2)
    assert world.running(ref)
    reserve = reserve_of(world, ref)
    limit(world, session=reserve + 10_000)
    for dry_run in (True, False):
        with pytest.raises(Refused) as refused:
            world.requests.extend(ref, wire.ExtendRequest(add_us=4 * HOUR, dry_run=dry_run))
        assert refused.value.code == "budget" and "more" in refused.value.message
    world.requests.extend(ref, wire.ExtendRequest(add_us=-HOUR))
    assert world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR)).deadline_at is not None


def test_an_earlier_end_is_never_refused_for_the_balance(world: World):
    """It lowers what the account must hold."""
    ref = world.provision(hours=6)
    assert world.running(ref)
    world.engine.ctx.balances["vast"] = reserve_of(world, ref) // 2
    with pytest.raises(Refused) as refused:
        world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR))
    assert refused.value.code == "balance"
    before = world.view(ref).deadline_at
    assert before is not None
    assert world.requests.extend(ref, wire.ExtendRequest(add_us=-HOUR)).deadline_at == before - HOUR


def request(world: World, hours: float) -> wire.ProvisionRequest:
    search = wire.SearchRequest(gpu="RTX 4090")
    plan = world.requests.plan(wire.PlanRequest(search=search, duration_us=us(hours * 3600)))
    return wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=plan.duration_us, image=plan.image
    )


def outcome(work: Callable[[], object]) -> str:
    try:
        work()
    except Refused as refused:
        return f"{refused.exit_code} {refused.code}"
    return "done"


def test_fifty_at_once_for_a_budget_of_seven_get_seven(world: World):
    """On threads of their own, as the API's: what one commit has taken, the next one sees (F113)."""
    asked = request(world, hours=1)
    world.requests.provision(asked)
    (first,) = sessions.load_attempts(world.store)
    limit(world, monthly=7 * first.reserve)
    with ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(lambda _: outcome(lambda: world.requests.provision(asked)), range(50)))
    assert found == {"done": 6, "6 budget": 44}
    assert committed(world) == 7 * first.reserve


def test_provision_and_extend_at_once_never_pass_a_limit(world: World):
    asked, more = request(world, hours=1), wire.ExtendRequest(add_us=HOUR)
    ref = world.requests.provision(asked).sessions[0]
    full = limit(world, monthly=7 * reserve_of(world, ref)).monthly

    def turn(number: int) -> str:
        if number % 2:
            return outcome(lambda: world.requests.extend(ref, more))
        return outcome(lambda: world.requests.provision(asked))

    with ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(turn, range(50)))
    assert found["6 budget"] > 30 and set(found) <= {"done", "6 budget", "6 hard_maximum"}
    assert full is not None and full - reserve_of(world, ref) < committed(world) <= full


def test_a_finished_session_holds_only_what_it_cost(world: World):
    ref = world.provision(hours=8)
    assert world.running(ref)
    before = committed(world)
    world.requests.end([ref])
    assert world.ended(ref)
    assert committed(world) == world.requests.costs(ref).accrued < before / 10


def test_yesterday_is_not_counted_and_tomorrow_is(world: World):
    """A session over the user's midnight counts in both days, in part."""
    world.engine.ctx.zone = zone = ZoneInfo("Atlantic/Cape_Verde")  # an hour behind UTC, where it is 23:40
    day = period_at(PeriodKind.DAY, world.clock.now().wall, zone)
    assert day.end_at - world.clock.now().wall < 3 * HOUR
    ref = world.provision(hours=8)
    assert world.running(ref)
    held = sessions.attempts_of(world.store, ref)[0]
    before = committed(world, PeriodKind.DAY)
    assert before < held.reserve / 3
    world.run_for(2 * 3600)
    after = committed(world, PeriodKind.DAY)
    rate = held.agreed_rate
    assert after < held.reserve - rate and after > rate * 5
    limit(world, daily=after + 10)
    refusal(world, hours=1)


def test_failover_ends_the_session_where_the_next_attempt_passes_a_limit(world: World):
    world.fault("create", "reject", "no_such_ask", count=1)
    ref = world.provision(hours=2)
    limit(world, session=reserve_of(world, ref) // 2)
    assert world.ended(ref)
    view = world.view(ref)
    assert view.reason == "limit_reached" and len(view.attempts) == 1


def test_the_plan_says_the_same_as_provision(world: World):
    limit(world, scope_kind=ScopeKind.CONSUMER, scope="ada", daily=0)
    asked = wire.PlanRequest(search=wire.SearchRequest(gpu="RTX 4090"), duration_us=us(3600))
    assert world.requests.plan(asked).refusal == ""
    assert world.provision(hours=1)
    plan = world.requests.plan(replace(asked, consumer="ada"))
    assert plan.refusal_code == "budget" and plan.refusal.startswith("budget lab (consumer ada): $0.00 a day")
    assert refusal(world, hours=1, consumer="ada").message == plan.refusal


def test_a_price_that_rises_takes_more_of_the_budget(world: World):
    ref = world.provision(hours=4)
    assert world.running(ref)
    before = committed(world)
    (instance,) = [each for each in world.market.instances.values() if each.exists]
    revise(world.market, instance, "price_factor", 1.5)
    world.run_for(900)
    assert committed(world) > before * 1.3


def test_a_restart_computes_the_same(world: World):
    ref = world.provision(hours=4)
    assert world.running(ref)
    before = committed(world)
    world.restart()
    assert committed(world) == before


def test_a_spending_limit_says_when_it_is_free_again(world: World):
    world.provision(hours=2)
    world.engine.ctx.spending_limits = SpendingLimits(open_sessions=1)
    with pytest.raises(Refused) as refused:
        world.provision(hours=1)
    (first,) = sessions.load_attempts(world.store)
    free = free_text(first.deadline.wall, world.clock.now().wall, UTC)
    assert refused.value.code == "brakes.open_sessions" and refused.value.message.endswith(f"; {free}")


def test_a_budget_says_when_the_same_request_is_accepted(world: World):
    """Asked again at that minute it is, and not two minutes earlier: the first session has ended by then."""
    first = world.provision(hours=1)
    assert world.running(first)
    limit(world, monthly=reserve_of(world, first) * 19 // 10)
    (held,) = sessions.load_attempts(world.store)
    at = held.deadline.wall + us(world.engine.ctx.policy.budget_end_s)
    assert refusal(world, hours=1).message.endswith(f"; {free_text(at, world.clock.now().wall, UTC)}")
    world.run_for((at - world.clock.now().wall) / SECOND - 120)
    refusal(world, hours=1)
    world.run_for(180)
    assert world.provision(hours=1)


def test_an_extension_says_when_it_is_accepted_and_a_limit_per_session_says_nothing(world: World):
    """Another session of the same budget ends first; what is of one's own session stays."""
    first, second = world.provision(hours=1), world.provision(hours=4)
    assert world.running(first) and world.running(second)
    limit(world, monthly=committed(world))
    with pytest.raises(Refused) as refused:
        world.requests.extend(second, wire.ExtendRequest(add_us=MINUTE))
    assert "; free at " in refused.value.message
    limit(world, monthly=None, session=reserve_of(world, second))
    with pytest.raises(Refused) as refused:
        world.requests.extend(second, wire.ExtendRequest(add_us=HOUR))
    assert "free" not in refused.value.message


def test_the_balance_lasts_as_long_as_the_present_rate_lets_it(world: World):
    (vast,) = world.requests.accounts()
    assert (vast.burn_rate, vast.runway_us) == (0, None)
    ref = world.provision(hours=2)
    assert world.running(ref)
    (vast,) = world.requests.accounts()
    assert vast.balance is not None and vast.burn_rate == world.view(ref).attempts[-1].rate
    assert vast.runway_us == vast.balance * HOUR // vast.burn_rate


def test_a_tag_is_limited_from_the_first_session_on(world: World):
    limit(world, scope_kind=ScopeKind.TAG, scope="paper=neurips", daily=0)
    refusal(world, hours=1, tags={"paper": "neurips"})
    ref = world.provision(hours=1, tags={"paper": "icml"})
    assert world.running(ref)
    limit(world, scope_kind=ScopeKind.TAG, scope="paper", daily=0)
    with pytest.raises(Refused):
        world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR))


def test_rollups_change_nothing_of_what_counts(world: World):
    """Made at any time, of this zone or another one: the same sums (F115)."""
    first, second = world.provision(hours=1), world.provision(hours=6)
    assert world.running(first) and world.running(second)
    world.run_for(3 * 3600)
    assert world.status(first) == "stopped"
    ctx = world.engine.ctx
    run_rollups(ctx)
    world.run_for(1800)
    ctx.zone = ZoneInfo("Asia/Kolkata")
    for _ in range(2):
        now = world.clock.now().wall
        before = load_commitments(ctx, now)
        run_rollups(ctx)
        after = load_commitments(ctx, now)
        assert [one.incurred.ever for one in before] == [one.incurred.ever for one in after]
        for was, one in zip(before, after, strict=True):
            assert abs(was.incurred.day - one.incurred.day) <= 4 and abs(was.incurred.month - one.incurred.month) <= 4
            assert 0 < one.incurred.day <= one.incurred.month
        world.run_for(1800)
