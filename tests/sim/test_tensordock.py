"""Sessions on the simulated TensorDock: a VM without an account id, a balance or a guard that ends its bill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpushopper import wire
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import HOUR, us
from gpushopper.errors import ProviderFailed, Refused
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Instance
from gpushopper.store import sessions
from tests.sim.world import World

SEARCH = wire.SearchRequest(gpu="4090")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, clouds=("tensordock",), policy=REAL, boot_seconds=30.0).start().ready()
    yield made
    made.kill()


def rented(world: World, **more: object) -> tuple[str, Instance]:
    """A session that runs, and its VM."""
    before = set(world.market.instances)
    ref = world.provision(allow_unguarded=True, **more)
    assert world.running(ref), world.view(ref)
    (vm,) = (i for i in world.market.existing_instances() if i.id not in before)
    return ref, vm


def billed(world: World, vm: Instance) -> float:
    """What the market has billed for it, micro-dollars."""
    (row,) = (row for row in world.ledger()["instances"] if row["id"] == vm.cloud_id)
    return float(row["usd"]) * 1e6


def end(world: World, ref: str) -> int:
    """What a session cost by our books, once it has ended."""
    world.requests.end([ref])
    assert world.ended(ref)
    world.run_for(600)
    return world.view(ref).accrued


def test_without_consent_nothing_is_rented(world: World) -> None:
    with pytest.raises(Refused, match="at most power off, and bill on") as refused:
        world.provision()
    assert refused.value.code == "unguarded" and world.our_instances() == []


def test_from_plan_to_receipt(world: World) -> None:
    asked = wire.PlanRequest(search=SEARCH, duration_us=2 * HOUR, to_rent=True, allow_unguarded=True)
    plan = world.requests.plan(asked)
    assert plan.bills_on and plan.guard_kind == "poweroff_only"
    ref, vm = rented(world)
    assert (vm.spec.disk_gb, vm.spec.image, vm.spec.kind) == (100, "ubuntu2404_ml_pytorch", "vm")
    (attempt,) = sessions.attempts_of(world.store, ref)
    # A probe as anyone else is refused.
    assert attempt.ssh_user == "user" and attempt.guard_state == "armed"
    assert attempt.account.startswith("inferred-")
    (status,) = world.requests.accounts()
    assert status.balance is None and status.account == attempt.account
    assert [row.kind for row in world.requests.audit().rows] == ["ours"]
    world.run_for(6000)
    assert world.alarms() == set()
    assert end(world, ref) == pytest.approx(billed(world, vm), rel=0.001)
    assert not vm.exists and world.status(ref) == "stopped"
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert '"proven"' in attempt.receipt


def test_a_stopped_vm_bills_in_full_and_one_without_its_gpu_for_the_disk(world: World) -> None:
    ref, vm = rented(world, hours=11)
    world.run_for(9000)
    actions.stop(world.market, vm, "host")
    world.run_for(300)
    (alarm,) = world.requests.alarms().alarms
    assert alarm.kind == "interrupted" and "it still bills in full" in alarm.text
    actions.revise(world.market, vm, "reclaim_gpus", None)
    world.engine.wake()  # a change is seen by the next list alone, up to a minute late
    world.run_for(300)
    assert end(world, ref) == pytest.approx(billed(world, vm), rel=0.001)


def test_a_disk_is_rented_and_billed_by_its_steps(world: World) -> None:
    search = wire.SearchRequest(gpu="4090", disk_gb=120)
    plan = world.requests.plan(wire.PlanRequest(search=search, duration_us=2 * HOUR, allow_unguarded=True))
    world.executor.transport.charged_s = 0.0
    request = wire.ProvisionRequest(
        offers=plan.offers, disk_gb=plan.disk_gb, max_rate=plan.max_rate, duration_us=2 * HOUR, image=plan.image,
        allow_unguarded=True,
    )  # fmt: skip
    (ref,) = world.requests.provision(request).sessions
    assert world.running(ref) and world.alarms() == set()
    (vm,) = world.market.existing_instances()
    assert vm.spec.disk_gb == 150
    world.run_for(6000)
    assert end(world, ref) == pytest.approx(billed(world, vm), rel=0.001)


def test_its_guard_powers_it_off_and_we_end_it_when_we_come_back(world: World) -> None:
    ref, vm = rented(world, hours=1)
    world.kill()
    remote = world.remote
    assert remote is not None
    for _ in range(30):
        world.clock.t += 3 * HOUR // 30
        remote.step()
    assert vm.exists and vm.stopped_by == "own", "powered off at its deadline, and it bills on"
    world.start()
    assert world.ended(ref) and not vm.exists
    world.run_for(600)
    assert world.view(ref).accrued == pytest.approx(billed(world, vm), rel=0.001)


def test_logs_labels_and_keys_are_not_asked_of_it(world: World) -> None:
    asked: set[str] = set()
    world.executor.on_submit = lambda key: asked.add(key[1])
    ref, vm = rented(world, name="a")
    vm.label = None
    world.run_for(900)
    assert world.status(ref) == "running" and asked.isdisjoint({"label", "attach"}) and "list" in asked
    sent = world.executor.transport.sent
    before = len(sent)
    with pytest.raises(Refused, match="tensordock gives no logs") as refused:
        world.requests.provider_log(ref, 10)
    assert "gpu-shopper ssh a" in refused.value.hint and len(sent) == before
    assert {request.method for request in sent} == {"GET", "POST"}
    assert {request.url.path for request in sent if request.method == "POST"} == {
        "/api/v2/instances", "/api/v2/secrets",
    }  # fmt: skip


# Quick for "2": the test after this one.
@pytest.mark.parametrize("shape", [pytest.param("2", marks=pytest.mark.proofs), "2flat", "3"])
def test_each_shape_of_the_list_keeps_a_session_and_its_price(world: World, shape: str) -> None:
    ref, vm = rented(world, hours=11)
    world.fault("list", "shape", shape)
    world.run_for(10_000)
    assert world.status(ref) == "running" and world.alarms() == set()
    assert end(world, ref) == pytest.approx(billed(world, vm), rel=0.001)


def test_an_address_that_the_list_lacks_is_read_by_id_and_not_all_the_time(world: World) -> None:
    """Items of the second shape hold a name and a status only: without an address a VM would never be ready."""
    world.fault("list", "shape", "2")
    reads: list[str] = []
    client = world.engine.reconcilers["tensordock"].client
    fetch = client.fetch_instance
    client.fetch_instance = lambda instance_id, limit_s: reads.append(instance_id) or fetch(instance_id, limit_s)
    begun = world.clock.t
    ref, vm = rented(world, hours=11)
    took_s = (world.clock.t - begun) / us(1)
    assert took_s < 300 and 1 <= len(reads) <= took_s / 10 + 1 and set(reads) == {vm.cloud_id}
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert attempt.ssh_host and attempt.current_rate == pytest.approx(attempt.agreed_rate, rel=0.01)
    before = len(reads)
    world.run_for(3600)
    assert len(reads) == before and world.alarms() == set()
    end(world, ref)


def test_its_variables_and_its_label_come_with_its_first_boot(world: World) -> None:
    _, vm = rented(world, environment={"A": "1"})
    assert vm.spec.env == () and vm.spec.cloud_init is not None
    script = json.loads(json.loads(vm.spec.cloud_init)["write_files"][0]["content"])
    assert script["environment"] == {"A": "1", "GS_LABEL": vm.spec.label}


def test_a_login_is_as_whom_the_instance_names(world: World) -> None:
    ref, _ = rented(world)
    (attempt,) = sessions.attempts_of(world.store, ref)
    ctx = world.engine.ctx
    users = [ctx.login_of(replace(attempt, ssh_user=name)) for name in ("ubuntu", None)]
    assert [login.user for login in users if login is not None] == ["ubuntu", "user"]


def test_a_burst_of_401_is_a_rate_limit_for_searches_too(world: World) -> None:
    ref, _ = rented(world)
    world.run_for(400)
    world.fault("search", "status", "401", duration="100s")
    with pytest.raises(ProviderFailed) as failed:
        world.requests.plan(wire.PlanRequest(search=SEARCH, duration_us=HOUR, allow_unguarded=True))
    assert "refuses the key" not in failed.value.message
    assert world.status(ref) == "running"


def swap_key(world: World, number: int) -> None:
    """The key of this account of the cloud: 0 is ours, 1 another organisation's."""
    world.keys["tensordock"] = world.market.keys_of("tensordock")[number]
    world.engine.replace_account(world.setup("tensordock"))


