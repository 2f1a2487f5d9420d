"""Runs SQL on a connection: pragmas and schema as text, and selects whose compiled SQL is cached."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, ParamSpec, cast

import peewee

from gpushopper.store.sqlite.writes import CompiledWrite

P = ParamSpec("P")
IN_LIST_SIZE = 200
"""Most values in one IN list."""
CACHE_SIZE = 512
"""Compiled selects per `cached_select` function: the arguments are ids and names, of which few are in use."""
_DIALECT = peewee.SqliteDatabase(None)
"""Never opened: it only renders Peewee queries as SQLite's SQL."""


class CompiledSelect(NamedTuple):
    """A select as SQL text and values, with the columns that convert its results."""

    text: str
    values: tuple[Any, ...]
    columns: tuple[Any, ...]


def compile_select(query: Any) -> CompiledSelect:
    """Compile a Peewee select to SQL; that takes longer than running it."""
    text, values = query.bind(_DIALECT).sql()
    return CompiledSelect(text, tuple(values), tuple(query.selected_columns))


def cached_select(build: Callable[P, Any]) -> Callable[P, CompiledSelect]:
    """Cache the compiled select of a function that builds one, by its arguments."""

    def select(*args: P.args, **kwargs: P.kwargs) -> CompiledSelect:
        return compile_select(build(*args, **kwargs))

    cached: Any = lru_cache(maxsize=CACHE_SIZE)(select)
    return cast(Callable[P, CompiledSelect], cached)


def run(database: peewee.SqliteDatabase, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Run one statement and return all its rows."""
    untyped: Any = database
    rows: list[tuple[Any, ...]] = untyped.execute_sql(sql, values).fetchall()
    return rows


def run_write(database: peewee.SqliteDatabase, write: CompiledWrite) -> int:
    """Run an insert or update: the new row's id, or the number of rows changed."""
    untyped: Any = database
    cursor = untyped.execute_sql(write.text, write.values)
    return int(cursor.lastrowid if write.is_insert else cursor.rowcount)


def is_in_transaction(database: peewee.SqliteDatabase) -> bool:
    """Whether a transaction is open; an error may have rolled it back already."""
    untyped: Any = database
    return not untyped.is_closed() and bool(untyped.connection().in_transaction)


def changes_seen(database: peewee.SqliteDatabase) -> tuple[int, int]:
    """Differs once any row has changed: by this connection, undone ones included, or by another one that committed."""
    untyped: Any = database
    connection = untyped.connection()
    return int(connection.total_changes), int(connection.execute("PRAGMA data_version").fetchone()[0])


def integrity_problem(database: peewee.SqliteDatabase) -> str:
    """What PRAGMA quick_check finds wrong with the file; empty when nothing."""
    found = [str(row[0]) for row in run(database, "PRAGMA quick_check(5)")]
    return "" if found == ["ok"] else "; ".join(found) or "no answer"
