"""Reply bodies of TensorDock written by hand from tensordock.md, independent of any simulator."""

from __future__ import annotations

from typing import Any

TOKEN = "t0ken0of0tensordock0" * 3
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zq5v0b2Jb9n8m7l6k5j4h3g2f1d0s9a8p7o6i5u4y"
"""An ssh public key."""
PLACE = "8dd95ff0-0000-4000-8000-000000000001"
ID = "468b716a-0000-4000-8000-00000000000a"
OTHER = "468b716a-0000-4000-8000-00000000000b"
LABEL = "gs1-aaaaaaaaaa-bbbbbbbbbbbbbbbb-cccc"
RTX_4090 = "geforcertx4090-pcie-24gb"
REFERENCE = f"{PLACE}.{RTX_4090}.1"

LOCATIONS: dict[str, Any] = {"data": {"locations": [{
    "id": PLACE, "city": "Chubbuck", "stateprovince": "Idaho", "country": "United States", "tier": 1, "gpus": [{
        "v0Name": RTX_4090, "displayName": "NVIDIA GeForce RTX 4090 PCIe 24GB", "max_count": 4,
        "price_per_hr": 0.3966,
        "resources": {"max_vcpus": 56, "max_ram_gb": 331, "max_storage_gb": 30200},
        "pricing": {"per_vcpu_hr": 0.003, "per_gb_ram_hr": 0.002, "per_gb_storage_hr": 0.00005},
        "network_features": {"dedicated_ip_available": True, "port_forwarding_available": True,
                             "network_storage_available": False},
    }],
}]}}  # fmt: skip
"""tensordock.md 4."""
INSTANCE: dict[str, Any] = {
    "type": "virtualmachine", "id": ID, "name": LABEL, "status": "running", "ipAddress": "203.0.113.20",
    "portForwards": [{"internal_port": 22, "external_port": 20456}],
    "resources": {"vcpu_count": 8, "ram_gb": 32, "storage_gb": 100,
                  "gpus": {RTX_4090: {"count": 1, "v0Name": RTX_4090}}},
    "rateHourly": 0.4896,
}  # fmt: skip
"""tensordock.md 6; not wrapped."""
SHAPE_1: dict[str, Any] = {"data": [INSTANCE]}
SHAPE_2: dict[str, Any] = {"data": {"instances": [
    {"type": "VM", "id": ID, "attributes": {"name": LABEL, "status": "running"}}]}}  # fmt: skip
SHAPE_3: dict[str, Any] = {"data": {"type": "list", "id": "instances", "attributes": {"instances": [INSTANCE]}}}
CREATED: dict[str, Any] = {"data": {"type": "virtualmachine", "id": ID, "name": LABEL, "status": "running"}}
"""tensordock.md 5."""
NO_NODES: dict[str, Any] = {"status": 400, "error": "No available nodes found"}
"""With status 200 (tensordock.md 13)."""
VALIDATION: list[dict[str, Any]] = [{
    "code": "custom", "message": "SSH port (22) must be forwarded for Ubuntu VMs",
    "path": ["data", "attributes", "port_forwards"],
}]  # fmt: skip
UNAUTHORIZED: dict[str, Any] = {"error": "Unauthorized"}
NOT_FOUND: dict[str, Any] = {"error": "Instance not found"}
DELETED: dict[str, Any] = {"data": {"type": "success", "attributes": {"message": "Instance deleted"}}}
GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
