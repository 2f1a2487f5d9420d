"""Bring an older schema up to date: backup, then everything in one transaction or nothing (I25)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import peewee

from gpushopper.errors import Misconfigured
from gpushopper.store.backups import back_up
from gpushopper.store.failures import Corrupt
from gpushopper.store.migrations import Migration, newest
from gpushopper.store.triggers import derived


def upgrade(database: peewee.SqliteDatabase, path: Path, now_wall: int, migrations: Sequence[Migration]) -> None:
    """Apply what is missing, and make triggers and views say what the code says."""
    found = version_of(database)
    if found > newest(migrations):
        raise Misconfigured(
            f"the database {path} was written by a newer gpu-shopper (schema {found}, this one knows "
            f"{newest(migrations)})",
            "upgrade gpu-shopper, or set GPU_SHOPPER_HOME to another folder",
            code="schema_newer",
        )
    missing = [step for step in migrations if step.version > found]
    if not missing and _stored(database) == derived():
        return
    if missing and found > 0:
        back_up(database, path, now_wall, found)
    # Only outside of a transaction does this pragma act; a migration may have to rebuild a table others refer to.
    database.execute_sql("PRAGMA foreign_keys = 0")
    try:
        _apply(database, path, now_wall, missing)
    finally:
        database.execute_sql("PRAGMA foreign_keys = 1")


def version_of(database: peewee.SqliteDatabase) -> int:
    """The schema version a file says it has; 0 when it is new."""
    version: int = database.execute_sql("PRAGMA user_version").fetchone()[0]
    return version


def _apply(database: peewee.SqliteDatabase, path: Path, now_wall: int, missing: Sequence[Migration]) -> None:
    database.begin("EXCLUSIVE")
    try:
        for name, text in _stored(database).items():
            database.execute_sql(f"DROP {text.split(maxsplit=2)[1]} {name}")
        for step in missing:
            for statement in step.statements:
                database.execute_sql(statement)
            database.execute_sql("INSERT INTO migrations VALUES (?, ?, ?)", (step.version, step.name, now_wall))
            database.execute_sql(f"PRAGMA user_version = {step.version}")
        for text in derived().values():
            database.execute_sql(text)
        if missing:
            _verify(database, path)
        database.commit()
    except BaseException:
        if database.connection().in_transaction:
            database.rollback()
        raise


def _stored(database: peewee.SqliteDatabase) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
    return dict(database.execute_sql(query).fetchall())


def _verify(database: peewee.SqliteDatabase, path: Path) -> None:
    broken = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    found = [row[0] for row in database.execute_sql("PRAGMA quick_check(5)").fetchall()]
    if broken or found != ["ok"]:
        raise Corrupt(f"the database {path} did not come through its upgrade: {broken[:1] or found[:1]}")
