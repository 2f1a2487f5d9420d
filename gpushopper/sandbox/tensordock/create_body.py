"""Parses and validates the body of a create: every problem is found, as the API answers them in one array.

Which values are refused, and with what words, is documented for a missing ssh port only (tensordock.md 5, 13); the
other messages are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gpushopper.sandbox.tensordock.endpoints import attributes_of
from gpushopper.sandbox.tensordock.stock import Size

LINUX_IMAGES = (
    "ubuntu2404",
    "ubuntu2204",
    "ubuntu2404_ml_everything",
    "ubuntu2404_ml_pytorch",
    "ubuntu2404_ml_tensorflow",
    "debian12",
    "ubuntu2004",
)
IMAGES = (*LINUX_IMAGES, "windows10")
RAM_STEPS_GB = (2, 4, 6, 8, 10, *range(16, 257, 16), 512)
STORAGE_STEP_GB, STORAGE_MINIMUM_GB = 50, 100
Problem = tuple[str, str]


class InvalidCreate(Exception):
    """A body that is refused with 400; `problems` are paths and messages."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0][1])
        self.problems = problems


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What a valid create asks for. `gpu_key` is None for a machine without GPUs, `forwards` are (inside, outside)."""

    name: str
    image: str
    location_id: str | None
    hostnode_id: str | None
    gpu_key: str | None
    size: Size
    dedicated_ip: bool
    forwards: tuple[tuple[int, int], ...]
    ssh_key: str | None
    ssh_key_id: str | None
    cloud_init: str | None


def parse_create_body(body: dict[str, Any]) -> CreateRequest:
    """Return what a body asks for; unknown attributes are ignored. Raises InvalidCreate."""
    given = attributes_of(body)
    found = [*_envelope(body), *_login(given), *_place(given), *_sizes(given), *_network(given)]
    if found:
        raise InvalidCreate(found)
    resources, init = given["resources"], given.get("cloud_init")
    [(key, gpu)] = (resources.get("gpus") or {None: {"count": 0}}).items()
    return CreateRequest(
        name=given["name"],
        image=given["image"],
        location_id=given.get("location_id"),
        hostnode_id=given.get("hostnode_id"),
        gpu_key=key,
        size=Size(gpu["count"], resources["vcpu_count"], resources["ram_gb"], resources["storage_gb"]),
        dedicated_ip=bool(given.get("useDedicatedIp")),
        forwards=tuple((one["internal_port"], one.get("external_port", 0)) for one in given.get("port_forwards") or ()),
        ssh_key=given.get("ssh_key"),
        ssh_key_id=given.get("ssh_key_id"),
        cloud_init=None if init is None else json.dumps(init),
    )


def _envelope(body: dict[str, Any]) -> Iterator[Problem]:
    data, given = body.get("data"), attributes_of(body)
    if not isinstance(data, dict) or data.get("type") != "virtualmachine":
        yield "type", "Invalid literal value, expected virtualmachine"
    if not isinstance(given.get("name"), str) or not given["name"]:
        yield "attributes.name", "Required"
    if given.get("image") not in IMAGES:
        yield "attributes.image", "Invalid image"


def _login(given: dict[str, Any]) -> Iterator[Problem]:
    if given.get("image") not in LINUX_IMAGES:
        return
    keys = [given[name] for name in ("ssh_key", "ssh_key_id") if given.get(name)]
    if len(keys) == 2:
        yield "attributes.ssh_key", "ssh_key and ssh_key_id cannot be used together"
    if not keys or not all(isinstance(key, str) for key in keys):
        yield "attributes.ssh_key", "ssh_key or ssh_key_id is required for Linux images"


def _place(given: dict[str, Any]) -> Iterator[Problem]:
    if bool(given.get("location_id")) == bool(given.get("hostnode_id")):
        yield "attributes.location_id", "Exactly one of location_id and hostnode_id is required"


def _sizes(given: dict[str, Any]) -> Iterator[Problem]:
    resources = given.get("resources")
    if not isinstance(resources, dict):
        yield "attributes.resources", "Required"
        return
    if not is_vcpu_count(resources.get("vcpu_count")):
        yield "attributes.resources.vcpu_count", "Must be an even number"
    if resources.get("ram_gb") not in RAM_STEPS_GB:
        yield "attributes.resources.ram_gb", "Invalid amount of RAM"
    if not is_storage(resources.get("storage_gb")):
        yield "attributes.resources.storage_gb", "Must be at least 100, in steps of 50"
    gpus = resources.get("gpus") or {}
    if not isinstance(gpus, dict) or len(gpus) > 1 or not all(_is_gpu(value) for value in gpus.values()):
        yield "attributes.resources.gpus", "Expected one GPU type with a count"
    elif not gpus and given.get("location_id"):
        yield "attributes.resources.gpus", "At least one GPU is required"


def is_vcpu_count(value: Any) -> bool:
    """Whether so many processors can be rented."""
    return type(value) is int and value >= 2 and value % 2 == 0


def is_storage(value: Any) -> bool:
    """Whether a disk of so many GB can be rented."""
    return type(value) is int and value >= STORAGE_MINIMUM_GB and value % STORAGE_STEP_GB == 0


def _is_gpu(value: Any) -> bool:
    return isinstance(value, dict) and type(value.get("count")) is int and value["count"] >= 1


def _network(given: dict[str, Any]) -> Iterator[Problem]:
    forwards, init = given.get("port_forwards") or [], given.get("cloud_init")
    if not isinstance(forwards, list) or not all(_is_forward(one) for one in forwards):
        yield "attributes.port_forwards", "Expected internal_port and external_port"
    elif given.get("image") in LINUX_IMAGES and not given.get("useDedicatedIp") and not _reaches_ssh(forwards):
        yield "attributes.port_forwards", "SSH port (22) must be forwarded for Ubuntu VMs"
    if init is not None and not isinstance(init, dict):
        yield "attributes.cloud_init", "Expected object"


def _reaches_ssh(forwards: list[dict[str, Any]]) -> bool:
    return any(one["internal_port"] == 22 for one in forwards)


def _is_forward(one: Any) -> bool:
    return isinstance(one, dict) and all(
        type(port) is int and least <= port <= 65_535
        for port, least in ((one.get("internal_port"), 1), (one.get("external_port", 0), 0))
    )
