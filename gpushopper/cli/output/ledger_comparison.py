"""Compare our receipt with the sandbox's ledger (demo): same instances, all gone, same cost within a tolerance."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NamedTuple

from gpushopper.cli.app import App
from gpushopper.cli.output import tables
from gpushopper.core.model.money import dollars

TENTH_OF_A_CENT = 1_000
SHARE = 0.01
"""Tolerance as a share of the cost (a tenth of a cent at least): a poll sees a change of state only after it."""


class BilledSide(NamedTuple):
    """Instances and cost according to one side."""

    instances: tuple[str, ...]
    gone: bool
    micros: int
    traffic: int = 0


def read_sides(receipt: str, ledger: str) -> tuple[BilledSide, BilledSide]:
    """Both sides, from the JSON output of `receipt` and of `sandbox ledger`."""
    receipts = [row for row in json.loads(receipt)["receipts"] if row["instance_id"]]
    billed = [row for row in json.loads(ledger)["instances"] if not row["foreign"]]
    ours = BilledSide(
        instances=tuple(sorted(str(row["instance_id"]) for row in receipts)),
        gone=bool(receipts) and all((row["receipt"] or {}).get("kind") == "proven" for row in receipts),
        micros=sum(row["accrued_micros"] - _traffic(row) for row in receipts),
        traffic=sum(_traffic(row) for row in receipts),
    )
    theirs = BilledSide(
        instances=tuple(sorted(str(row["id"]) for row in billed)),
        gone=bool(billed) and all(row["state"] == "gone" for row in billed),
        micros=sum(_micros(row["gpu_usd"]) + _micros(row["storage_usd"]) for row in billed),
        traffic=sum(_micros(row["traffic_usd"]) for row in billed),
    )
    return ours, theirs


def _traffic(receipt: dict[str, Any]) -> int:
    return int(receipt["cost"].get("traffic_micros", 0))


def _micros(dollars_text: str) -> int:
    return int(Decimal(dollars_text) * 1_000_000)


def agrees(ours: BilledSide, theirs: BilledSide) -> bool:
    """Whether the same instances are gone, at the same cost of GPU and disk.

    Traffic is billed by the gigabyte, outside the hourly price: what an instance counts is an estimate until its bill.
    """
    tolerance = max(TENTH_OF_A_CENT, round(theirs.micros * SHARE))
    same_money = abs(ours.micros - theirs.micros) <= tolerance
    return ours.instances == theirs.instances and ours.gone and theirs.gone and same_money


def compare(app: App, sides: tuple[BilledSide, BilledSide]) -> bool:
    """Print both sides in a small table; whether they agree."""
    ours, theirs = sides
    rows = [
        ("instance", *(", ".join(side.instances) or "none" for side in sides)),
        ("state", *("gone" if side.gone else "not gone" for side in sides)),
        ("GPU and disk", *(dollars(side.micros, 4) for side in sides)),
        ("traffic", *(dollars(side.traffic, 4) for side in sides)),
    ]
    columns = (
        tables.Column("", lambda row: row[0]),
        tables.Column("OUR RECEIPT", lambda row: row[1]),
        tables.Column("SANDBOX LEDGER", lambda row: row[2]),
    )
    tables.out("")
    tables.table(app, rows, columns)
    agree = agrees(ours, theirs)
    exactly = rows[2][1] == rows[2][2]
    words = "They agree" if exactly else "They agree, except for the seconds between two polls"
    tables.out(f"\n{f'{words}: rented, used, gone, and accounted for.' if agree else 'They disagree.'}")
    return agree
