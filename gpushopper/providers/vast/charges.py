"""Read what Vast has charged for each instance, page by page; amounts are rounded to a tenth of a cent (vastai.md 10).

Instances that were destroyed are still in it, and days are those of UTC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core.model.money import Micros, parse_dollars
from gpushopper.core.model.records.charge import Charge, ChargeList
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.providers.kit import UnknownFields, number_id
from gpushopper.providers.vast.parsing import error_replies

PATH = "/api/v0/charges/"
PAGE = 500
"""The most that Vast gives on one page."""
_MOST_PAGES = 100
_LONGEST_TOKEN = 4096
_SOURCE = re.compile(r"instance-([0-9]{1,18})")
_PARTS = {"gpu": "gpu", "disk": "storage", "bwd": "traffic", "bwu": "traffic"}

Fetch = Callable[[str | None], Reply | Failure]
"""Fetch the page of a token."""


def query(start_at: int, end_at: int, token: str | None) -> dict[str, str]:
    """The query of one page; `day` needs both bounds, else Vast answers 400."""
    day = {"gte": start_at // SECOND, "lte": end_at // SECOND}
    filters = json.dumps({"day": day, "type": {"in": ["instance"]}}, separators=(",", ":"))
    page = {"after_token": token} if token else {}
    return {"select_filters": filters, "latest_first": "false", "limit": str(PAGE), "format": "table", **page}


@dataclass(slots=True)
class _Pages:
    """The charges of the pages so far, and the first reason why they are not all."""

    unknown: UnknownFields
    found: dict[str, Charge] = field(default_factory=dict)
    rows: int = 0
    total: int | None = None
    tokens: set[str] = field(default_factory=set)
    incomplete_reason: str = ""

    def mark_incomplete(self, reason: str) -> None:
        self.incomplete_reason = self.incomplete_reason or reason

    def add(self, body: dict[str, Any]) -> None:
        total = body.get("total")
        self.total = total if isinstance(total, int) and not isinstance(total, bool) else None
        for row in body["results"]:
            self.rows += 1
            charge = read_charge(row)
            if charge is None:
                self.unknown.note("charge: unreadable")
                self.mark_incomplete("a charge that cannot be read")
                continue
            before = self.found.get(charge.instance_id)
            self.found[charge.instance_id] = charge if before is None else before.plus(charge)

    def next_token(self, body: dict[str, Any]) -> str | None:
        token = body.get("next_token")
        if token is None or token == "":
            return None
        is_usable = isinstance(token, str) and len(token) <= _LONGEST_TOKEN
        if not is_usable or token in self.tokens or len(self.tokens) >= _MOST_PAGES:
            self.mark_incomplete("pages that cannot be followed")
            return None
        self.tokens.add(token)
        return str(token)

    def charge_list(self) -> ChargeList:
        if self.total != self.rows:
            self.mark_incomplete(f"{self.rows} charges of {self.total}")
        return ChargeList(tuple(self.found.values()), not self.incomplete_reason, self.incomplete_reason)


def read_pages(fetch: Fetch, unknown: UnknownFields) -> ChargeList | ReadFailed:
    """All pages as one list; ReadFailed if one of them cannot be read: half of the charges would be worse than none."""
    pages = _Pages(unknown)
    token: str | None = None
    while True:
        body = error_replies.payload(fetch(token))
        if isinstance(body, ReadFailed):
            return body
        if not isinstance(body.get("results"), list):
            unknown.note("charges: no results")
            return ReadFailed(ErrorKind.SHAPE, "charges without results")
        pages.add(body)
        token = pages.next_token(body)
        if token is None:
            return pages.charge_list()


def read_charge(row: object) -> Charge | None:
    """One line of an instance; None where it cannot be read. What is in no known part is `other`."""
    if not isinstance(row, dict):
        return None
    source = row.get("source")
    known = _SOURCE.fullmatch(source) if isinstance(source, str) else None
    instance_id = None if known is None else number_id(int(known[1]))
    amount = parse_dollars(row.get("amount"))
    parts = _parts(row.get("items"))
    if instance_id is None or amount is None or parts is None:
        return None
    end = row.get("end")
    is_time = isinstance(end, (int, float)) and not isinstance(end, bool) and 0 < end < 1e11
    until_at = round(end * SECOND) if is_time else None  # type: ignore[operator]
    return Charge(instance_id, **parts, other=amount - sum(parts.values()), until_at=until_at)


def _parts(items: object) -> dict[str, Micros] | None:
    """The amounts by our classes; None where one cannot be read."""
    found = dict.fromkeys(("gpu", "storage", "traffic"), 0)
    for item in items if isinstance(items, list) else []:
        part = _PARTS.get(str(item.get("type"))) if isinstance(item, dict) else None
        if part is None:
            continue
        amount = parse_dollars(item.get("amount"))
        if amount is None:
            return None
        found[part] += amount
    return found
