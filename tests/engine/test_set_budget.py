"""Setting a budget: what it refuses, what it shows, and that lowering ends nothing that was not named (D11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.engine.requests.commands.money.set_budget import forget_budget, set_budget
from gpushopper.engine.requests.queries.money.budgets import budget, budgets
from gpushopper.errors import NotFound, ShopperError, UsageError
from gpushopper.store.consumers import rename_consumer
from gpushopper.store.money.budgets import load_budget
from gpushopper.wire import BudgetRequest
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path).start().ready()
    yield made
    made.kill()


def put(world: World, name: str = "lab", **fields: object) -> wire.BudgetView:
    return set_budget(world.engine.handle, name, BudgetRequest(**fields))  # type: ignore[arg-type]


def test_what_is_not_named_stays_as_it_is(world: World):
    put(world, daily=3 * DOLLAR, monthly=50 * DOLLAR, at_100="stop")
    world.run_for(5)
    put(world, daily=4 * DOLLAR)
    put(world, unset=["monthly"], at_80="none")
    stored = load_budget(world.store, "lab")
    assert stored is not None
    assert (stored.daily, stored.monthly, stored.session) == (4 * DOLLAR, None, None)
    assert (stored.at_80, stored.at_100, stored.changed_at - stored.created_at > 0) == ("none", "stop", True)


@pytest.mark.parametrize(
    ("name", "fields", "error"),
    [
        ("lab", {}, UsageError),
        ("Lab", {"daily": 1}, UsageError),
        ("a/b", {"daily": 1}, UsageError),
        ("", {"daily": 1}, UsageError),
        ("lab", {"daily": 1, "unset": ["daily"]}, UsageError),
        ("lab", {"daily": 1, "scope_kind": "account", "scope": "nowhere"}, NotFound),
        ("lab", {"daily": 1, "scope_kind": "consumer", "scope": "ada"}, NotFound),
        ("lab", {"daily": 1, "scope_kind": "tag", "scope": "=x"}, UsageError),
        ("lab", {"daily": 1, "scope_kind": "tag"}, UsageError),
    ],
)
def test_what_makes_no_sense_is_refused_and_writes_nothing(
    world: World, name: str, fields: dict[str, object], error: type[ShopperError]
):
    for dry_run in (True, False):
        with pytest.raises(error):
            put(world, name, dry_run=dry_run, **fields)
    assert budgets(world.engine.ctx).budgets == []


@pytest.mark.parametrize(("kind", "scope"), [("all", ""), ("account", "vast"), ("consumer", "me"), ("tag", "paper")])
def test_each_scope_can_be_set(world: World, kind: str, scope: str):
    world.provision(hours=1)
    view = put(world, daily=DOLLAR, scope_kind=kind, scope=scope)
    assert (view.scope_kind, view.scope) == (kind, scope)
    assert (view.limits[0].committed_micros > 0) == (kind != "tag")


def test_a_budget_follows_its_consumer_to_another_name(world: World):
    world.provision(hours=1)
    put(world, daily=DOLLAR, scope_kind="consumer", scope="me")
    with world.store.transaction():
        rename_consumer(world.store, "me", "ada", 1)
    (view,) = budgets(world.engine.ctx).budgets
    assert view.scope == "ada" and view.limits[0].committed_micros > 0
    assert put(world, "old", daily=DOLLAR, scope_kind="consumer", scope="me").scope == "ada"


def test_lowering_ends_nothing_and_names_who_has_no_room(world: World):
    short, long = world.provision(hours=2), world.provision(hours=6)
    assert world.running(short) and world.running(long)
    seen = put(world, monthly=1, dry_run=True)
    assert [end.session for end in seen.must_end] == [short, long]
    assert budgets(world.engine.ctx).budgets == []
    assert [end.session for end in put(world, monthly=1).must_end] == [short, long]
    world.run_for(60)
    assert world.status(short) == world.status(long) == "running"


def test_only_what_was_named_and_has_no_room_is_ended(world: World):
    short, long = world.provision(hours=2), world.provision(hours=6)
    assert world.running(short) and world.running(long)
    room = put(world, monthly=100 * DOLLAR).limits[0].committed_micros * 9 // 10
    put(world, monthly=room, stop=[long])
    world.run_for(60)
    assert world.status(long) == "running", "the shorter one would have made room"
    view = put(world, monthly=room, stop=[short, long])
    assert [end.session for end in view.must_end] == [short]
    assert world.ended(short) and world.view(short).reason == "budget"
    assert world.status(long) == "running" and budget(world.engine.ctx, "lab").must_end == []


def test_stopping_now_lands_first(tmp_path: Path):
    world = World(tmp_path, policy=REAL, boot_seconds=30.0).start().ready()
    ref = world.provision(hours=4, pulls=[("out", "/results")])
    assert world.running(ref)
    put(world, monthly=1, stop=[ref])
    assert world.status(ref) == "running" and world.view(ref).landing.reason == "user"
    assert world.ended(ref, 900) and world.view(ref).landing.pulled_at is not None
    world.kill()


def test_removing_frees_at_once_and_twice_is_not_found(world: World):
    put(world, daily=0)
    with pytest.raises(ShopperError):
        world.provision(hours=1)
    assert forget_budget(world.engine.handle, "lab").name == "lab"
    assert world.provision(hours=1)
    with pytest.raises(NotFound):
        forget_budget(world.engine.handle, "lab")
    with pytest.raises(NotFound):
        budget(world.engine.ctx, "lab")


def test_a_repetition_gets_the_stored_response(world: World):
    once = IdempotencyKey("key-1", "PUT", "/api/v1/budgets/lab", "digest")
    request = BudgetRequest(daily=DOLLAR)
    first = set_budget(world.engine.handle, "lab", request, once)
    put(world, daily=2 * DOLLAR)
    assert set_budget(world.engine.handle, "lab", request, once) == first
    stored = load_budget(world.store, "lab")
    assert stored is not None and stored.daily == 2 * DOLLAR


def test_how_a_limit_stands(world: World):
    ref = world.provision(hours=2, name="train")
    assert world.running(ref)
    view = put(world, session=5 * DOLLAR, monthly=10 * DOLLAR)
    by_kind = {limit.kind: limit for limit in view.limits}
    month, own = by_kind["monthly"], by_kind["session"]
    assert own.session == "train" and own.period_end_at is None and month.period_end_at is not None
    assert [holder.name for holder in month.holders] == ["train"]
    assert 0 < own.spent_micros < own.committed_micros == own.limit_micros - own.left_micros
    assert own.used_up_at is None and own.ends == []
    world.requests.end([ref])
    assert world.ended(ref)
    after = {limit.kind: limit for limit in budget(world.engine.ctx, "lab").limits}
    assert after["session"].session == "" and after["session"].left_micros == 5 * DOLLAR
    spent = after["monthly"].spent_micros
    assert spent == after["monthly"].committed_micros == world.requests.costs(ref).accrued


def test_a_budget_that_ends_sessions_names_them_beforehand(world: World):
    ref = world.provision(hours=6)
    assert world.running(ref)
    asked = BudgetRequest(monthly=view_rate(world, ref), at_100="stop", dry_run=True)
    (end,) = set_budget(world.engine.handle, "lab", asked).limits[0].ends
    assert end.session == ref and end.at < world.clock.now().wall + HOUR
    refusing = set_budget(world.engine.handle, "lab", replace(asked, at_100="refuse"))
    assert refusing.limits[0].ends == [] and refusing.limits[0].used_up_at is not None


def view_rate(world: World, ref: str) -> int:
    return world.view(ref).attempts[-1].rate
