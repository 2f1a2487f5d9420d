"""Inserts and updates of single rows: their SQL is written once per set of columns, only the values differ.

Peewee renders a statement anew each time, which takes several times as long as SQLite needs to run it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import peewee

CACHE_SIZE = 256
"""Statements: tables by the sets of columns that are written together."""


class CompiledWrite(NamedTuple):
    """One statement as SQL text and values. `is_insert`: its result is the new row's id, else the rows changed."""

    text: str
    values: tuple[Any, ...]
    is_insert: bool


def insert(table: type[peewee.Model], row: Mapping[str, Any], *, replaces: bool = False) -> CompiledWrite:
    """Insert a row, by attribute; `replaces`: in the place of one with the same key."""
    text = _insert(table, tuple(row), replaces)
    return CompiledWrite(text, _values(table, row), is_insert=True)


def update(table: type[peewee.Model], changes: Mapping[str, Any], at: Mapping[str, Any]) -> CompiledWrite:
    """Change columns of the rows whose columns are as in `at`; None is equal to nothing there."""
    text = _update(table, tuple(changes), tuple(at))
    return CompiledWrite(text, _values(table, changes) + _values(table, at), is_insert=False)


@lru_cache(maxsize=CACHE_SIZE)
def _insert(table: type[peewee.Model], names: tuple[str, ...], replaces: bool) -> str:
    columns = ", ".join(_quoted(table, name) for name in names)
    marks = ", ".join("?" for _ in names)
    return f'INSERT {"OR REPLACE " * replaces}INTO "{_meta(table).table_name}" ({columns}) VALUES ({marks})'


@lru_cache(maxsize=CACHE_SIZE)
def _update(table: type[peewee.Model], changed: tuple[str, ...], at: tuple[str, ...]) -> str:
    changes = ", ".join(f"{_quoted(table, name)} = ?" for name in changed)
    where = " AND ".join(f"{_quoted(table, name)} = ?" for name in at)
    return f'UPDATE "{_meta(table).table_name}" SET {changes} WHERE {where}'


def _values(table: type[peewee.Model], row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values as the table's columns store them."""
    fields = _meta(table).fields
    return tuple(fields[name].db_value(value) for name, value in row.items())


def _quoted(table: type[peewee.Model], name: str) -> str:
    return f'"{_meta(table).fields[name].column_name}"'


def _meta(table: Any) -> Any:
    """Peewee's description of a table, which is made with the class."""
    return table._meta
