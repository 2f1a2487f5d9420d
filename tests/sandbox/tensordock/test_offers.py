"""TensorDock's locations and hostnodes, and the switches of both."""

from __future__ import annotations

from tests.sandbox.tensordock.dock import RTX_4090


def test_a_location_has_the_documents_fields(dock):
    place = next(one for one in dock.locations() if one["city"] == "Chubbuck")
    assert set(place) == {"id", "city", "stateprovince", "country", "tier", "gpus"}
    gpu = place["gpus"][0]
    assert (gpu["v0Name"], gpu["displayName"]) == (RTX_4090, "NVIDIA GeForce RTX 4090 PCIe 24GB")
    assert (gpu["max_count"], gpu["price_per_hr"]) == (8, 0.3966)
    assert set(gpu["resources"]) == {"max_vcpus", "max_ram_gb", "max_storage_gb"}
    assert gpu["pricing"] == {"per_vcpu_hr": 0.003, "per_gb_ram_hr": 0.002, "per_gb_storage_hr": 0.00005}
    assert set(gpu["network_features"]) == {
        "dedicated_ip_available",
        "port_forwarding_available",
        "network_storage_available",
    }
    cities = [one["city"] for one in dock.locations()]
    assert len(cities) > len(set(cities)), "several locations share a name"


def test_processors_and_memory_run_out_too(dock):
    much = {"vcpu_count": 50, "ram_gb": 256, "storage_gb": 100, "gpus": {RTX_4090: {"count": 1}}}
    answers = [dock.create(resources=much).get_json() for _ in range(3)]
    assert "error" in answers[-1]


def test_hostnodes_are_filtered_and_have_fractional_speeds(dock):
    rows = dock.call("GET", "/hostnodes").get_json()["data"]["hostnodes"]
    some = dock.call("GET", f"/hostnodes?gpu={RTX_4090}&minVcpu=60&gpu_model=x").get_json()["data"]["hostnodes"]
    assert 0 < len(some) < len(rows)
    assert all(row["available_resources"]["vcpu_count"] >= 60 for row in some)
    assert any(row["location"]["network_speed_gbps"] % 1 for row in rows)
    assert dock.call("GET", "/hostnodes?minRamGb=x").status_code == 400
    assert dock.call("GET", f"/hostnodes/{rows[0]['id']}").get_json() == {"data": rows[0]}
    assert dock.call("GET", "/hostnodes/none").status_code == 404
