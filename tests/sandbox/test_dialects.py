"""A second cloud beside the first: its own ids, ledger, key, billing and port, and nothing in the kernel names it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import gpushopper.sandbox
from gpushopper.sandbox.dialects import BUILT_IN, choose
from gpushopper.sandbox.live.container_spec import make_container_spec
from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.cloud_profile import BillingProfile
from gpushopper.sandbox.market.ground_truth import build_ledger
from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import Phase
from gpushopper.sandbox.persistence import dump_state, new_state, restore_state
from gpushopper.sandbox.ports import choose_port
from gpushopper.sandbox.requests.app import create_app
from gpushopper.sandbox.server import SandboxServer
from gpushopper.sandbox.timing import HOUR, SECOND
from tests.sandbox.conftest import HandClock, Shop
from tests.sandbox.toy_dialect import TOY

BOTH = {**BUILT_IN, "toy": TOY}
SAVED = Path(__file__).parent / "data" / "market-schema-1.json"


class Pair:
    """One market with both clouds: the first as `shop`, the toy by `call`."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.state = new_state(clock, seed=1, boot_seconds=4.0, dialects=BOTH)
        first, second = (create_app(BOTH[name], *self._parts()).test_client() for name in ("vast", "toy"))
        self.shop = Shop(clock, self.state, first, self.market.keys_of("vast")[0])
        self.toy = second
        self.key = self.market.keys_of("toy")[0]

    def _parts(self):
        return self.state.market, self.state.faults, self.state.rate_limiter

    @property
    def market(self) -> Market:
        return self.state.market

    def call(self, method, path, body=None):
        return self.toy.open(path, method=method, json=body, headers={"X-Toy-Token": self.key})

    def rent(self, name="a", disk=100):
        return self.call("POST", "/machines", {"name": name, "disk": disk}).get_json()["id"]

    def rows(self):
        return {row["id"]: row for row in build_ledger(self.market)["instances"]}


@pytest.fixture
def pair(clock: HandClock) -> Pair:
    return Pair(clock)


def test_each_cloud_has_its_own_ids_accounts_and_instances(pair):
    number, machine = pair.shop.rent("gs1-a"), pair.rent("gs1-a")
    assert number == 33_400_001 and len(machine) == 36
    assert pair.shop.ids() == [number]
    assert [row["id"] for row in pair.call("GET", "/machines").get_json()["machines"]] == [machine]
    rows = pair.rows()
    assert (rows[str(number)]["provider"], rows[machine]["provider"]) == ("vast", "toy")
    assert (rows[str(number)]["account"], rows[machine]["account"]) == ("7001", "9001")


def test_a_key_is_good_at_its_own_cloud_only(pair):
    pair.shop.key, pair.key = pair.key, pair.shop.key
    assert pair.shop.call("GET", "/api/v1/instances/").status_code == 404
    assert pair.call("GET", "/machines").get_json() == {"status": 401, "error": "bad key"}


def test_an_instance_is_not_reached_through_the_other_cloud(pair):
    number, machine = pair.shop.rent(), pair.rent()
    assert pair.call("DELETE", f"/machines/{number}").status_code == 404
    assert pair.rows()[str(number)]["state"] != "gone"
    assert pair.call("DELETE", f"/machines/{machine}").status_code == 200
    seen = [(row["provider"], row["id"], row["outcome"]["effect"]) for row in pair.shop.ledger()["destroys"]]
    assert seen == [("toy", str(number), "none"), ("toy", machine, "gone")]


def test_the_reply_in_the_ledger_is_read_as_the_cloud_writes_it(pair):
    pair.market.first_account("toy").paid_in_micros = 999_999
    pair.call("POST", "/machines", {"name": "a", "disk": 100})
    assert pair.shop.ledger()["creates"][-1]["outcome"] == {"effect": "none", "reply": "200 NoCredit"}


def test_a_fault_acts_at_its_own_cloud_only(pair):
    pair.state.faults.add("toy", "list", "omit", instance="all")
    number, machine = pair.shop.rent(), pair.rent()
    assert pair.shop.ids() == [number]
    assert pair.call("GET", "/machines").get_json()["machines"] == []
    pair.state.faults.add("toy", "account", "zero_balance")
    pair.call("GET", "/machines")
    assert not pair.market.first_account("vast").drained and pair.market.first_account("toy").drained
    assert machine in pair.rows()


def test_an_unreachable_host_is_one_clouds(pair):
    machine = pair.rent()
    pair.clock.pass_seconds(60)
    pair.market.settle()
    actions.revise(pair.market, pair.market.named(machine), "offline_host", None)
    assert all(pair.market.is_free(offer) for offer in pair.market.supply["vast"].offers.values())
    assert pair.market.named(machine).phase is Phase.OFFLINE


