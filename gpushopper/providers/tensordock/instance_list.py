"""List the organisation's instances, and decide whether the list is whole (tensordock.md 6, F43).

There is no total and there are no pages: a list is whole only if its shape is known and every item was understood. One
that could not be read is never an empty one, as it is for other clients: that would make every instance vanish (F44).
"""

from __future__ import annotations

import re
from typing import Any

from gpushopper.core.model.instance import Instance
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, InstanceFound, InstanceList, InstanceNotFound, ReadFailed
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.tensordock.parsing import error_replies
from gpushopper.providers.tensordock.parsing.instance_rows import read_instance, shows_owner

_PAGING = re.compile(r"next|cursor|page|more|total|count|links|limit|offset", re.IGNORECASE)
"""Fields beside the list that would say that it is not all: none is known."""
_ENVELOPE = frozenset({"data", "type", "id", "attributes", "instances"})


def read_list(answer: Reply | Failure, unknown: UnknownFields) -> InstanceList | ReadFailed:
    """All instances; ReadFailed for every shape but the three that are known, and where no item can be read."""
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    items = _items(body)
    if items is None:
        unknown.note("list: unknown shape")
        return ReadFailed(ErrorKind.SHAPE, "a list of unknown shape")
    found: dict[str, Instance] = {}
    reason = _paging(body, len(items), unknown)
    for item in items:
        instance = read_instance(item, unknown)
        if instance is None:
            reason = reason or "an item without a usable id"
            continue
        if not shows_owner(item):
            reason = reason or "items that do not show whose they are"
        if instance.instance_id in found:
            reason = reason or "an id twice"
        found.setdefault(instance.instance_id, instance)
    if not found and reason:
        return ReadFailed(ErrorKind.SHAPE, reason)
    return InstanceList(tuple(found.values()), not reason, answer.date if isinstance(answer, Reply) else None, reason)


def read_one(
    answer: Reply | Failure, instance_id: str, unknown: UnknownFields
) -> InstanceFound | InstanceNotFound | ReadFailed:
    """The reply to a read by id: the instance itself, or wrapped in `data` as some clients expect (tensordock.md 6)."""
    if isinstance(answer, Reply) and error_replies.is_gone(answer):
        return InstanceNotFound(answer.date)
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    instance = read_instance(body if "id" in body else body.get("data"), unknown)
    if instance is None or instance.instance_id != instance_id:
        return ReadFailed(ErrorKind.SHAPE, "a reply that is not about the requested instance")
    return InstanceFound(instance, answer.date if isinstance(answer, Reply) else None)


def _items(body: dict[str, Any]) -> list[Any] | None:
    """The items of shape 1 (`data` is the list), 2 (`data.instances`) or 3 (`data.attributes.instances`)."""
    data = body.get("data")
    if isinstance(data, list):
        return data
    inner = data.get("attributes") if isinstance(data, dict) else None
    lists = [
        one["instances"] for one in (data, inner) if isinstance(one, dict) and isinstance(one.get("instances"), list)
    ]
    return lists[0] if len(lists) == 1 else None


def _paging(body: dict[str, Any], items: int, unknown: UnknownFields) -> str:
    """Why the list may be one page of several; empty where nothing says so. A total must be that of the items."""
    data = body.get("data")
    envelopes = [body, *([data] if isinstance(data, dict) else [])]
    inner = data.get("attributes") if isinstance(data, dict) else None
    envelopes += [inner] if isinstance(inner, dict) else []
    odd = [(name, value) for one in envelopes for name, value in one.items() if name not in _ENVELOPE]
    for name, _ in odd:
        unknown.note(f"list field: {name}")
    # True is 1 in Python, and `has_more` no number of items.
    is_paged = any(value and (value is True or value != items) for name, value in odd if _PAGING.search(name))
    return "the list may have more pages" if is_paged else ""
