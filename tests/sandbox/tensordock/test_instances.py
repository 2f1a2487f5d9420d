"""TensorDock's list shapes, status words, limits, start, stop, modify, secrets, and the other cloud beside it."""

from __future__ import annotations

import pytest

from gpushopper.sandbox.market import actions
from gpushopper.sandbox.market.model import Phase
from gpushopper.sandbox.persistence import dump_state, restore_state
from tests.sandbox.tensordock.dock import FORWARD_22, KEY, RTX_4090, serve


def test_an_organization_has_a_hundred_calls_a_minute_over_all_endpoints(dock):
    dock.state.rate_limiter.enabled = True
    path = ("/instances", "/secrets", "/locations", "/hostnodes")
    answers = [dock.call("GET", path[number % 4]).status_code for number in range(101)]
    assert answers == [200] * 100 + [429]
    other = f"Bearer {dock.state.market.keys_of('tensordock')[1]}"
    mine, dock.auth = dock.auth, other
    assert dock.call("GET", "/instances").status_code == 200
    dock.auth = mine
    dock.clock.pass_seconds(59)
    assert dock.call("GET", "/instances").status_code == 429
    dock.clock.pass_seconds(2)
    assert dock.call("GET", "/instances").status_code == 200


def test_start_stop_and_modify(dock):
    cloud_id = dock.rent()
    dock.boot()
    assert dock.call("POST", f"/instances/{cloud_id}/start").get_json() == {"error": "Instance is already running"}
    assert dock.call("PUT", f"/instances/{cloud_id}/modify", {"cpuCores": 4}).status_code == 400
    dock.call("POST", f"/instances/{cloud_id}/stop")
    for wrong in (
        {"cpuCores": 3},
        {"ramGb": 10},
        {"diskGb": 50},
        {"diskGb": 120},
        {"gpus": {"gpuV0Name": "other", "count": 1}},
        {"cpuCores": 2_000},
    ):
        assert dock.call("PUT", f"/instances/{cloud_id}/modify", wrong).status_code == 400
    body = {"cpuCores": 4, "ramGb": 24, "diskGb": 150, "gpus": {"gpuV0Name": RTX_4090, "count": 2}}
    assert dock.call("PUT", f"/instances/{cloud_id}/modify", body).status_code == 200
    shown = dock.get(cloud_id)
    assert shown["resources"]["gpus"][RTX_4090]["count"] == 2 and shown["resources"]["storage_gb"] == 150
    assert shown["rateHourly"] == pytest.approx(2 * 0.3966 + 4 * 0.003 + 24 * 0.002 + 150 * 0.00005)
    answer = dock.call("POST", f"/instances/{cloud_id}/start").get_json()["data"]
    assert answer["attributes"] == {"status": "starting"} and dock.get(cloud_id)["status"] == "starting"
    dock.boot()
    assert dock.get(cloud_id)["status"] == "running"
    dock.call("POST", f"/instances/{cloud_id}/stop")
    assert dock.call("PUT", f"/instances/{cloud_id}/modify", {"diskGb": 100}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/start"), ("POST", "/stop"), ("PUT", "/modify"), ("DELETE", "")]
)
def test_what_is_not_there_is_not_found(dock, method, path):
    assert dock.call(method, f"/instances/none{path}").status_code == 404


def test_secrets_are_stored_and_log_in(dock):
    def stored(kind, value):
        attributes = {"name": kind, "value": value, "type": kind}
        made = dock.call("POST", "/secrets", {"data": {"type": "secret", "attributes": attributes}}).get_json()["data"]
        assert (made["type"], made["name"]) == ("secret", kind)
        return made["id"]

    key, token = stored("SSHKEY", KEY), stored("GENERIC", "hidden")
    rows = dock.call("GET", "/secrets").get_json()["data"]["secrets"]
    assert rows == [
        {"type": "SSHKEY", "id": key, "name": "SSHKEY"},
        {"type": "GENERIC", "id": token, "name": "GENERIC"},
    ]
    assert dock.call("GET", f"/secrets/{key}").get_json()["data"]["value"] == KEY
    assert "value" not in dock.call("GET", f"/secrets/{token}").get_json()["data"]
    assert dock.instance(dock.rent(ssh_key=None, ssh_key_id=key)).spec.login_keys == (KEY,)
    assert dock.create(ssh_key=None, ssh_key_id="none").status_code == 404
    assert dock.call("PATCH", f"/secrets/{key}", {}).status_code == 405
    assert dock.call("DELETE", f"/secrets/{key}").get_json()["data"]["type"] == "success"
    assert dock.call("DELETE", f"/secrets/{key}").status_code == 404
    assert dock.call("POST", "/secrets", {"data": {"attributes": {"name": "x"}}}).status_code == 400


def test_instances_of_both_clouds_are_numbered_apart(dock):
    market = dock.state.market
    dock.rent()
    number = actions.launch_foreign(market, "vast").id
    assert number == 33_400_001
    assert market.add_key(7001, "k").id == 812_347, "as if no other cloud existed"
    foreign = actions.launch_foreign(market, "tensordock", "theirs")
    assert dock.names() == ["gs2-a", "theirs"] and foreign.gpu_rate > 100_000


def test_a_saved_market_goes_on(dock, clock):
    cloud_id = dock.rent(useDedicatedIp=None, port_forwards=[FORWARD_22], cloud_init={"runcmd": ["true"]})
    actions.revise(dock.state.market, dock.instance(cloud_id), "reclaim_gpus", None)
    again = serve(restore_state(dump_state(dock.state), clock), clock)
    assert again.instance(cloud_id) == dock.instance(cloud_id)
    assert again.instance(cloud_id).phase is Phase.RELEASED and again.get(cloud_id) == dock.get(cloud_id)
    again.rent("second")
    assert again.names() == ["gs2-a", "second"]


def test_only_a_cloud_that_keeps_gpus_can_lose_them(dock):
    instance = actions.launch_foreign(dock.state.market, "vast")
    with pytest.raises(ValueError, match="holds no GPUs"):
        actions.revise(dock.state.market, instance, "reclaim_gpus", None)