def test_rate_limits_are_counted_by_cloud(pair):
    pair.state.rate_limiter.enabled = True
    assert pair.call("GET", "/machines").status_code == 200
    assert pair.shop.call("GET", "/api/v1/instances/").status_code == 200
    assert pair.call("GET", "/machines").status_code == 429
    pair.clock.pass_seconds(2)
    assert pair.call("GET", "/machines").status_code == 200


def test_billing_begins_at_the_create_in_whole_minutes_and_lasts_ten_at_least(pair):
    machine = pair.rent(disk=100)
    instance = pair.market.named(machine)
    month = pair.market.offer_of(instance).host.storage_micros_gb_month
    assert instance.storage_rate == round(month * 100 / 720)  # 20 of 100 GB are free, 80 are two steps of 50
    pair.clock.pass_seconds(30)
    pair.market.settle()
    assert (instance.meter.gpu_us, instance.meter.gpu_units) == (30 * SECOND, 600 * SECOND * instance.gpu_rate)
    pair.clock.pass_seconds(601)
    pair.market.settle()
    assert instance.meter.gpu_units == 660 * SECOND * instance.gpu_rate
    assert instance.meter.storage_units == 660 * SECOND * instance.storage_rate
    assert instance.meter.traffic_units == 0


def test_a_stopped_machine_bills_all_and_keeps_its_gpus(pair):
    machine = pair.rent()
    instance = pair.market.named(machine)
    pair.clock.pass_seconds(600)
    pair.market.settle()
    actions.stop(pair.market, instance, "api")
    pair.clock.pass_seconds(3000)
    pair.market.settle()
    assert instance.meter.gpu_units == HOUR * instance.gpu_rate
    _, in_use = pair.market.occupancy("toy")
    assert in_use == {pair.market.offer_of(instance).host.id: pair.market.offer_of(instance).gpu_count}
    pair.clock.pass_seconds(400 * 24 * 3600)
    pair.market.settle()
    assert instance.exists and pair.market.first_account("toy").credit_micros < 0, "no contract, no stop below zero"


@pytest.mark.parametrize(
    ("stopped", "gpu", "disk"), [("nothing", False, False), ("storage", False, True), ("all", True, True)]
)
def test_what_a_stopped_machine_bills_is_the_profiles(stopped, gpu, disk):
    profile = BillingProfile(begins="running", stopped=stopped)
    assert (profile.bills_gpu(Phase.STOPPED), profile.bills_storage(Phase.STOPPED)) == (gpu, disk)
    assert not profile.bills_gpu(Phase.GONE) and not profile.bills_storage(Phase.GONE)


@pytest.mark.parametrize(
    ("begins", "billed"),
    [
        ("create", ["fresh", "created", "loading", "running"]),
        ("address", ["loading", "running"]),
        ("running", ["running"]),
    ],
)
def test_when_billing_begins_is_the_profiles(begins, billed):
    profile = BillingProfile(begins=begins, stopped="nothing", offline="nothing")
    assert [phase for phase in Phase if profile.bills_gpu(phase)] == billed


def test_no_two_clouds_share_numbers_or_ids(clock):
    with pytest.raises(ValueError, match="numbers of another cloud"):
        Market(clock, [BUILT_IN["vast"], replace(TOY, first_account=7002)])
    with pytest.raises(ValueError, match="numbers of another cloud"):
        Market(clock, [BUILT_IN["vast"], replace(TOY, first_host=40_700)])
    with pytest.raises(ValueError, match="numbers of another cloud"):
        Market(clock, [BUILT_IN["vast"], replace(TOY, first_instance=33_400_700)])
    market = Market(clock, [replace(TOY, make_id=lambda number, rng: "same")])
    actions.launch_foreign(market, "toy")
    with pytest.raises(ValueError, match="two instances are called same"):
        actions.launch_foreign(market, "toy")


def test_the_environment_of_a_live_instance_is_the_dialects(pair):
    number, machine = pair.shop.rent(), pair.rent()
    specs = {
        instance.provider: make_container_spec(BOTH[instance.provider], pair.market, instance, 2222)
        for instance in (pair.market.named(number), pair.market.named(machine))
    }
    assert specs["vast"].env["CONTAINER_ID"] == str(number) and "TOY_MACHINE" not in specs["vast"].env
    assert specs["toy"].env["TOY_MACHINE"] == machine and "CONTAINER_ID" not in specs["toy"].env


