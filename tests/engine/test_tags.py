"""Tags that are changed later: costs are grouped by those of now, all of them, and budgets hold for them too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.spending.budget import At100, ScopeKind
from gpushopper.engine.requests.commands.money.set_tags import change_tags
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.errors import Refused, UsageError
from gpushopper.store import events
from gpushopper.store.money.budgets import load_budget
from gpushopper.store.money.tags import tags_of
from tests.engine.test_budgets import early_in_a_month, limit
from tests.sim.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = early_in_a_month(tmp_path)
    yield made
    made.kill()


def tag(world: World, ref: str, *remove: str, **tags: str) -> wire.SessionView:
    return change_tags(world.requests.handle, ref, wire.TagsRequest(tags, list(remove)))


def by_tag(world: World) -> dict[str, int]:
    return {group.key: group.accrued for group in costs(world.engine.ctx, CostQuestion(by="tag")).groups}


def tagged_limit(world: World, **changes: Any) -> None:
    limit(world, **{"name": "neurips", "scope_kind": ScopeKind.TAG, "scope": "paper=neurips", **changes})


def test_tags_are_given_replaced_and_taken_away_and_the_others_stay(world: World):
    ref = world.provision(hours=1, tags={"paper": "icml", "run": "one"})
    assert tag(world, ref, paper="neurips").tags == {"paper": "neurips", "run": "one"}
    assert tag(world, ref, "run", stage="final").tags == {"paper": "neurips", "stage": "final"}
    assert tag(world, ref, "paper", "stage").tags == {} == tags_of(world.store, ref)
    told = [event.text for event in events.after(world.store, 0, 1000) if event.kind == "tags_changed"]
    name = world.view(ref).name
    assert told[0] == f"{name} is now tagged paper=neurips, run=one" and told[-1] == f"{name} has no tags any more"
    tag(world, ref)
    assert len([e for e in events.after(world.store, 0, 1000) if e.kind == "tags_changed"]) == 3
    for remove, given in (("paper",), {}), ((), {"Paper": "x"}), ((), {"paper": " "}):
        with pytest.raises(UsageError):
            tag(world, ref, *remove, **given)


def test_a_tag_is_refused_where_its_budget_has_no_room(world: World):
    ref = world.provision(hours=2)
    assert world.running(ref)
    tagged_limit(world, monthly=10_000)
    with pytest.raises(Refused) as refused:
        tag(world, ref, paper="neurips")
    assert refused.value.code == "budget" and "nothing fits" not in refused.value.hint
    assert tags_of(world.store, ref) == {}
    tag(world, ref, paper="icml")
    tagged_limit(world, monthly=10 * DOLLAR)
    tag(world, ref, paper="neurips")
    tagged_limit(world, monthly=10_000)
    tag(world, ref, "paper")


def test_what_an_ended_session_has_cost_moves_with_its_tag(world: World):
    ref = world.provision(hours=1, tags={"paper": "icml"})
    assert world.running(ref) and world.ended(ref, 2 * 3600)
    run_rollups(world.engine.ctx)
    ((name, cost),) = by_tag(world).items()
    assert name == "paper=icml"
    tagged_limit(world, monthly=cost - 1)
    with pytest.raises(Refused):
        tag(world, ref, paper="neurips")
    tagged_limit(world, monthly=cost)
    tag(world, ref, paper="neurips")
    assert by_tag(world) == {"paper=neurips": cost}
    with pytest.raises(Refused):
        world.provision(hours=1, tags={"paper": "neurips"})


def test_a_session_that_comes_under_a_budget_is_warned_before_it_ends(world: World):
    """A budget ends nothing within a quarter of an hour of a change of what it counts."""
    ref = world.provision(hours=4)
    assert world.running(ref)
    tagged_limit(world, monthly=10 * DOLLAR, at_100=At100.STOP)
    world.run_for(1800)
    tag(world, ref, paper="neurips")
    found = load_budget(world.store, "neurips")
    assert found is not None and found.changed_at == world.clock.now().wall
    world.run_for(60)
    tag(world, ref, stage="final")
    assert load_budget(world.store, "neurips") == found, "nothing has changed for it"


def test_a_tag_of_an_ended_session_puts_off_no_end_by_a_budget(world: World):
    """One of last month that costs nothing now is never refused: tagged anew it would go on (I13)."""
    ref = world.provision(hours=1)
    assert world.running(ref) and world.ended(ref, 2 * 3600)
    tagged_limit(world, monthly=10 * DOLLAR, at_100=At100.STOP)
    found = load_budget(world.store, "neurips")
    world.run_for(60)
    tag(world, ref, paper="neurips")
    assert tags_of(world.store, ref) == {"paper": "neurips"} and load_budget(world.store, "neurips") == found
