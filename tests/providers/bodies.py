"""Reply bodies of Vast written by hand from vastai.md, independent of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
DATE_US = 1_792_567_680_000_000
CANARY = "c0ffee" * 10 + "abcd"
"""An account key."""
INSTANCE_CANARY = "fade" * 16
"""An instance's own key, as a create reply carries it (F104)."""

OFFER: dict[str, Any] = {
    "id": 29817342, "ask_contract_id": 29817342, "machine_id": 41234, "host_id": 51234, "gpu_name": "RTX 4090",
    "num_gpus": 2, "gpu_ram": 24564, "dph_base": 0.35, "dph_total": 0.351111, "storage_cost": 0.16,
    "storage_total_cost": 0.001111, "inet_up_cost": 0.002, "inet_down_cost": 0.003, "geolocation": "Texas, US",
    "reliability": 0.9981, "reliability2": 0.9982, "cuda_max_good": 12.8, "disk_space": 1012.3, "cpu_cores": 128,
    "cpu_cores_effective": 16.0, "cpu_ram": 515789, "verification": "verified", "is_bid": False, "min_bid": 0.2,
    "end_date": 1796400000.0, "rentable": True, "driver_version": "570.86.10",
}  # fmt: skip
ROW: dict[str, Any] = {
    "id": 33402296, "machine_id": 41234, "host_id": 51234, "label": "team-job-1", "actual_status": "running",
    "intended_status": "running", "cur_state": "running", "next_state": "running", "status_msg": "success, running x\n",
    "image_uuid": "x", "image_runtype": "ssh_direc ssh_proxy", "extra_env": [["GS_LABEL", "second"], ["-p 1:1", "1"]],
    "ssh_host": "ssh5.vast.ai", "ssh_port": 31022, "public_ipaddr": "203.0.113.7\n",
    "ports": {"22/tcp": [{"HostIp": "0.0.0.0", "HostPort": "41022"}, {"HostIp": "::", "HostPort": "41022"}]},
    "start_date": 1793400000.5, "end_date": 1796400000.0, "num_gpus": 1, "gpu_name": "RTX 4090", "gpu_ram": 24564,
    "disk_space": 40.0, "dph_base": 0.35, "dph_total": 0.358889, "storage_cost": 0.16, "storage_total_cost": 0.008889,
}  # fmt: skip
LIST: dict[str, Any] = {
    "success": True, "instances_found": 1, "total_instances": 1, "label_counts": {}, "next_token": None,
    "instances": [ROW],
}  # fmt: skip
CREATED: dict[str, Any] = {"success": True, "new_contract": 33402296, "instance_api_key": INSTANCE_CANARY}
NO_SUCH_ASK: dict[str, Any] = {
    "success": False, "error": "invalid_args", "ask_id": 29817342,
    "msg": "error 404/3603: no_such_ask  Instance type by id 29817342 is not available.",
}  # fmt: skip


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json=body, headers={"Date": DATE, **(headers or {})})