def test_instances_are_of_a_kind_that_the_cloud_has(pair):
    machine = pair.market.named(pair.rent())
    assert (machine.spec.kind, machine.can_be_live) == ("vm", True)
    assert pair.shop.instance(pair.shop.rent()).can_be_live
    assert actions.launch_foreign(pair.market, "toy").spec.kind == "vm"
    with pytest.raises(ValueError, match="toy rents out no container"):
        pair.market.rent(9001, replace(machine.spec, kind="container", offer_id=_free_offer(pair.market).id))


def _free_offer(market):
    return next(offer for offer in market.supply["toy"].offers.values() if market.is_free(offer))


def test_a_market_saved_before_a_cloud_existed_opens_with_that_account_empty(clock):
    saved = json.loads(SAVED.read_text())
    clock.pass_seconds(3600)
    state = restore_state(saved, clock, BOTH)
    market = state.market
    alone = restore_state(saved, clock)
    assert build_ledger(market) == build_ledger(alone.market)
    assert {row["state"] for row in build_ledger(market)["instances"]} == {"running", "stopped", "gone"}
    assert [row["id"] for row in build_ledger(market)["destroys"]] == ["33400015"]
    account = market.first_account("toy")
    assert (account.credit_micros, market.existing_instances(account.id)) == (100_000_000, [])
    app = create_app(TOY, market, state.faults, state.rate_limiter).test_client()
    headers = {"X-Toy-Token": market.keys_of("toy")[0]}
    assert app.get("/machines", headers=headers).get_json() == {"machines": []}
    again = restore_state(json.loads(json.dumps(dump_state(state))), clock, BOTH)
    assert again.market.instances == market.instances and again.market.keys == market.keys


def test_a_saved_market_of_today_opens_as_it_was(clock):
    clock.pass_seconds(240)
    state = restore_state(json.loads(SAVED.read_text()), clock)
    app = create_app(BUILT_IN["vast"], state.market, state.faults, state.rate_limiter)
    shop = Shop(clock, state, app.test_client(), state.market.keys_of("vast")[0])
    assert shop.ids() == [33_400_008], "the other one is hidden by a saved fault"
    assert shop.shown(33_400_001)["label"] == "gs1-a"
    clock.pass_seconds(600)
    assert 33_400_022 in shop.ids(), "the create that was to come later"


def test_a_market_with_a_cloud_that_is_not_known_is_refused(pair, clock):
    with pytest.raises(ValueError, match="accounts at toy"):
        restore_state(dump_state(pair.state), clock)


def test_a_server_serves_every_cloud_on_a_port_of_its_own(home: Path):
    server, port = SandboxServer(home, BOTH), choose_port()
    try:
        status = server.open(boot_seconds=0.01, ports={"toy": port})
        vast, toy = status["dialects"]["vast"], status["dialects"]["toy"]
        assert vast["url"] != toy["url"] == f"http://127.0.0.1:{port}"
        assert set(vast["keys"]) == {"api_key", "other_account_api_key"}
        assert set(toy["keys"]) == {"organisation", "token", "other_account_organisation", "other_account_token"}
        headers = {"X-Toy-Token": toy["keys"]["token"]}
        made = httpx.post(f"{toy['url']}/machines", json={"name": "a", "disk": 50}, headers=headers).json()["id"]
        assert (home / "market" / "market.json").read_text().count(made) == 2
    finally:
        server.close()
    only = SandboxServer(home, BOTH)
    try:
        assert list(only.open(clouds=["vast"])["dialects"]) == ["vast"]
        assert [i.cloud_id for i in only.state.market.existing_instances()] == [made], "not served, and billed"
    finally:
        only.close()
    again = SandboxServer(home, BOTH)
    try:
        assert again.open()["dialects"] == status["dialects"]
    finally:
        again.close()


def test_clouds_are_chosen_by_name():
    assert choose(" toy, vast", BOTH) == ("vast", "toy")
    for wrong in ("nosuch", "vast,nosuch", ""):
        with pytest.raises(ValueError, match="unknown cloud"):
            choose(wrong, BOTH)


@pytest.mark.parametrize("words", [("--clouds", "nosuch"), ("--port", "toy=1"), ("--port", "x")])
def test_a_wrong_cloud_or_port_is_one_line(tmp_path, words):
    command = [sys.executable, "-m", "gpushopper.sandbox", "--home", str(tmp_path / "home"), *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (1, 1)


def test_no_module_of_the_kernel_names_a_cloud():
    top = Path(gpushopper.sandbox.__file__).parent
    modules = [path.relative_to(top) for path in top.rglob("*.py")]
    kernel = [path for path in modules if path.parts[0] not in BOTH and path != Path("dialects.py")]
    named = [str(path) for path in kernel for name in BOTH if name in (top / path).read_text().lower()]
    assert len(kernel) > 40 and named == []
