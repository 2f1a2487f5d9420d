"""The minimum checks of a TensorDock simulator, numbered as in tensordock.md 17."""

from __future__ import annotations

import re

import pytest

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.ground_truth import build_ledger
from tests.sandbox.tensordock.dock import RTX_4090, size


def test_1_locations_are_public_and_instances_are_not(dock):
    key, dock.auth = dock.auth, None
    query = "?api_key=6a1e&api_token=abc"
    for path in ("/locations", f"/locations{query}", "/locations?token=abc"):
        assert dock.call("GET", path).status_code == 200
    for path in ("/instances", f"/instances{query}", f"/instances?token={key}", "/secrets", "/hostnodes"):
        answer = dock.call("GET", path)
        assert (answer.status_code, answer.get_json()) == (401, {"error": "Unauthorized"})
    for wrong in ("Bearer wrong", f"Basic {key}"):
        dock.auth = wrong
        assert dock.call("GET", "/instances").status_code == 401
    dock.auth = key
    assert [dock.call("GET", path).status_code for path in ("/locations", "/instances")] == [200, 200]


def test_2_a_create_without_a_way_to_ssh_is_an_array(dock):
    message = "SSH port (22) must be forwarded for Ubuntu VMs"
    path = ["data", "attributes", "port_forwards"]
    for forwards in (None, [], [{"internal_port": 80, "external_port": 0}]):
        answer = dock.create(useDedicatedIp=None, port_forwards=forwards)
        assert answer.status_code == 400
        assert answer.get_json() == [{"code": "custom", "message": message, "path": path}]
    assert build_ledger(dock.state.market)["creates"][-1]["outcome"]["reply"] == f"400 {message}"


@pytest.mark.parametrize(
    ("arg", "text"),
    [
        (None, "No available nodes found"),
        ("no_nodes", "No available nodes found"),
        ("no_public_ip", "No available public IPs on hostnode"),
        ("hostnode_unavailable", "Hostnode unavailable"),
        ("deployment_error", "An unexpected error during deployment occurred"),
        ("low_balance", "You need at least $1 in your account to deploy an instance"),
    ],
)
def test_3_a_failed_create_is_a_success_of_http(dock, arg, text):
    dock.fault("create", "reject", arg, count=1)
    answer = dock.create()
    assert (answer.status_code, answer.get_json()) == (200, {"status": 400, "error": text})
    assert dock.names() == []
    record = build_ledger(dock.state.market)["creates"][-1]
    assert (record["label"], record["outcome"]) == ("gs2-a", {"effect": "none", "reply": f"200 {text}"})
    assert dock.create().status_code == 200 and dock.names() == ["gs2-a"]


def test_3_a_share_of_creates_fails(dock):
    dock.fault("create", "reject", "no_nodes", chance=50)
    answers = ["error" in dock.create(resources=size(vcpus=2, ram=4)).get_json() for _ in range(12)]
    assert {True, False} <= set(answers)
    assert len(dock.listed()) == answers.count(False)


@pytest.mark.parametrize("word", ["commit_then_reset", "commit_then_hang", "commit_then_500", "commit_then_garbage"])
def test_4_a_create_whose_answer_is_lost_leaves_one_instance(dock, word):
    dock.fault("create", word, count=1)
    answer = dock.create("gs2-lost")
    lost = {"commit_then_reset": "reset", "commit_then_hang": "hang"}.get(word)
    assert answer.headers.get("X-Sandbox-Transport") == lost
    assert dock.names() == ["gs2-lost"]


def test_4_a_slow_create_exists_at_once(dock):
    dock.fault("create", "slow", "2s-70s")
    delays = [float(dock.create().headers["X-Sandbox-Transport"].removeprefix("delay=")) for _ in range(3)]
    assert len(set(delays)) == 3 and all(2 <= delay <= 70 for delay in delays)
    assert len(dock.listed()) == 3


def test_5_get_is_bare_and_the_list_is_wrapped(dock):
    made = dock.create("gs2-b").get_json()
    assert set(made["data"]) == {"type", "id", "name", "status"} and made["data"]["status"] == "running"
    one = dock.get(made["data"]["id"])
    assert [one] == dock.listed()
    assert (one["type"], one["name"], one["status"]) == ("virtualmachine", "gs2-b", "running")


def test_6_the_address_comes_later_and_the_rate_is_the_sum(dock):
    cloud_id = dock.rent()
    first = dock.get(cloud_id)
    assert (first["ipAddress"], first["portForwards"]) == ("", [])
    assert first["rateHourly"] == 0.4896  # 0.3966 + 8 * 0.003 + 32 * 0.002 + 100 * 0.00005
    assert first["resources"] == {
        "vcpu_count": 8,
        "ram_gb": 32,
        "storage_gb": 100,
        "gpus": {RTX_4090: {"count": 1, "v0Name": RTX_4090}},
    }
    dock.boot()
    assert re.fullmatch(r"203\.0\.113\.\d+", dock.get(cloud_id)["ipAddress"])


