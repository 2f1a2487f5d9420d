"""Check the schema version of a database file (newer, or not matching its tables) before anything is written (I25)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import peewee

from gpushopper.errors import Misconfigured
from gpushopper.store.schema.migrations import Migration, newest
from gpushopper.store.schema.tables import TABLES
from gpushopper.store.sqlite.statements import run


def version_of(database: peewee.SqliteDatabase) -> int:
    """The schema version stored in the file; 0 when it is new."""
    return int(run(database, "PRAGMA user_version")[0][0])


def check_schema(database: peewee.SqliteDatabase, path: Path, migrations: Sequence[Migration]) -> None:
    """Compare the version with the recorded migrations and the existing tables. Reads only.

    Raises:
        Misconfigured: a newer program wrote it, or version and tables contradict each other.
    """
    found = version_of(database)
    if found > newest(migrations):
        raise Misconfigured(
            f"the database {path} was written by a newer gpu-shopper (schema {found}, this one knows "
            f"{newest(migrations)})",
            "upgrade gpu-shopper, or set GPU_SHOPPER_HOME to another folder",
            code="schema_newer",
        )
    why = _contradiction(database, found, migrations)
    if why:
        raise Misconfigured(
            f"the database {path} says it has schema {found}, but {why}; nothing was changed",
            f"put back a copy from {path.parent / 'backups'}, or set GPU_SHOPPER_HOME to another folder",
            code="schema_mismatch",
        )


def _contradiction(database: peewee.SqliteDatabase, found: int, migrations: Sequence[Migration]) -> str:
    """What does not match the version; empty when all does."""
    tables = {name for (name,) in run(database, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables and found == 0:
        return ""
    if "version" not in _columns(database, "migrations"):
        return "it has no record of its upgrades"
    recorded = [version for (version,) in run(database, "SELECT version FROM migrations ORDER BY version")]
    if recorded != [step.version for step in migrations if step.version <= found]:
        return f"the upgrades recorded in it are {', '.join(map(str, recorded)) or 'none'}"
    return _missing(database) if found == newest(migrations) else ""


def _missing(database: peewee.SqliteDatabase) -> str:
    """The first table that lacks a column which this program reads. Columns of a later migration may exist too."""
    for row in TABLES:
        table = row._meta.table_name
        lacking = {each.column_name for each in row._meta.sorted_fields} - _columns(database, table)
        if lacking:
            return f"its table {table} lacks {', '.join(sorted(lacking)[:3])}"
    return ""


def _columns(database: peewee.SqliteDatabase, table: str) -> set[str]:
    return {str(column[1]) for column in run(database, f"PRAGMA table_info({table})")}
