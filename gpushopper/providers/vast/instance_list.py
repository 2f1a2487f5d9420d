"""The v1 list, page by page, with proof that it is whole (vastai.md 5.1, F43, F44)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpushopper.core.model.instance import Instance
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, InstanceList, ReadFailed
from gpushopper.providers.vast import error_replies
from gpushopper.providers.vast.instance_rows import read_instance, shows_owner
from gpushopper.providers.vast.unknown_fields import UnknownFields

PAGE = 25
PAGES_UNKNOWN = 20
"""Time for so many pages is given before the account has said how many rows it has."""
PAGE_SHARE = 0.25
"""Of the limit of one page: so much time is given on top for each further one, beside the gap before it."""
_MOST_PAGES = 400
_LONGEST_TOKEN = 4096

Fetch = Callable[[str | None, bool], Reply | Failure]
"""Fetch the page of a token; the flag says that it may wait for its pace."""


@dataclass(slots=True)
class _Pages:
    """What the pages have shown so far, and the first reason to doubt that this is all."""

    unknown_fields: UnknownFields
    found: dict[str, Instance] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)
    last_id: int = 0
    doubt: str = ""
    date: int | None = None

    def suspect(self, why: str) -> None:
        self.doubt = self.doubt or why

    def add(self, body: dict[str, Any], rows: list[Any]) -> None:
        total = body.get("total_instances")
        if isinstance(total, bool) or not isinstance(total, int):
            self.suspect("no total_instances")
        else:
            self.totals.add(total)
        first_of_page = True
        for row in rows:
            instance = read_instance(row, self.unknown_fields)
            if instance is None:
                self.suspect("a row without a usable id")
                continue
            if not shows_owner(row):
                self.suspect("rows that do not show whose they are")
            if first_of_page and int(instance.instance_id) <= self.last_id:
                # Asked in order of id, so a repeated or lower id means that rows moved between pages.
                self.suspect("rows moved between pages")
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
            self.suspect("a page token that cannot be read")
            return None
        if token in self.tokens or len(self.tokens) >= _MOST_PAGES:
            self.suspect("the list repeats itself")
            return None
        self.tokens.add(token)
        return token

    def listing(self) -> InstanceList:
        if len(self.totals) > 1:
            self.suspect("the total changed while paging")
        elif self.totals and self.totals != {len(self.found)}:
            self.suspect(f"{len(self.found)} rows of {next(iter(self.totals))}")
        total = max(self.totals, default=None)
        return InstanceList(tuple(self.found.values()), not self.doubt, self.date, self.doubt, total)


def whole_limit_s(page_limit_s: float, gap_s: float, rows: int | None) -> float:
    """The most seconds for a list of so many rows, one page of growth included; None where nobody has said yet.

    A hang is ended by the limit of its page. This one only has to let a list that moves on come to its end: the gap
    between two pages alone is half of a short limit.
    """
    pages = PAGES_UNKNOWN if rows is None else min(rows, PAGE * _MOST_PAGES) // PAGE + 2
    return page_limit_s + (pages - 1) * (gap_s + page_limit_s * PAGE_SHARE)


def read_pages(fetch: Fetch, unknown: UnknownFields) -> InstanceList | ReadFailed:
    """All pages as one list; ReadFailed if not even the first can be read.

    Later error_kind leaves presence and no completeness. Rows that come and go in exact balance while several pages
    are read stay unnoticed: one of the reasons why absence takes several lists and a by-id read (D5).
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
            pages.suspect(f"a page is missing: {body.detail}")
            return pages.listing()
        pages.date = answer.date if isinstance(answer, Reply) else None
        pages.add(body, body["instances"])
        token = pages.next_token(body)
        if token is None:
            return _named(pages)
        first = False


def _named(pages: _Pages) -> InstanceList | ReadFailed:
    if not pages.found and pages.doubt:
        return ReadFailed(ErrorKind.SHAPE, pages.doubt)
    return pages.listing()
