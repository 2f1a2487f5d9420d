"""Matches rows against search and list filters `{"field": {"op": value}}`; numbers may be strings (vastai.md 3.1)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

_ORDERINGS: dict[str, Callable[[float, float], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}

_OPERATORS = {*_ORDERINGS, "eq", "neq", "in", "notin"}


def matches(row: dict[str, Any], filters: dict[str, Any]) -> bool:
    """Whether a row passes every filter; raises ValueError for a filter that is no `{op: value}` object.

    A field the row lacks is null, so a filter on an unknown field matches nothing (seen live for `id`).
    """
    return all(_passes(row.get(name), tests) for name, tests in filters.items())


def check(filters: dict[str, Any]) -> None:
    """Raise ValueError for a filter that is no `{op: value}` object, or has an operator that is none."""
    for tests in filters.values():
        if not isinstance(tests, dict):
            raise ValueError(f"not a filter: {tests!r}")
        for op in tests:
            if op not in _OPERATORS:
                raise ValueError(f"unknown operator: {op}")


def _passes(have: Any, tests: Any) -> bool:
    if not isinstance(tests, dict):
        raise ValueError(f"not a filter: {tests!r}")
    return all(_holds(have, op, want) for op, want in tests.items())


def _holds(have: Any, op: str, want: Any) -> bool:
    many = want if isinstance(want, list) else [want]
    match op:
        case "eq" | "neq":
            return _same(have, want) == (op == "eq")
        case "in" | "notin":
            return any(_same(have, one) for one in many) == (op == "in")
        case _ if op in _ORDERINGS:
            a, b = _number(have), _number(want)
            return a is not None and b is not None and _ORDERINGS[op](a, b)
        case _:
            raise ValueError(f"unknown operator: {op}")


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _truth(value: Any) -> bool | None:
    """Read a boolean; `external` is null in rows and false in filters, and both mean no."""
    if isinstance(value, bool) or value is None:
        return bool(value)
    return {"true": True, "false": False}.get(str(value).lower())


def _same(have: Any, want: Any) -> bool:
    if isinstance(have, bool) or isinstance(want, bool):
        return _truth(have) is not None and _truth(have) == _truth(want)
    a, b = _number(have), _number(want)
    if a is not None and b is not None:
        return a == b
    if have is None or want is None:
        return have is want
    return str(have) == str(want)
