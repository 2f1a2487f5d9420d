"""Statements as text: pragmas and schema, which Peewee does not build, and selects that are spelled once and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, ParamSpec, cast

import peewee

P = ParamSpec("P")
KEPT = 512
"""Selects that one `prepared` function keeps: their arguments are ids and names, of which few are in use at a time."""
_DIALECT = peewee.SqliteDatabase(None)
"""Never opened: it only says how SQLite spells a statement."""


class Select(NamedTuple):
    """A select as SQLite takes it, with the columns that tell how its values are read."""

    text: str
    values: tuple[Any, ...]
    columns: tuple[Any, ...]


def spelled(query: Any) -> Select:
    """Spell a Peewee select out; that takes longer than running it."""
    text, values = query.bind(_DIALECT).sql()
    return Select(text, tuple(values), tuple(query.selected_columns))


def prepared(build: Callable[P, Any]) -> Callable[P, Select]:
    """Let a function that builds a select spell each one once: the same arguments give the same text and values."""

    def select(*args: P.args, **kwargs: P.kwargs) -> Select:
        return spelled(build(*args, **kwargs))

    kept: Any = lru_cache(maxsize=KEPT)(select)
    return cast(Callable[P, Select], kept)


def run(database: peewee.SqliteDatabase, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Run one statement to its end and return its rows."""
    untyped: Any = database
    rows: list[tuple[Any, ...]] = untyped.execute_sql(sql, values).fetchall()
    return rows


def is_in_transaction(database: peewee.SqliteDatabase) -> bool:
    """Whether a transaction is open; an error may have ended it without our doing."""
    untyped: Any = database
    return not untyped.is_closed() and bool(untyped.connection().in_transaction)


def check(database: peewee.SqliteDatabase) -> str:
    """What is wrong with the file's structure; empty when nothing is."""
    found = [str(row[0]) for row in run(database, "PRAGMA quick_check(5)")]
    return "" if found == ["ok"] else "; ".join(found) or "no answer"
