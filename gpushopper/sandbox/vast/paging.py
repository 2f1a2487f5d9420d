"""Paging of the instance list (v1): filters, order, limit, page tokens, and the faults that cut or shift pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import json

from gpushopper.sandbox.vast.filters import matches

LARGEST = 25
_COLUMNS = frozenset({"id", "label", "actual_status", "gpu_name", "verification"})


class BadQuery(Exception):
    """A list query that Vast rejects with 400; `code` is the error code of the reply."""

    def __init__(self, text: str, code: str = "invalid_request") -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Page:
    """The parsed query of one list request; `start` is the first row, `number` counts pages from 1."""

    filters: dict[str, Any]
    order: list[tuple[str, bool]]
    limit: int
    columns: list[str] | None
    start: int
    number: int


@dataclass(frozen=True, slots=True)
class AppliedFaults:
    """Which of the paging faults changed this page."""

    cut: bool
    shifted: bool


def parse_page_query(args: Mapping[str, str]) -> Page:
    """Parse the query of a list request (vastai.md 5.1); raises BadQuery."""
    filters = _json(args, "select_filters", {})
    unknown = [name for name in filters if name not in _COLUMNS]
    if unknown:
        raise BadQuery(f"select_filters: {unknown[0]} cannot be filtered")
    order = [(str(item["col"]), item.get("dir", "asc") == "desc") for item in _json(args, "order_by", [])]
    try:
        limit = int(args.get("limit", LARGEST))
    except ValueError as error:
        raise BadQuery("limit must be a whole number") from error
    start, number = _read_token(args.get("after_token"))
    columns = _json(args, "select_cols", None)
    return Page(filters, order, min(limit, LARGEST) if limit > 0 else 5, columns, start, number)


def build_page(
    rows: list[dict[str, Any]], page: Page, *, last_page: int | None = None, shift: int = 0
) -> tuple[dict[str, Any], AppliedFaults]:
    """Return the body of one page and which faults changed it.

    `last_page` ends the list early with its total left as it is; `shift` moves the rows of later pages,
    as happens when rows come or go between two pages (F43).
    """
    try:
        found = [row for row in rows if matches(row, page.filters)]
    except ValueError as error:
        raise BadQuery(str(error)) from error
    found.sort(key=lambda row: int(row.get("id", 0)))
    for column, descending in reversed(page.order):
        found.sort(key=lambda row: _sortable(row.get(column)), reverse=descending)
    moved = page.number > 1 and shift != 0
    start = max(page.start + (shift if moved else 0), 0)
    shown = found[start : start + page.limit]
    more = start + page.limit < len(found)
    is_cut = more and last_page is not None and page.number >= last_page
    if page.columns is not None:
        shown = [{name: row.get(name) for name in page.columns} for row in shown]
    body = {
        "instances_found": len(shown),
        "total_instances": len(found),
        "next_token": _make_token(start + page.limit, page.number + 1) if more and not is_cut else None,
        "instances": shown,
    }
    return body, AppliedFaults(is_cut, moved)


def _json(args: Mapping[str, str], name: str, default: Any) -> Any:
    text = args.get(name)
    if not text:
        return default
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadQuery(f"{name}: not JSON") from error
    if default is not None and not isinstance(value, type(default)):
        raise BadQuery(f"{name}: wrong type")
    return value


def _make_token(start: int, number: int) -> str:
    return base64.urlsafe_b64encode(f"v1:{start}:{number}".encode()).decode()


def _read_token(token: str | None) -> tuple[int, int]:
    if not token:
        return 0, 1
    try:
        version, start, number = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        if version == "v1":
            return int(start), int(number)
    except (ValueError, binascii.Error):
        pass
    raise BadQuery("The page token is not valid.", "invalid_token")


def _sortable(value: Any) -> tuple[int, float, str]:
    if value is None:
        return (2, 0.0, "")
    if isinstance(value, (int, float)):
        return (0, float(value), "")
    return (1, 0.0, str(value))
