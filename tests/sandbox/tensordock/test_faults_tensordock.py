"""The fault words that switch TensorDock's quirks on, and what the common ones do there."""

from __future__ import annotations

import pytest

from tests.sandbox.tensordock.dock import FORWARD_22, KEY, RTX_4090


def test_forwards_come_to_nothing_at_some_locations_or_by_a_fault(dock):
    more = {"useDedicatedIp": None, "port_forwards": [FORWARD_22]}
    joplin = dock.rent("joplin", location_id=dock.location("Joplin"), **more)
    assert dock.get(joplin)["portForwards"] == []
    dock.fault("create", "no_forwards", count=1)
    assert dock.get(dock.rent("chubbuck", **more))["portForwards"] == []
    assert len(dock.get(dock.rent("again", **more))["portForwards"]) == 1


def test_a_refusal_may_have_another_status(dock):
    dock.fault("create", "reject", "low_balance,400", count=1)
    dock.fault("create", "reject", "deployment_error,500", count=1)
    dock.fault("create", "reject", "validation", count=1)
    assert [dock.create().status_code for _ in range(4)] == [400, 500, 400, 200]
    dock.fault("create", "shape", "201")
    dock.fault("create", "status_word", "creating")
    answer = dock.create()
    assert (answer.status_code, answer.get_json()["data"]["status"]) == (201, "creating")


def test_switches_of_locations(dock):
    dock.fault("search", "shape", "map", count=1)
    assert dock.locations()[0]["gpus"][RTX_4090]["max_count"] == 8
    dock.fault("search", "empty200", count=1)
    assert dock.locations() == []
    assert dock.locations()[0]["gpus"][0]["v0Name"] == RTX_4090
    dock.fault("search", "needs_key")
    assert dock.call("GET", "/locations").status_code == 200
    dock.auth = None
    assert dock.call("GET", "/locations?api_key=a&api_token=b").status_code == 401


def test_what_is_rented_is_no_longer_offered_unless_the_list_is_old(dock):
    eight = {"vcpu_count": 8, "ram_gb": 32, "storage_gb": 100, "gpus": {RTX_4090: {"count": 8}}}
    dock.rent(resources=eight)
    keys = [gpu["v0Name"] for gpu in dock.locations()[0]["gpus"]]
    assert RTX_4090 not in keys and len(keys) == 2
    dock.fault("search", "stale_stock")
    assert dock.locations()[0]["gpus"][0]["max_count"] == 8
    assert dock.create().get_json()["error"] == "No available nodes found"


def test_the_shapes_of_the_list(dock):
    cloud_id = dock.rent()
    row = dock.listed()[0]
    for arg, body in (
        ("1", [row]),
        ("2", {"instances": [{"type": "VM", "id": cloud_id, "attributes": {"name": "gs2-a", "status": "running"}}]}),
        ("2flat", {"instances": [row]}),
        ("3", {"type": "list", "id": "instances", "attributes": {"instances": [row]}}),
    ):
        dock.fault("list", "shape", arg, count=1)
        assert dock.call("GET", "/instances").get_json() == {"data": body}
    dock.fault("get", "shape", "data", count=1)
    assert dock.get(cloud_id) == {"data": row}
    dock.fault("get", "shape", "instance", count=1)
    assert dock.get(cloud_id) == {**row, "type": "instance"}


def test_status_words_and_a_machine_that_stops_by_itself(dock):
    dock.fault("create", "stopped", count=1)
    cloud_id = dock.rent()
    assert dock.get(cloud_id)["status"] == "stopped"
    dock.fault("get", "status_word", "Outbid", count=1)
    assert dock.get(cloud_id)["status"] == "Outbid"
    dock.fault("create", "stuck_loading", "created", count=1)
    stuck = dock.rent("stuck")
    dock.boot()
    assert dock.get(stuck)["ipAddress"] == ""


def test_the_gateway_and_a_burst_of_401(dock):
    dock.fault("any", "status", "502", count=1)
    answer = dock.call("GET", "/instances")
    assert (answer.status_code, answer.content_type) == (502, "text/html")
    dock.fault("any", "status", "401", count=8)
    assert [dock.call("POST", "/instances", {}).status_code for _ in range(8)] == [401] * 8
    assert dock.create().status_code == 200


def test_a_rate_limit_may_look_like_a_wrong_token(dock):
    dock.fault("any", "429", "2,masked_401")
    answers = [dock.call("GET", "/instances") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert answers[0].get_json() == {"error": "Unauthorized"}
    dock.fault("any", "429", "1,,30")
    answer = dock.call("GET", "/instances")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")


def test_a_key_may_be_accepted_and_not_installed(dock):
    dock.fault("create", "key_drop", count=1)
    assert [dock.instance(dock.rent()).spec.login_keys for _ in range(2)] == [(), (KEY,)]


def test_a_vague_failure_may_have_made_a_machine(dock):
    dock.fault("create", "refused_yet_created")
    assert "unexpected error during deployment" in dock.create().get_json()["error"]
    assert dock.names() == ["gs2-a"]


def test_a_fault_sets_another_pace(dock):
    dock.fault("any", "pace", "1/1s")
    answers = []
    for _ in range(4):
        answers.append(dock.call("GET", "/instances").status_code)
        dock.clock.pass_seconds(0.5)
    assert answers == [200, 429, 200, 429]
    with pytest.raises(ValueError, match="100/1m"):
        dock.fault("any", "pace", "often")


def test_7_a_delete_may_answer_with_nothing(dock):
    dock.fault("destroy", "no_content")
    answer = dock.call("DELETE", f"/instances/{dock.rent()}")
    assert (answer.status_code, answer.data, dock.names()) == (204, b"", [])
