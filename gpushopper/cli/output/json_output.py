"""Answers for programs: JSON with a schema number, RFC 3339 times, money as integer and as decimal text.

Schema 1 only gains fields. A money field `rate` becomes `rate_micros` and `rate_usd`, a time field `sent_at` stays
`sent_at` as text, a span `duration_us` becomes `duration_seconds`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from gpushopper.cli.app import SCHEMA

TIMES = frozenset({"at", "now", "ready_at", "waiting_until"})
"""Fields that are times, beside everything that ends in `_at`."""

MONEY = frozenset({
    "rate", "gpu_rate", "storage_rate", "storage_gb_month", "upload_gb", "download_gb", "max_rate", "max_cost",
    "accrued", "reserved", "balance", "open_accrued", "open_max_cost", "open_rate",
})  # fmt: skip
"""Fields that are money, beside everything that ends in `_micros`."""


def enrich(value: Any) -> Any:
    """Rewrite an answer of the local API for programs."""
    if isinstance(value, Mapping):
        fields: dict[str, Any] = {}
        for name, item in value.items():
            fields.update(_field(str(name), item))
        return fields
    if isinstance(value, list | tuple):
        return [enrich(item) for item in value]
    return value


def _field(name: str, value: Any) -> dict[str, Any]:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and value is not None:
        return {name: enrich(value)}
    if name in TIMES or name.endswith("_at"):
        return {name: _time(value) if whole else None}
    if name in MONEY or name.endswith("_micros"):
        base = name.removesuffix("_micros")
        return {f"{base}_micros": value, f"{base}_usd": _usd(value) if whole else None}
    if name.endswith("_us"):
        return {f"{name.removesuffix('_us')}_seconds": value / 1_000_000 if whole else None}
    return {name: value}


def _time(at: int) -> str:
    from gpushopper.cli.output.text_format import rfc3339

    return rfc3339(at)


def _usd(amount: int) -> str:
    sign, cents = ("-" if amount < 0 else ""), divmod(abs(amount), 1_000_000)
    return f"{sign}{cents[0]}.{cents[1]:06d}"


def document(**fields: Any) -> str:
    """One JSON document with its schema number."""
    return json.dumps({"schema": SCHEMA, **enrich(fields)}, indent=2, ensure_ascii=True)


def verbatim(fields: Mapping[str, Any]) -> str:
    """One JSON document whose fields are a contract of their own already."""
    return json.dumps({**fields, "schema": SCHEMA}, indent=2, ensure_ascii=True)


def lines(rows: Iterable[Any]) -> Iterable[str]:
    """One JSON object per row and line."""
    for row in rows:
        yield line(row)


def line(row: Mapping[str, Any]) -> str:
    """One row on one line."""
    return json.dumps({"schema": SCHEMA, **enrich(row)}, ensure_ascii=True)