def test_7_a_delete_may_be_slow_and_its_record_may_linger(dock):
    dock.fault("destroy", "slow", "1s-20s", count=1)
    dock.fault("destroy", "delay", "0s-60s", count=2)
    cloud_id = dock.rent()
    answer = dock.call("DELETE", f"/instances/{cloud_id}")
    assert answer.status_code == 200 and answer.get_json()["data"]["type"] == "success"
    assert "delay=" in answer.headers["X-Sandbox-Transport"]
    dock.state.market.named(cloud_id).end_at = dock.clock() + 40_000_000
    assert dock.get(cloud_id)["id"] == cloud_id
    dock.clock.pass_seconds(30)
    dock.call("DELETE", f"/instances/{cloud_id}")
    dock.clock.pass_seconds(11)
    for method in ("GET", "DELETE"):
        assert dock.call(method, f"/instances/{cloud_id}").status_code == 404
    assert dock.names() == []


def test_8_a_stop_keeps_charging_and_a_delete_ends_it(dock):
    cloud_id = dock.rent()
    dock.boot()
    answer = dock.call("POST", f"/instances/{cloud_id}/stop").get_json()["data"]
    assert answer == {"type": "instance", "id": cloud_id, "attributes": {"status": "stopping"}}
    assert dock.get(cloud_id)["status"] == "stopping"
    dock.clock.pass_seconds(3590)
    assert dock.get(cloud_id)["status"] == "stopped"
    [row] = build_ledger(dock.state.market)["instances"]
    assert (row["usd"], row["gpu_usd"], row["storage_usd"]) == ("0.489600", "0.484600", "0.005000")
    dock.call("DELETE", f"/instances/{cloud_id}")
    dock.clock.pass_seconds(3600)
    [row] = build_ledger(dock.state.market)["instances"]
    assert (row["usd"], row["state"], row["ended_by"]) == ("0.489600", "gone", "api")


def test_9_a_machine_without_its_gpu_bills_its_disk_and_never_starts(dock):
    cloud_id = dock.rent()
    dock.boot()
    actions.revise(dock.state.market, dock.instance(cloud_id), "reclaim_gpus", None)
    before = dock.instance(cloud_id).meter.units
    assert dock.get(cloud_id)["status"] == "StoppedDisassociated"
    assert dock.get(cloud_id)["rateHourly"] == 0.4896, "it may still show the old price"
    for what in ("start", "stop", "start"):
        assert dock.call("POST", f"/instances/{cloud_id}/{what}").status_code == 400
    dock.clock.pass_seconds(3600)
    assert dock.instance(cloud_id).meter.units - before == 3_600_000_000 * 5_000
    assert [row["state"] for row in build_ledger(dock.state.market)["instances"]] == ["stopped"]
    assert dock.call("DELETE", f"/instances/{cloud_id}").status_code == 200 and dock.names() == []


def test_9_gpus_that_were_taken_back_are_rented_to_others(dock):
    mine = dock.rent(resources=size(gpus=8))
    before = dock.location("Chubbuck")
    assert "error" in dock.create(resources=size(gpus=8), location_id=before).get_json()
    actions.revise(dock.state.market, dock.instance(mine), "reclaim_gpus", None)
    assert dock.create(resources=size(gpus=8), location_id=before).get_json()["data"]["id"] != mine


@pytest.mark.parametrize(
    ("arg", "body"), [("500", {"error": "Internal server error"}), ("401", {"error": "Unauthorized"})]
)
def test_10_a_list_that_fails_is_not_an_empty_one(dock, arg, body):
    dock.rent()
    dock.fault("list", "status", arg, count=8)
    answers = [dock.call("GET", "/instances") for _ in range(8)]
    assert {answer.status_code for answer in answers} == {int(arg)}
    assert answers[0].get_json() == body
    assert dock.names() == ["gs2-a"]


def test_what_swm_gpu_asks_for_is_answered(dock):
    """The rows of tensordock.md 18 in plain HTTP; that client itself was run once, and needs boto3 to be installed."""
    dock.fault("search", "shape", "map")
    place = next(one for one in dock.locations() if RTX_4090 in one["gpus"])
    resources = {"vcpu_count": 4, "ram_gb": 16, "storage_gb": 100, "gpus": {RTX_4090: {"count": 1}}}
    attributes = {"name": "swm", "image": "ubuntu2404", "resources": resources, "location_id": place["id"]}
    attributes |= {"useDedicatedIp": True, "ssh_key": "ssh-ed25519 AAAA me"}
    made = dock.call("POST", "/instances", {"data": {"type": "virtualmachine", "attributes": attributes}}).get_json()
    one = dock.get(made["data"]["id"])
    assert (one["status"], one["rateHourly"]) == ("running", 0.4456)
    dock.fault("list", "shape", "2flat")
    assert dock.call("GET", "/instances").get_json()["data"]["instances"] == [one]
    assert dock.call("DELETE", f"/instances/{one['id']}").status_code == 200
