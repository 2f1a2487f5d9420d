"""Read an instance: what each status word means and bills, address, price, name (tensordock.md 6, 7).

A list's items and a read by id have the same fields, in mixed casing; in some lists they stand under `attributes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gpushopper.core.cloud import Carrier
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.providers.api import plain
from gpushopper.providers.kit import Line, Number, Price, Row, Text, UnknownFields
from gpushopper.providers.tensordock.parsing.gpu_keys import name_of, vram_mb_of
from gpushopper.providers.tensordock.parsing.ids import read_gpu_key, read_id
from gpushopper.providers.tensordock.traits import TRAITS

_STATUS_WORDS = {
    "creating": StatusClass.PENDING,
    "queued": StatusClass.PENDING,
    "pending": StatusClass.PENDING,
    "starting": StatusClass.PENDING,
    "deploying": StatusClass.PENDING,
    # Said from the create on, long before a login works (tensordock.md 5).
    "running": StatusClass.RUNNING,
    # Both keep the GPU, and bill as if they ran (tensordock.md 11).
    "stopping": StatusClass.STOPPED,
    "stopped": StatusClass.STOPPED,
    "stoppeddisassociated": StatusClass.STOPPED,
    "error": StatusClass.FAILED,
    "terminated": StatusClass.ENDING,
    "deleted": StatusClass.ENDING,
}
"""Words in lower case without `_` and `-`: their casing differs by endpoint and time (tensordock.md 7)."""
_GPU_GIVEN_BACK = "stoppeddisassociated"
_SEEN = "type id name status ipAddress portForwards resources rateHourly attributes"
_NAMED = "gpu_model gpu_count vcpus ram_gb storage_gb price_per_hour created_at location_id"
_FIELDS = frozenset(f"{_SEEN} {_NAMED}".split())
"""The latter: named by a client's types and seen in no log (tensordock.md 6)."""
_ADDRESS = re.compile(r"(?!-)[0-9A-Za-z.:-]{1,253}")
"""Names and addresses; no leading hyphen, which ssh would read as an option."""
_SSH = 22
_ABSENT = object()


class InstanceRow(Row):
    """The fields we use of an instance, besides id, status, ports and GPUs."""

    name: Text = None
    ipAddress: Line = None  # noqa: N815 - the wire's name
    rateHourly: Price = None  # noqa: N815


def merged(row: object) -> dict[str, Any] | None:
    """The fields of an item, whether they stand in it or under its `attributes` (tensordock.md 6, shape 2)."""
    if not isinstance(row, Mapping):
        return None
    inner = row.get("attributes")
    return {**inner, **row} if isinstance(inner, Mapping) else dict(row)


def read_instance(row: object, unknown: UnknownFields) -> Instance | None:
    """The instance, or None if it has no usable id; any other unreadable field is None.

    A row shows that the instance exists: dropping it for one unreadable field would make the instance vanish (F81).
    There is no creation time, host or image to read.
    """
    fields = merged(row)
    if fields is None or (instance_id := read_id(fields.get("id"))) is None:
        unknown.note("instance row: no id")
        return None
    unknown.note_fields("instance", fields, _FIELDS)
    try:
        parsed = InstanceRow.model_validate(fields, context=unknown)
    except ValidationError:
        unknown.note("instance row: unreadable")
        parsed = InstanceRow()
    word = fields.get("status", _ABSENT)
    status, bills_gpu, bills_storage = _classify(word, unknown)
    host, port = _ssh(parsed.ipAddress, fields.get("portForwards"), unknown)
    key, count, disk_gb = _hardware(fields.get("resources"))
    shown = plain(word, 40) if isinstance(word, str) else "unreadable"
    return Instance(
        instance_id=instance_id,
        carriers=((Carrier.NAME, parsed.name),),
        status=status,
        provider_status=shown,
        message="",
        progress=f"{shown}|{host}|{port}",
        rate=parsed.rateHourly or None,
        gpu_rate=None,
        storage_rate=None,
        created_at=None,
        ends_at=None,
        host_id=None,
        image=None,
        gpu=None if key is None else name_of(key),
        gpu_count=count,
        vram_mb=None if key is None else vram_mb_of(key),
        disk_gb=disk_gb,
        ssh_host=host,
        ssh_port=port,
        ssh_user=TRAITS.planting.user,
        bills_gpu=bills_gpu,
        bills_storage=bills_storage,
        is_partial="ipAddress" not in fields,
    )


def shows_owner(row: object) -> bool:
    """Whether the row shows its name, the only place of our label (tensordock.md 8, F12)."""
    fields = merged(row)
    return fields is not None and isinstance(fields.get("name"), str)


def _classify(word: object, unknown: UnknownFields) -> tuple[StatusClass, bool | None, bool | None]:
    """The class, and whether GPU and storage bill where the word says so; an unknown word counts as alive (F22)."""
    if not isinstance(word, str):
        unknown.note("status word: missing or unreadable")
        return StatusClass.UNKNOWN, None, None
    normal = word.strip().lower().replace("_", "").replace("-", "")
    status = _STATUS_WORDS.get(normal)
    if status is None:
        unknown.note(f"status word: {word}")
        return StatusClass.UNKNOWN, None, None
    if normal == _GPU_GIVEN_BACK:
        return status, False, True
    return (status, False, False) if status is StatusClass.ENDING else (status, None, None)


def _ssh(address: str | None, forwards: Any, unknown: UnknownFields) -> tuple[str | None, int | None]:
    """The forwarded port where there is one, else 22, as on a dedicated address (tensordock.md 9).

    The address is empty at first, for 5-30 s (tensordock.md 6).
    """
    if not address:
        return None, None
    port = _forwarded(forwards, unknown) or _SSH
    return (address, port) if _ADDRESS.fullmatch(address) else (None, None)


def _forwarded(forwards: Any, unknown: UnknownFields) -> int | None:
    if forwards is not None and not isinstance(forwards, list):
        unknown.note("portForwards: unreadable")
    for one in forwards if isinstance(forwards, list) else []:
        if isinstance(one, dict) and _whole(one.get("internal_port")) == _SSH:
            port = _whole(one.get("external_port"))
            return port if port is not None and 0 < port < 65_536 else None
    return None


class _Resources(Row):
    storage_gb: Number = None


def _hardware(resources: Any) -> tuple[str | None, int | None, float | None]:
    """Key and number of the GPUs, and the disk in GB: `{"gpus": {"<v0Name>": {"count": 1}}, "storage_gb": 100}`."""
    if not isinstance(resources, dict):
        return None, None, None
    try:
        disk_gb = _Resources.model_validate(resources).storage_gb
    except ValidationError:
        disk_gb = None
    gpus = resources.get("gpus")
    if not isinstance(gpus, dict) or len(gpus) != 1:
        return None, None, disk_gb
    ((key, what),) = gpus.items()
    count = _whole(what.get("count")) if isinstance(what, dict) else None
    return read_gpu_key(key), count or None, disk_gb


def _whole(value: Any) -> int | None:
    """A number, also as digits; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None
