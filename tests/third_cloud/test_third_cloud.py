"""A third cloud, installed as a package: rented on and ended on simulated time, with every trait value of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpushopper import clouds
from gpushopper.cli.input.help_topics import text_of
from gpushopper.core.cloud import Leftover
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.providers import traits
from gpushopper.store import sessions
from tests.third_cloud.market import Nimbus, label_of
from tests.third_cloud.world import PACKAGE, NimbusWorld

GPU = "H100 SXM"


def receipt_of(world: NimbusWorld, ref: str) -> dict:
    (attempt,) = sessions.attempts_of(world.store, ref)
    return json.loads(attempt.receipt or "{}")


def calls(market: Nimbus, method: str, kind: str) -> int:
    return sum(1 for used, path in market.requests if used == method and path.startswith(f"/v1/{kind}"))


def test_it_is_rented_on_and_ended(world: NimbusWorld) -> None:
    market = world.nimbus
    ref = world.provision(GPU, hours=2)
    assert world.running(ref)
    (machine,) = market.existing(market.machines)
    (key,), (volume,) = market.existing(market.keys), market.existing(market.volumes)
    label = label_of(machine.spec["tags"]["owner"])
    assert label and label == label_of(key.name) == label_of(volume.name), "all of it is found by our label"
    assert machine.spec["key"] == key.id
    assert world.view(ref).guards == "D+P"
    assert machine.ends == pytest.approx(world.view(ref).deadline_at, abs=us(1)), "the create told the cloud its end"
    world.run_for(900)
    world.requests.end([ref])
    assert world.ended(ref)
    assert (market.existing(market.machines), market.existing(market.keys), market.existing(market.volumes)) == (
        [],
        [],
        [],
    )
    assert receipt_of(world, ref)["total"] == pytest.approx(market.bill() * 1_000_000, rel=0.01)
    assert len([path for _, path in market.requests if path == "/oauth2/token"]) >= 2, "tokens live for 15 minutes"
    assert world.alarms() == set()


def test_it_has_what_neither_of_the_others_has(world: NimbusWorld) -> None:
    own, others = traits("nimbus"), [traits(name) for name in clouds.BUILT_IN]
    assert own.ending.kind not in {other.ending.kind for other in others}
    assert {*own.naming.carriers}.isdisjoint(carrier for other in others for carrier in other.naming.carriers)
    assert own.limits.list_proof not in {other.limits.list_proof for other in others}
    assert own.planting.method not in {other.planting.method for other in others}
    assert own.billing.begins not in {other.billing.begins for other in others}
    assert own.billing.stopped not in {other.billing.stopped for other in others}
    for of in (
        lambda cloud: cloud.planting.registers_key,
        lambda cloud: Leftover.DISK in cloud.ending.leftovers,
        lambda cloud: Leftover.KEY in cloud.ending.leftovers,
        lambda cloud: cloud.limits.create_replay_s > 0,
        lambda cloud: cloud.billing.minimum_s > 0,
        lambda cloud: cloud.billing.storage_included_gb > 0,
    ):
        assert of(own) and not any(of(other) for other in others)


def test_what_it_took(world: NimbusWorld) -> None:
    """Files and lines of a cloud: facts, traits, adapter. Nothing in the product names it."""
    taken = {path.name: len(path.read_text().splitlines()) for path in sorted(PACKAGE.glob("*.py"))}
    print(f"the third cloud took {len(taken)} files and {sum(taken.values())} lines: {taken}")
    assert len(taken) <= 5 and sum(taken.values()) <= 450
    product = Path(__file__).parents[2] / "gpushopper"
    assert [path for path in product.rglob("*.py") if "nimbus" in path.read_text().lower()] == []


def test_help_names_its_variables(world: NimbusWorld):
    text = text_of("environment")
    assert re.search("^NIMBUS_CLIENT_SECRET +Nimbus: client secret$", text, re.MULTILINE)
    assert re.search("^VAST_API_KEY +Vast.ai: API key \\(VASTAI_API_KEY, too\\)$", text, re.MULTILINE)