def test_another_organisations_key_closes_nothing_and_the_right_one_settles_all(world: World) -> None:
    running, vm = rented(world, name="running")
    world.run_for(700)
    ending, ended_vm = rented(world, name="ending")
    world.fault("destroy", "ack_noop", "3")
    world.requests.end([ending])
    world.run_for(5)
    world.fault("create", "commit_then_hang", count=1)
    uncertain = world.provision(name="uncertain", allow_unguarded=True)
    assert world.run_until(lambda: len(world.market.existing_instances()) == 3, 60)
    swap_key(world, 1)
    world.run_for(3 * 3600 // 4)
    opened = {attempt.session_id: attempt for attempt in sessions.load_attempts(world.store)}
    assert opened.keys() == {running, ending, uncertain}, "an empty list of another organisation closes nothing"
    assert "account_unproven" in world.alarms()
    assert len(world.market.existing_instances()) == 3
    with pytest.raises(Refused, match="not proven"):
        world.provision(allow_unguarded=True)
    swap_key(world, 0)
    assert world.run_until(lambda: world.status(uncertain) == "running" and world.status(ending) == "stopped", 3600)
    world.run_for(900)
    assert world.status(running) == "running" and vm.exists and not ended_vm.exists
    assert world.alarms() == set()
    assert len(world.our_instances()) == 2
