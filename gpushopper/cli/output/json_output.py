"""JSON output (--json): prices become `_micros` and `_usd` fields, times RFC 3339, durations `_seconds`.

A money field `rate` becomes `rate_micros` (integer) and `rate_usd` (decimal text), a time field `sent_at` stays
`sent_at` as text, a span `duration_us` becomes `duration_seconds`. Each document has a schema number; schema 1 only
gains fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gpushopper.cli.app import SCHEMA

TIMES = frozenset({"at", "now", "ready_at", "waiting_until"})
"""Fields that are times, besides all that end in `_at`."""

MONEY = frozenset({
    "rate", "gpu_rate", "storage_rate", "storage_gb_month", "upload_gb", "download_gb", "max_rate", "max_cost",
    "accrued", "reserved", "balance", "open_accrued", "open_max_cost", "open_rate", "least_cost",
    "burn_rate", "to_come", "month_accrued", "month_max", "month_at_pace",
})  # fmt: skip
"""Fields that are money, besides all that end in `_micros`."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_json_fields(value: Any) -> Any:
    """Convert the fields of a local API answer, nested ones too, to those of the JSON output."""
    if isinstance(value, Mapping):
        fields: dict[str, Any] = {}
        for name, item in value.items():
            fields.update(_field(str(name), item))
        return fields
    if isinstance(value, list | tuple):
        return [to_json_fields(item) for item in value]
    return value


def _field(name: str, value: Any) -> dict[str, Any]:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if not is_int and value is not None:
        return {name: to_json_fields(value)}
    if name in TIMES or name.endswith("_at"):
        return {name: rfc3339(value) if is_int else None}
    if name in MONEY or name.endswith("_micros"):
        base = name.removesuffix("_micros")
        return {f"{base}_micros": value, f"{base}_usd": _usd(value) if is_int else None}
    if name.endswith("_us"):
        return {f"{name.removesuffix('_us')}_seconds": value / 1_000_000 if is_int else None}
    return {name: value}


def rfc3339(at: int) -> str:
    """`2026-11-24T18:00:00Z`; whole seconds carry no fraction."""
    stamp = (_EPOCH + timedelta(microseconds=at)).replace(tzinfo=None).isoformat()
    return f"{stamp}Z"


def _usd(amount: int) -> str:
    sign, cents = ("-" if amount < 0 else ""), divmod(abs(amount), 1_000_000)
    return f"{sign}{cents[0]}.{cents[1]:06d}"


def document(fields: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """One JSON document with its schema number; without an indent on one line."""
    return json.dumps({"schema": SCHEMA, **to_json_fields(fields)}, indent=indent, ensure_ascii=True)


def raw_document(fields: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """One JSON document whose fields are printed unchanged (the sandbox's control API has its own names)."""
    return json.dumps({**fields, "schema": SCHEMA}, indent=indent, ensure_ascii=True)


def lines(rows: Iterable[Any]) -> Iterable[str]:
    """One JSON object per row and line."""
    for row in rows:
        yield line(row)


def line(row: Mapping[str, Any]) -> str:
    """One row on one line."""
    return json.dumps({"schema": SCHEMA, **to_json_fields(row)}, ensure_ascii=True)
