"""Read an instance row: what each of Vast's status words means (running, stopped, failed ...), address, prices, label.

`_STATUS_WORDS` and `_classify` decide the status (vastai.md 5.3, 12).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gpushopper.core.cloud import Carrier
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.label import LABEL_VARIABLE
from gpushopper.core.model.money import Micros
from gpushopper.providers.api import REDACTED, plain
from gpushopper.providers.kit import Line, Number, Price, Row, Text, Time, UnknownFields, number_id
from gpushopper.providers.vast.billing import BILLING
from gpushopper.providers.vast.parsing.field_types import Id
from gpushopper.providers.vast.parsing.known_fields import INSTANCE_FIELDS
from gpushopper.providers.vast.parsing.pull_errors import is_image_refused, never_starts

_STATUS_WORDS = {
    "created": StatusClass.PENDING,
    "loading": StatusClass.PENDING,
    "scheduling": StatusClass.PENDING,
    "rebooting": StatusClass.PENDING,
    "recycling": StatusClass.PENDING,
    "restarting": StatusClass.PENDING,
    "running": StatusClass.RUNNING,
    # The normal reading of a stopped instance is `exited`; its disk still bills (F23).
    "exited": StatusClass.STOPPED,
    "stopped": StatusClass.STOPPED,
    "frozen": StatusClass.STOPPED,
    "offline": StatusClass.OFFLINE,
    # Vast gets no report from the host: the instance may still run (F22).
    "unknown": StatusClass.UNKNOWN,
}
_PASSWORD = re.compile(r"(?<!\S)(-p|--password)([ =]+)\S+")
"""A registry password in a command that the host quotes in its error; it may be from before our last start."""
_HOST = re.compile(r"(?!-)[0-9A-Za-z.:-]{1,253}")
"""Names and addresses; no leading hyphen, which ssh would read as an option."""
_ABSENT = object()


class InstanceRow(Row):
    """The fields we use of an instance row, besides id, ports and environment."""

    machine_id: Id = None
    label: Text = None
    intended_status: Line = None
    cur_state: Line = None
    next_state: Line = None
    status_msg: Line = None
    image_uuid: Line = None
    image_runtype: Line = None
    ssh_host: Line = None
    ssh_port: Number = None
    public_ipaddr: Line = None
    start_date: Time = None
    end_date: Time = None
    num_gpus: Number = None
    gpu_name: Line = None
    gpu_ram: Number = None
    disk_space: Number = None
    dph_base: Price = None
    dph_total: Price = None
    storage_cost: Price = None
    storage_total_cost: Price = None


def read_instance(row: object, unknown: UnknownFields) -> Instance | None:
    """The instance of a row, or None if it has no usable id; any other unreadable field is None.

    A row shows that the instance exists: dropping it for one unreadable field would make the instance vanish (F81).
    """
    if not isinstance(row, Mapping) or (instance_id := number_id(row.get("id"))) is None:
        unknown.note("instance row: no id")
        return None
    unknown.note_fields("instance", row, INSTANCE_FIELDS)
    try:
        parsed = InstanceRow.model_validate(dict(row), context=unknown)
    except ValidationError:
        unknown.note("instance row: unreadable")
        parsed = InstanceRow()
    word = row.get("actual_status", _ABSENT)
    status = _classify(word, parsed, unknown)
    host, port = _ssh(row, parsed)
    message = _PASSWORD.sub(rf"\1\2{REDACTED}", parsed.status_msg or "")
    shown = plain(word, 40) if isinstance(word, str) else "none" if word is None else "unreadable"
    return Instance(
        instance_id=instance_id,
        carriers=((Carrier.LABEL, parsed.label), (Carrier.ENVIRONMENT, _env_label(row.get("extra_env")))),
        status=status,
        provider_status=shown,
        message=message,
        progress=f"{shown}|{message}",
        rate=parsed.dph_total,
        gpu_rate=parsed.dph_base,
        storage_rate=_storage(parsed),
        created_at=parsed.start_date,
        ends_at=parsed.end_date,
        host_id=parsed.machine_id,
        image=parsed.image_uuid,
        gpu=parsed.gpu_name,
        gpu_count=_whole(parsed.num_gpus),
        vram_mb=_whole(parsed.gpu_ram),
        disk_gb=parsed.disk_space,
        ssh_host=host,
        ssh_port=port,
        image_refused=status is StatusClass.FAILED and is_image_refused(message, parsed.image_uuid),
    )


def shows_owner(row: object) -> bool:
    """Whether the row could show our label: its field or its environment variable is readable (S4).

    A list with rows that could not is no evidence that a label is absent (F12, F81).
    """
    if not isinstance(row, Mapping):
        return False
    label = row.get("label", _ABSENT)
    return label is None or isinstance(label, str) or isinstance(row.get("extra_env"), (list, dict))


def _classify(word: object, row: InstanceRow, unknown: UnknownFields) -> StatusClass:
    if word is _ABSENT or (word is not None and not isinstance(word, str)):
        unknown.note("status word: missing or unreadable")
        return StatusClass.UNKNOWN
    status = StatusClass.PENDING if word is None else _STATUS_WORDS.get(str(word))
    if status is None:
        unknown.note(f"status word: {word}")
        status = StatusClass.UNKNOWN
    if status in (StatusClass.RUNNING, StatusClass.OFFLINE):
        return status
    if row.cur_state == row.intended_status == row.next_state == "stopped":
        # Outbid, out of credit or stopped at birth (vastai.md 12): disk bills.
        return StatusClass.STOPPED
    if status is StatusClass.PENDING and never_starts(row.status_msg or ""):
        return StatusClass.FAILED
    return status


def _env_label(env: Any) -> str | None:
    """GS_LABEL out of `extra_env`: the API sends pairs, the official client makes them an object (vastai.md 5.3)."""
    if isinstance(env, dict):
        pairs: list[Any] = list(env.items())
    else:
        pairs = env if isinstance(env, list) else []
    for pair in pairs:
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and pair[0] == LABEL_VARIABLE:
            return plain(pair[1]) if isinstance(pair[1], str) else None
    return None


def _ssh(row: Mapping[str, Any], parsed: InstanceRow) -> tuple[str | None, int | None]:
    """Direct where port 22 is mapped, else the proxy, one port higher under jupyter (vastai.md 8)."""
    direct = _address(parsed.public_ipaddr, _mapped_port(row.get("ports")))
    if direct != (None, None):
        return direct
    shift = 1 if "jupyter" in (parsed.image_runtype or "") else 0
    return _address(parsed.ssh_host, None if parsed.ssh_port is None else int(parsed.ssh_port) + shift)


def _mapped_port(ports: Any) -> int | None:
    """`HostPort` of 22/tcp; the API sends it as a string (vastai.md 5.3)."""
    mapped = ports.get("22/tcp") if isinstance(ports, dict) else None
    first = mapped[0] if isinstance(mapped, list) and mapped else None
    port = number_id(first.get("HostPort")) if isinstance(first, dict) else None
    return None if port is None else int(port)


def _address(host: str | None, port: int | None) -> tuple[str | None, int | None]:
    if host is None or port is None or not _HOST.fullmatch(host) or not 0 < port < 65_536:
        return None, None
    return host, port


def _storage(row: InstanceRow) -> Micros | None:
    if row.storage_total_cost is not None:
        return row.storage_total_cost
    if row.storage_cost is None or row.disk_space is None:
        return None
    return BILLING.storage_rate(row.storage_cost, row.disk_space)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
