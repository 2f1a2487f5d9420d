"""A plan holds the GPUs and the number of them that were typed; acting on a session takes its exact name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpushopper import wire
from gpushopper.core.model.session_names import MAX_NAME_LENGTH, session_name_problem
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.engine.requests.queries.market.search_criteria import requirements
from gpushopper.errors import NoOffer, NotFound, UsageError
from gpushopper.store import sessions
from tests.sim.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One world for all that only ask."""
    made = World(Path(tmp_path_factory.mktemp("wanted"))).start().ready()
    yield made
    made.kill()


def plan(world: World, **search: Any) -> wire.Plan:
    criteria = wire.SearchRequest(**{"max_rate": 100_000_000, **search})
    return world.requests.plan(wire.PlanRequest(search=criteria, retries=20))


@pytest.mark.parametrize(
    ("search", "gpus", "counts"),
    [
        ({"gpu": "v100"}, {"Tesla V100"}, {1}), ({"gpu": "v100", "exact_gpus": 2}, {"Tesla V100"}, {2}),
        ({"gpu": "V100:2"}, {"Tesla V100"}, {2}), ({"gpu": "v100:2", "exact_gpus": 2}, {"Tesla V100"}, {2}),
        ({"gpu": "4090", "exact_gpus": 8}, {"RTX 4090"}, {8}), ({"gpu": "l40s", "min_gpus": 4}, {"L40S"}, {4, 8}),
        ({"gpu": "l40s", "min_gpus": 1}, {"L40S"}, {1, 2, 4, 8}), ({"gpu": "RTX 4080 SUPER"}, {"RTX 4080S"}, {1}),
        ({"gpu": "4080"}, {"RTX 4080"}, {1}), ({"gpu": "A100:1"}, {"A100 SXM4", "A100 PCIE"}, {1}),
        ({"gpu": "A100-SXM4-80GB:4"}, {"A100 SXM4"}, {4}), ({"gpu": "rtx8000"}, {"Q RTX 8000"}, {1}),
        ({"gpu": "H100 SXM5:8"}, {"H100 SXM"}, {8}), ({"gpu": "t4,l4"}, {"Tesla T4", "L4"}, {1}),
        ({"gpu": "h200"}, {"H200"}, {1}), ({"gpu": "h200,h200 nvl"}, {"H200", "H200 NVL"}, {1}),
    ],
)  # fmt: skip
def test_a_plan_holds_what_was_typed(world: World, search: dict[str, Any], gpus: set[str], counts: set[int]):
    offers = plan(world, **search).offers
    assert {offer.gpu for offer in offers} == gpus
    assert {offer.gpu_count for offer in offers} == counts


@pytest.mark.parametrize(
    ("search", "kind"),
    [
        ({}, UsageError), ({"min_vram_gb": 40.0}, UsageError), ({"gpu": ""}, UsageError),
        ({"gpu": "a100:0"}, UsageError),
        ({"gpu": "a100:2", "exact_gpus": 4}, UsageError), ({"gpu": "a100:2", "min_gpus": 2}, UsageError),
        ({"gpu": "a100", "exact_gpus": 2, "min_gpus": 2}, UsageError), ({"gpu": "a100:2,h100:4"}, UsageError),
        ({"gpu": "4090,nosuch9"}, NotFound), ({"gpu": "4009"}, NotFound), ({"gpu": "a100-40gb"}, NoOffer),
        ({"gpu": "4090", "exact_gpus": 3}, NoOffer),
    ],
)  # fmt: skip
def test_nothing_else_is_planned_instead(world: World, search: dict[str, Any], kind: type[Exception]):
    with pytest.raises(kind):
        plan(world, **search)


def test_an_offer_by_its_id_must_be_what_else_was_typed(world: World):
    key = plan(world, gpu="v100:2").offers[0].key

    def of_offer(**search: Any) -> wire.Plan:
        return world.requests.plan(wire.PlanRequest(search=wire.SearchRequest(**search), offer=key))

    for fine in ({}, {"gpu": "V100"}, {"exact_gpus": 2}, {"min_gpus": 1}, {"gpu": "v100-32gb"}):
        assert [(offer.key, offer.gpu_count) for offer in of_offer(**fine).offers] == [(key, 2)]
    for other in ({"gpu": "4090"}, {"exact_gpus": 1}, {"min_gpus": 4}, {"max_rate": 1}, {"gpu": "v100-16gb"}):
        with pytest.raises(NoOffer, match="does not match the request"):
            of_offer(**other)


