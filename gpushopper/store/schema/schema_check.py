"""Whether a database is what its schema number says: a wrong number is found before anything is written (I25)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import peewee

from gpushopper.errors import Misconfigured
from gpushopper.store.schema.migrations import Migration, newest
from gpushopper.store.schema.tables import TABLES
from gpushopper.store.sqlite.statements import run


def version_of(database: peewee.SqliteDatabase) -> int:
    """The schema version a file says it has; 0 when it is new."""
    return int(run(database, "PRAGMA user_version")[0][0])


def check_schema(database: peewee.SqliteDatabase, path: Path, migrations: Sequence[Migration]) -> None:
    """Compare the number with the steps that are recorded and the tables that are there. Reads only.

    Raises:
        Misconfigured: a newer program wrote it, or number and tables contradict each other.
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
    """What does not fit the number; empty when all does."""
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
    """The first table that lacks something which this program reads. Columns of a later step may be there too."""
    for row in TABLES:
        table = row._meta.table_name
        lacking = {each.column_name for each in row._meta.sorted_fields} - _columns(database, table)
        if lacking:
            return f"its table {table} lacks {', '.join(sorted(lacking)[:3])}"
    return ""


def _columns(database: peewee.SqliteDatabase, table: str) -> set[str]:
    return {str(column[1]) for column in run(database, f"PRAGMA table_info({table})")}
