"""What a TensorDock create must say, what it gets, and how it is refused."""

from __future__ import annotations

import pytest

from gpushopper.sandbox.market import actions
from tests.sandbox.tensordock.dock import FORWARD_22, RTX_4090, size


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"name": ""}, "name"),
        ({"image": "ubuntu2404_nvidia_570"}, "image"),
        ({"location_id": None}, "location_id"),
        ({"ssh_key": None}, "ssh_key"),
        ({"ssh_key_id": "both"}, "ssh_key"),
        ({"resources": None}, "resources"),
        ({"resources": size(vcpus=7)}, "resources.vcpu_count"),
        ({"resources": size(ram=33)}, "resources.ram_gb"),
        ({"resources": size(storage=50)}, "resources.storage_gb"),
        ({"resources": size(storage=120)}, "resources.storage_gb"),
        ({"resources": size(gpus=0)}, "resources.gpus"),
        ({"resources": {"vcpu_count": 2, "ram_gb": 4, "storage_gb": 100}}, "resources.gpus"),
        ({"port_forwards": "{22}"}, "port_forwards"),
        ({"cloud_init": "#cloud-config"}, "cloud_init"),
    ],
)
def test_what_a_create_must_say(dock, more, path):
    answer = dock.create(**more)
    assert answer.status_code == 400 and dock.names() == []
    assert answer.get_json()[0]["path"] == ["data", "attributes", *path.split(".")]


def test_the_outer_type_is_enough_and_names_may_be_shared(dock):
    assert dock.create(type=None).status_code == 200
    assert dock.create().status_code == 200
    assert dock.names() == ["gs2-a", "gs2-a"]
    assert len({row["id"] for row in dock.listed()}) == 2
    answer = dock.call("POST", "/instances", {"data": {"attributes": {}}})
    assert answer.get_json()[0]["path"] == ["data", "type"]


def test_forwarded_ports_are_the_clouds_choice_or_those_of_a_hostnode(dock):
    forwards = {"useDedicatedIp": None, "port_forwards": [FORWARD_22, {"internal_port": 80, "external_port": 0}]}
    dock.rent(**forwards)
    at_location = dock.listed()[0]["portForwards"]
    assert [one["internal_port"] for one in at_location] == [22, 80]
    assert at_location[0]["external_port"] != 20500
    node = dock.call("GET", f"/hostnodes?gpu={RTX_4090}").get_json()["data"]["hostnodes"][0]
    port = node["available_resources"]["available_ports"][-1]
    pinned = dock.create(
        "pinned",
        hostnode_id=node["id"],
        useDedicatedIp=False,
        port_forwards=[{"internal_port": 22, "external_port": port, "protocol": "tcp"}],
    ).get_json()["data"]["id"]
    assert dock.get(pinned)["portForwards"] == [{"internal_port": 22, "external_port": port}]
    dock.boot()
    assert dock.get(pinned)["ipAddress"].startswith("198.51.100.")


def test_a_location_without_addresses_says_so_at_the_create(dock):
    l4 = {"vcpu_count": 4, "ram_gb": 16, "storage_gb": 100, "gpus": {"l4-pcie-24gb": {"count": 1}}}
    answer = dock.create(location_id=dock.location("Frankfurt"), resources=l4)
    assert (answer.status_code, answer.get_json()["error"]) == (200, "No available public IPs on hostnode")


def test_a_hostnode_rents_without_a_gpu(dock):
    node = dock.call("GET", "/hostnodes").get_json()["data"]["hostnodes"][0]
    cloud_id = dock.rent(hostnode_id=node["id"], resources={"vcpu_count": 2, "ram_gb": 4, "storage_gb": 100})
    assert (dock.get(cloud_id)["resources"]["gpus"], dock.get(cloud_id)["rateHourly"]) == ({}, 0.019)


def test_a_host_that_is_down_is_said_where_it_was_named(dock):
    node = dock.call("GET", f"/hostnodes?gpu={RTX_4090}").get_json()["data"]["hostnodes"][0]
    first = dock.instance(dock.rent(hostnode_id=node["id"]))
    actions.revise(dock.state.market, first, "offline_host", None)
    assert dock.get(first.cloud_id)["status"] == "error"
    assert dock.create(hostnode_id=node["id"]).get_json() == {"status": 400, "error": "Hostnode unavailable"}
    assert dock.call("GET", f"/hostnodes/{node['id']}").status_code == 404


def test_less_than_a_dollar_rents_nothing_and_what_runs_goes_below_zero(dock):
    account = dock.state.market.first_account("tensordock")
    dock.rent()
    account.paid_in_micros = 1_500_000
    dock.clock.pass_seconds(3 * 3600)
    assert dock.create("second").get_json() == {
        "status": 400,
        "error": "You need at least $1 in your account to deploy an instance",
    }
    dock.clock.pass_seconds(3600)
    assert [row["status"] for row in dock.listed()] == ["running"] and account.credit_micros < 0