def test_an_inventory_without_a_gpu_lists_all_of_any_number(world: World):
    listed = world.requests.inventory(wire.SearchRequest(limit=1000))
    assert listed.more, "as much as eight seconds allow"
    found = listed.offers
    assert len({offer.gpu for offer in found}) > 10 and {offer.gpu_count for offer in found} >= {1, 2, 4}


@pytest.mark.parametrize("life", [{"duration_us": us(59)}, {"duration_us": 1}, {"duration_us": 0}])
def test_a_duration_below_a_minute_is_neither_planned_nor_rented(world: World, life: dict[str, int]):
    search = wire.SearchRequest(gpu="4090")
    with pytest.raises(UsageError, match="less than a minute"):
        world.requests.plan(wire.PlanRequest(search=search, **life))
    found = world.requests.plan(wire.PlanRequest(search=search))
    with pytest.raises(UsageError, match="less than a minute"):
        world.requests.provision(wire.ProvisionRequest(offers=found.offers, disk_gb=20, **life))
    assert world.requests.sessions().sessions == []


@pytest.mark.parametrize("image", ["", "img tag", "img:", ":latest", "a:b:c", "https://ghcr.io/a", "img@sha256:00"])
def test_an_invalid_image_is_neither_planned_nor_rented(world: World, image: str):
    search = wire.SearchRequest(gpu="4090")
    with pytest.raises(UsageError):
        world.requests.plan(wire.PlanRequest(search=search, image=image))
    found = world.requests.plan(wire.PlanRequest(search=search))
    with pytest.raises(UsageError):
        world.requests.provision(wire.ProvisionRequest(offers=found.offers, disk_gb=20, image=image))
    assert world.requests.sessions().sessions == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Exp", "a" * 42, "abcdefghijklmnop"])
def test_an_ambiguous_name_is_refused(world: World, name: str):
    found = plan(world, gpu="4090")
    with pytest.raises(UsageError) as error:
        world.requests.provision(wire.ProvisionRequest(offers=found.offers, disk_gb=20, name=name))
    assert error.value.code == "bad_name"
    assert world.requests.sessions().sessions == []


def test_a_command_takes_no_prefix_of_a_name_or_an_id(tmp_path: Path):
    world = World(tmp_path).start().ready()
    session = world.provision(name="exp10")
    assert world.running(session)
    before = world.view(session)
    for ref in ("exp", session[:8]):
        acting = (
            lambda ref=ref: world.requests.end([ref]),
            lambda ref=ref: world.requests.extend(ref, wire.ExtendRequest(add_us=HOUR)),
            lambda ref=ref: world.requests.connection(ref),
        )
        for act in acting:
            with pytest.raises(NotFound, match=f"no session named {ref}; did you mean exp10"):
                act()
        assert world.requests.session(ref).id == session
    assert (world.view(session).end_stage, world.view(session).deadline_at) == ("", before.deadline_at)
    assert [session_name_problem(each.name) for each in world.requests.sessions().sessions] == [""]
    with pytest.raises(UsageError, match="less than a minute"):
        world.requests.extend(session, wire.ExtendRequest(add_us=us(30)))
    world.requests.end(["exp10"])
    assert world.ended(session)
    other = world.provision(name="exp101")
    assert world.running(other)
    world.requests.end(["exp10"])  # ended long ago: nothing else is meant by its name
    assert world.view(other).end_stage == ""
    world.kill()


def test_a_name_that_was_made_up_may_be_given(tmp_path: Path):
    world = World(tmp_path).start().ready()
    world.provision()
    (made,) = sessions.load_sessions(world.store)
    assert session_name_problem(made.name) == "" and made.name.startswith("rtx4090-")
    assert len(made.name) <= MAX_NAME_LENGTH
    world.kill()


@pytest.mark.parametrize("host", ["4471", "vast:4471", "h-7", "8dd95ff0-0000-4000-8000-000000000001", "lab:node_1.b"])
def test_a_host_is_left_out_by_its_id(host: str):
    assert requirements(wire.SearchRequest(exclude_hosts=[host])).excluded_hosts == {host}


@pytest.mark.parametrize("text", ["", " ", "rm -rf", "1,2", "vast:", ":4471", "a:b:c", "h/7", "x" * 81])
def test_what_cannot_be_a_host_id_is_refused(text: str):
    with pytest.raises(UsageError, match="no host's id") as caught:
        requirements(wire.SearchRequest(exclude_hosts=["4471", text]))
    assert "inventory -o wide" in (caught.value.hint or "")
