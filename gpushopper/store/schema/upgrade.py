"""Upgrade an older database: backup, then all missing migrations in one transaction (I25)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import peewee

from gpushopper.store.schema.migrations import Migration
from gpushopper.store.schema.schema_check import version_of
from gpushopper.store.schema.triggers import schema_objects
from gpushopper.store.sqlite.backups import back_up
from gpushopper.store.sqlite.error_mapping import Corrupt
from gpushopper.store.sqlite.statements import integrity_problem, is_in_transaction, run


def upgrade(database: peewee.SqliteDatabase, path: Path, now_wall: int, migrations: Sequence[Migration]) -> None:
    """Apply missing migrations, and create triggers and views anew where they differ. Call after `check_schema`."""
    found = version_of(database)
    missing = [step for step in migrations if step.version > found]
    if not missing and _stored(database) == schema_objects():
        return
    if missing and found > 0:
        back_up(database, path, now_wall, found)
    # This pragma acts outside of a transaction only; a migration may have to rebuild a table that others refer to.
    run(database, "PRAGMA foreign_keys = 0")
    try:
        _apply(database, path, now_wall, missing)
    finally:
        run(database, "PRAGMA foreign_keys = 1")


def _apply(database: peewee.SqliteDatabase, path: Path, now_wall: int, missing: Sequence[Migration]) -> None:
    database.begin("EXCLUSIVE")
    try:
        for name, text in _stored(database).items():
            run(database, f"DROP {text.split(maxsplit=2)[1]} {name}")
        for step in missing:
            for statement in step.statements:
                run(database, statement)
            run(database, "INSERT INTO migrations VALUES (?, ?, ?)", (step.version, step.name, now_wall))
            run(database, f"PRAGMA user_version = {step.version}")
        for text in schema_objects().values():
            run(database, text)
        if missing:
            _verify(database, path)
        database.commit()
    except BaseException:
        if is_in_transaction(database):
            database.rollback()
        raise


def _stored(database: peewee.SqliteDatabase) -> dict[str, str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
    return {name: text for name, text in run(database, query)}


def _verify(database: peewee.SqliteDatabase, path: Path) -> None:
    broken = [f"{row[0]} refers to a missing {row[2]}" for row in run(database, "PRAGMA foreign_key_check")]
    if why := "; ".join(broken[:5]) or integrity_problem(database):
        raise Corrupt(f"the database {path} is damaged after its upgrade: {why}")
