"""What a create left beside the instance: removed before the receipt, named while it stays, nobody else's touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.label import make_label
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.store import alarms, sessions
from tests.third_cloud.market import Thing
from tests.third_cloud.world import NimbusWorld

GPU = "H100 SXM"
DISK_GB = 1000.0


def attempt_of(world: NimbusWorld, ref: str) -> Attempt:
    return sessions.attempts_of(world.store, ref)[-1]


def receipt_of(world: NimbusWorld, ref: str) -> dict[str, Any]:
    return json.loads(attempt_of(world, ref).receipt or "{}")


def running(world: NimbusWorld, **more: Any) -> str:
    ref = world.provision(GPU, **more)
    assert world.running(ref)
    return ref


def second_running(world: NimbusWorld) -> str:
    """Another one of the same type, once the offers are read anew."""
    world.run_for(900)
    return running(world, hours=11)


def left_alarms(world: NimbusWorld) -> list[tuple[str, str]]:
    return [(each.text, each.hint) for each in alarms.open_alarms(world.store) if each.kind == "leftover"]


def volume_named(world: NimbusWorld, name: str, machine: str | None = None) -> Thing:
    made = Thing("vol-900", name, world.clock.market(), {"gb": 50.0}, machine=machine)
    world.nimbus.volumes[made.id] = made
    return made


def test_no_receipt_before_they_are_gone_and_the_disk_is_billed_until_then(world: NimbusWorld) -> None:
    market = world.nimbus
    market.fault("DELETE", "volumes", "500*")
    ref = running(world, hours=2)
    market.volumes[next(iter(market.volumes))].spec["gb"] = attempt_of(world, ref).disk_gb
    world.run_for(1200)
    world.requests.end([ref])
    world.run_for(600)
    attempt = attempt_of(world, ref)
    assert (attempt.state, market.existing(market.machines), market.existing(market.keys)) == (State.DESTROYING, [], [])
    (volume,) = market.existing(market.volumes)
    ((text, hint),) = left_alarms(world)
    assert volume.id in text and "console.nimbus.example" in hint
    before = world.view(ref).accrued
    tries = market.requests.count(("DELETE", f"/v1/volumes/{volume.id}"))
    world.run_for(4 * 3600)
    assert attempt_of(world, ref).state is State.DESTROYING
    assert world.view(ref).accrued > before, "the disk bills on, and the books say so"
    more = market.requests.count(("DELETE", f"/v1/volumes/{volume.id}")) - tries
    assert 4 * 12 * 0.8 <= more <= 4 * 12 * 1.2, "with the pauses of destroys: every five minutes in the end"
    market.fault("DELETE", "volumes")
    assert world.ended(ref, 900)
    receipt = receipt_of(world, ref)
    assert receipt["total"] == pytest.approx(market.bill() * 1_000_000, rel=0.001)
    assert receipt["storage_ended_at"] == pytest.approx(volume.gone_at, abs=us(60))
    assert left_alarms(world) == []
    assert world.view(ref).accrued == receipt["total"]


@pytest.mark.parametrize("at_s", [150, 400])
def test_a_crash_in_between_forgets_none(world: NimbusWorld, at_s: int) -> None:
    market = world.nimbus
    market.fault("DELETE", "volumes", "500*")
    ref = running(world, hours=2)
    world.run_for(1200)
    world.requests.end([ref])
    world.run_for(at_s)
    world.restart()
    world.run_for(900)
    market.fault("DELETE", "volumes")
    assert world.ended(ref, 900)
    assert market.existing(market.volumes) == []
    assert receipt_of(world, ref)["total"] == pytest.approx(market.bill() * 1_000_000, rel=0.01)


def test_what_is_wanted_or_of_somebody_else_is_never_touched(world: NimbusWorld) -> None:
    market = world.nimbus
    theirs = make_label("zzzzzzzzzz", "b" * 16, world.clock.now().wall + HOUR)
    others = [volume_named(world, f"{theirs}-disk")]
    market.volumes["vol-901"] = Thing("vol-901", "my data", world.clock.market(), {"gb": 50.0})
    market.keys["key-902"] = Thing("key-902", "laptop", world.clock.market())
    kept, ended = running(world, hours=11), second_running(world)
    own = {t.id for t in (*market.existing(market.volumes), *market.existing(market.keys))}
    label = attempt_of(world, ended).label
    world.requests.end([ended])
    assert world.ended(ended)
    world.run_for(2 * 3600)
    left = {t.id for t in (*market.existing(market.volumes), *market.existing(market.keys))}
    gone = {t.id for t in (*market.volumes.values(), *market.keys.values()) if label in t.name}
    assert left == own - gone and len(gone) == 2
    assert others[0].gone_at is None and world.status(kept) == "running" and left_alarms(world) == []


def test_of_no_record_it_is_named_and_left_to_a_person(world: NimbusWorld) -> None:
    label = make_label(world.engine.ctx.installation.id, "c" * 16, world.clock.now().wall + HOUR)
    volume = volume_named(world, f"disk of {label}")
    world.run_for(3 * 3600)
    assert volume.gone_at is None
    ((text, hint),) = left_alarms(world)
    assert "vol-900" in text and "in no record" in text and "console.nimbus.example" in hint
    row = next(row for row in world.requests.audit().rows if row.instance_id == "vol-900")
    assert (row.kind, row.status, row.note) == ("ours_unknown", "disk", "carries our label, is in no record")
    volume.gone_at = world.clock.market()
    world.run_for(3700)
    assert left_alarms(world) == []


def test_a_disk_that_another_machine_uses_is_not_torn_from_it(world: NimbusWorld) -> None:
    market = world.nimbus
    ref, other = running(world, hours=11), second_running(world)
    (volume,) = [v for v in market.volumes.values() if attempt_of(world, ref).label in v.name]
    world.requests.end([ref])
    assert world.run_until(lambda: len(market.existing(market.machines)) == 1, 600)
    volume.machine = attempt_of(world, other).instance_id
    world.run_for(900)
    assert attempt_of(world, ref).state is State.DESTROYING
    assert ("DELETE", f"/v1/volumes/{volume.id}") not in market.requests
    ((text, _),) = left_alarms(world)
    assert f"instance {volume.machine} uses it" in text


def test_the_key_of_a_refused_create_is_removed_afterwards(world: NimbusWorld) -> None:
    market = world.nimbus
    market.refuse_creates = "sold_out"
    ref = world.provision(GPU, hours=2, retries=0)
    assert world.ended(ref)
    world.run_for(300)
    assert market.existing(market.keys) == [] and len(market.keys) >= 1


def test_what_a_cut_off_create_left_is_removed_before_it_counts_as_absent(world: NimbusWorld) -> None:
    market = world.nimbus
    market.fault("POST", "machines", "cut*")
    ref = world.provision(GPU, hours=2, retries=0)
    world.run_for(120)
    assert attempt_of(world, ref).state is State.UNCERTAIN
    assert world.ended(ref, 4 * 3600)
    (key,) = market.keys.values()
    assert key.gone_at is not None and key.gone_at <= (attempt_of(world, ref).closed_at or 0)


def test_audit_shows_what_is_left(world: NimbusWorld) -> None:
    market = world.nimbus
    ref = running(world, hours=2)
    rows = {row.instance_id: row for row in world.requests.audit().rows}
    (volume,), (key,) = market.volumes.values(), market.keys.values()
    assert {volume.id, key.id} < rows.keys()
    assert (rows[volume.id].kind, rows[volume.id].session, rows[volume.id].note) == ("ours", world.view(ref).name, "")
    world.requests.end([ref])
    assert world.ended(ref)
    volume.gone_at = None
    found = world.requests.audit()
    assert [row.note for row in found.rows] == ["left of an instance that is gone"] and found.problems == 1
    market.fault("GET", "volumes", "500", "500")
    assert "nimbus" in world.requests.audit().unavailable


def test_nothing_is_removed_under_a_key_of_another_organisation(world: NimbusWorld) -> None:
    market = world.nimbus
    market.fault("DELETE", "volumes", "500*")
    ref = running(world, hours=2)
    world.requests.end([ref])
    world.run_for(400)
    market.organisation = "org-2"
    market.fault("DELETE", "volumes")
    hidden, market.volumes = market.volumes, {}
    world.run_for(1800)
    assert attempt_of(world, ref).state is State.DESTROYING, "an empty list of another organisation proves nothing"
    market.organisation, market.volumes = "org-1", hidden
    assert world.ended(ref)
    assert market.existing(market.volumes) == []
