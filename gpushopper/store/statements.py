"""The few statements that Peewee does not build: pragmas and schema, behind one typed door."""

from __future__ import annotations

from typing import Any

import peewee


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
