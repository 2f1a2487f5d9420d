"""List the account's instances page by page, and decide whether the list is complete (vastai.md 5.1, F43, F44)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core.model.instance import Instance
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, InstanceList, ReadFailed
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.vast.parsing import error_replies
from gpushopper.providers.vast.parsing.instance_rows import read_instance, shows_owner

PAGE = 25
PAGES_UNKNOWN = 20
"""The time limit allows for so many pages before the number of instances is known."""
PAGE_SHARE = 0.25
"""The share of one page's time limit that each further page adds, beside the rate limit's interval before it."""
_MOST_PAGES = 400
_LONGEST_TOKEN = 4096

Fetch = Callable[[str | None, bool], Reply | Failure]
"""Fetch the page of a token; the flag allows it to wait for the rate limit."""


@dataclass(slots=True)
class _Pages:
    """The rows of the pages so far, and the first reason why the list is not complete."""

    unknown_fields: UnknownFields
    found: dict[str, Instance] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)
    last_id: int = 0
    incomplete_reason: str = ""
    date: int | None = None

    def mark_incomplete(self, reason: str) -> None:
        self.incomplete_reason = self.incomplete_reason or reason

    def add(self, body: dict[str, Any], rows: list[Any]) -> None:
        total = body.get("total_instances")
        if isinstance(total, bool) or not isinstance(total, int):
            self.mark_incomplete("no total_instances")
        else:
            self.totals.add(total)
        first_of_page = True
        for row in rows:
            instance = read_instance(row, self.unknown_fields)
            if instance is None:
                self.mark_incomplete("a row without a usable id")
                continue
            if not shows_owner(row):
                self.mark_incomplete("rows that do not show whose they are")
            if first_of_page and int(instance.instance_id) <= self.last_id:
                # The list is ordered by id, so a repeated or lower id means that rows moved between pages.
                self.mark_incomplete("rows moved between pages")
            first_of_page = False
            self.last_id = max(self.last_id, int(instance.instance_id))
            if instance.instance_id in self.found:
                self.unknown_fields.note("instance row: repeated")
            self.found.setdefault(instance.instance_id, instance)

    def next_token(self, body: dict[str, Any]) -> str | None:
        token = body.get("next_token")
        if token is None or token == "":
            return None
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            self.mark_incomplete("a page token that cannot be read")
            return None
        if token in self.tokens or len(self.tokens) >= _MOST_PAGES:
            self.mark_incomplete("the list repeats itself")
            return None
        self.tokens.add(token)
        return token

    def instance_list(self) -> InstanceList:
        if len(self.totals) > 1:
            self.mark_incomplete("the total changed while paging")
        elif self.totals and self.totals != {len(self.found)}:
            self.mark_incomplete(f"{len(self.found)} rows of {next(iter(self.totals))}")
        total = max(self.totals, default=None)
        return InstanceList(
            tuple(self.found.values()), not self.incomplete_reason, self.date, self.incomplete_reason, total
        )


def list_limit_s(page_limit_s: float, interval_s: float, rows: int | None) -> float:
    """The time limit in seconds for a list of so many rows and one page more; `rows` is None before the first list.

    A hanging page ends at its own limit. This one only has to be long enough for a list that makes progress: the
    interval between two pages alone is half of a short limit.
    """
    pages = PAGES_UNKNOWN if rows is None else min(rows, PAGE * _MOST_PAGES) // PAGE + 2
    return page_limit_s + (pages - 1) * (interval_s + page_limit_s * PAGE_SHARE)


def read_pages(fetch: Fetch, unknown: UnknownFields) -> InstanceList | ReadFailed:
    """All pages as one list; ReadFailed if not even the first can be read.

    After a later error the list still shows presence, but is not complete. Rows that come and go in equal number while
    several pages are read stay unnoticed: one reason why absence takes several lists and a by-id read (D5).
    """
    pages = _Pages(unknown)
    token: str | None = None
    first = True
    while True:
        answer = fetch(token, not first)
        body = error_replies.payload(answer)
        if isinstance(body, dict) and not isinstance(body.get("instances"), list):
            unknown.note("list: no instances")
            body = ReadFailed(ErrorKind.SHAPE, "a list without instances")
        if isinstance(body, ReadFailed):
            if first:
                return body
            pages.mark_incomplete(f"a page is missing: {body.detail}")
            return pages.instance_list()
        pages.date = answer.date if isinstance(answer, Reply) else None
        pages.add(body, body["instances"])
        token = pages.next_token(body)
        if token is None:
            return _unless_empty(pages)
        first = False


def _unless_empty(pages: _Pages) -> InstanceList | ReadFailed:
    if not pages.found and pages.incomplete_reason:
        return ReadFailed(ErrorKind.SHAPE, pages.incomplete_reason)
    return pages.instance_list()
