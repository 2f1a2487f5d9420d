"""Open the SQLite database (pragmas, WAL), and its transactions: one connection behind one lock (D12, S30)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import peewee

from gpushopper.store.schema.columns import Conversions, conversions, to_core_values
from gpushopper.store.schema.migrations import MIGRATIONS, Migration
from gpushopper.store.schema.schema_check import check_schema
from gpushopper.store.schema.upgrade import upgrade
from gpushopper.store.sqlite import database_files
from gpushopper.store.sqlite.database_files import quarantine
from gpushopper.store.sqlite.error_mapping import Corrupt, Stale, map_errors
from gpushopper.store.sqlite.statements import (
    CompiledSelect,
    changes_seen,
    compile_select,
    integrity_problem,
    is_in_transaction,
    run,
    run_write,
)
from gpushopper.store.sqlite.writes import CompiledWrite

__all__ = ["Corrupt", "Stale", "Store", "quarantine"]

T = TypeVar("T")

BUSY_MS = 5000
KEPT_READS = 64
"""Most results of `Store.kept` at a time."""
KEPT_CONVERSIONS = 512
"""Most selects whose conversions are known at a time."""

# Verified after opening: a build of SQLite may silently ignore a pragma (F66, F72).
# secure_delete: otherwise what is deleted stays in the file, in most builds, until its place is used again (I21).
# recursive_triggers: otherwise INSERT OR REPLACE deletes rows without firing the triggers that forbid it.
PRAGMAS: tuple[tuple[str, int], ...] = (
    ("foreign_keys", 1),
    ("recursive_triggers", 1),
    ("trusted_schema", 0),
    ("cell_size_check", 1),
    ("secure_delete", 1),
    ("busy_timeout", BUSY_MS),
)
# On macOS fsync returns before the data is on disk.
PRAGMAS_MACOS: tuple[tuple[str, int], ...] = (("fullfsync", 1), ("checkpoint_fullfsync", 1))
FULL, EXTRA = 2, 3
JOURNAL: tuple[tuple[str, int | str], ...] = (("synchronous", FULL), ("journal_mode", "wal"))
JOURNAL_ON_NETWORK: tuple[tuple[str, int | str], ...] = (("synchronous", EXTRA), ("journal_mode", "delete"))


class Store:
    """The open database. Reads may come from any thread; writes only inside `transaction()`."""

    def __init__(self, path: Path, database: peewee.SqliteDatabase) -> None:
        self.path = path
        self.database = database
        self._lock = threading.RLock()
        self._writing = False
        self._reading = 0
        self._wrote = False
        self._kept: dict[tuple[str, tuple[Any, ...]], list[Any]] = {}
        self._kept_at = (-1, -1)
        self._conversions: dict[str, Conversions] = {}
        self._mapped = map_errors(path)
        self.last_change = 0
        """Counts committed transactions that wrote something: compared to see whether anything has changed."""

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        now_wall: int,
        database_class: type[peewee.SqliteDatabase] = peewee.SqliteDatabase,
        migrations: Sequence[Migration] = MIGRATIONS,
        mounts: str | None = None,
    ) -> Store:
        """Open, check and upgrade the file. The caller holds the home's lock (I15).

        Raises:
            Corrupt: the file is damaged; `quarantine` it and start anew.
            Misconfigured: read-only, written by a newer program, or not the schema it says it is.
            DiskFull: no space.
        """
        path = path.absolute()
        _refuse_lost_database(path)
        database_files.make_private(path)
        kind = database_files.file_system_of(path.resolve(), database_files.read_mounts() if mounts is None else mounts)
        database = database_class(str(path), thread_safe=False, check_same_thread=False, autoconnect=False)
        store = cls(path, database)
        try:
            with map_errors(path):
                database.connect()
                _set_pragmas(database, PRAGMAS + (PRAGMAS_MACOS if sys.platform == "darwin" else ()))
                if why := integrity_problem(database):
                    raise Corrupt(f"the database {path} is damaged: {why}")
                # Before anything is written; the journal mode is stored in the file too.
                check_schema(database, path, migrations)
                _set_pragmas(database, JOURNAL_ON_NETWORK if database_files.is_network(kind) else JOURNAL)
                upgrade(database, path, now_wall, migrations)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close; SQLite then merges the write-ahead log into the file."""
        with self._lock, self._mapped:
            if not self.database.is_closed():
                self.database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One durable change: committed on leaving, rolled back by any error. No network calls inside.

        Opening one inside another, or inside `read()`, is an error of the caller: the inner block would end
        without being durable.
        """
        with self._lock:
            if self._writing or self._reading:
                raise RuntimeError("a transaction inside another one, or inside read()")
            with self._mapped:
                self.database.begin("IMMEDIATE")
                self._writing = True
                self._wrote = False
                try:
                    yield
                    self.database.commit()
                    self.last_change += self._wrote
                except BaseException:
                    self._kept_at = (-1, -1)  # what was read in it may be undone, and counts no further change
                    self._rollback()
                    raise
                finally:
                    self._writing = False

    def _rollback(self) -> None:
        # A full disk or a failed commit may have ended the transaction already.
        if is_in_transaction(self.database):
            self.database.rollback()

    @contextmanager
    def read(self) -> Iterator[None]:
        """Several queries that see one state, without a write in between. Also allowed inside `transaction()`."""
        with self._lock:
            self._reading += 1
            try:
                yield
            finally:
                self._reading -= 1

    @property
    def is_writing(self) -> bool:
        """Whether this thread is inside `transaction()`."""
        # Another thread's transaction holds the lock, so the result is always about the caller.
        with self._lock:
            return self._writing

    def rows(self, query: Any, columns: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a select, as tuples of values of core; `columns` where the select names them as plain SQL.

        The select is one of Peewee's, or a compiled one (statements.cached_select).
        """
        select = query if isinstance(query, CompiledSelect) else compile_select(query)
        with self._lock:
            with self._mapped:
                found = run(self.database, select.text, select.values)
            work = self._conversions.get(select.text)
            if work is None:
                if len(self._conversions) >= KEPT_CONVERSIONS:
                    self._conversions.clear()
                work = self._conversions[select.text] = conversions(select.columns if columns is None else columns)
        return to_core_values(found, work)

    def kept(self, select: CompiledSelect, make: Callable[..., T], columns: Sequence[Any] | None = None) -> list[T]:
        """What `make` builds of each row, kept until a row anywhere changes: most passes find nothing new.

        Of immutable values only. What a transaction has written counts as a change; one that is rolled back forgets.
        """
        with self._lock:
            with self._mapped:
                now = changes_seen(self.database)
            if now != self._kept_at or len(self._kept) >= KEPT_READS:
                self._kept, self._kept_at = {}, now
            key = (select.text, select.values)
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = [make(*row) for row in self.rows(select, columns)]
            return list(found)

    def write(self, query: Any) -> int:
        """Run an insert, update or delete; the new row's id, or the number of rows changed."""
        with self._lock, self._mapped:
            if not self._writing:
                raise RuntimeError("a write outside of a transaction: it would not be durable with its event (I16)")
            is_ours = isinstance(query, CompiledWrite)
            result: int = run_write(self.database, query) if is_ours else query.execute(self.database)
            self._wrote = self._wrote or result > 0
            return result

    def free_bytes(self) -> int:
        """Free space on the database's file system; provisioning is refused below a minimum (F67)."""
        return database_files.free_bytes(self.path)


def _refuse_lost_database(path: Path) -> None:
    """Refuse a write-ahead log without its database: SQLite would silently discard its commits (F69)."""
    wal = path.with_name(path.name + "-wal")
    is_missing = not path.exists() or path.stat().st_size == 0
    if is_missing and wal.exists() and wal.stat().st_size > 0:
        raise Corrupt(f"the database {path} is missing, but its log {wal.name} is there")


def _set_pragmas(database: peewee.SqliteDatabase, pragmas: Sequence[tuple[str, int | str]]) -> None:
    for name, value in pragmas:
        run(database, f"PRAGMA {name} = {value}")
    for name, expected in pragmas:
        rows = run(database, f"PRAGMA {name}")
        if not rows or rows[0][0] != expected:
            raise RuntimeError(f"SQLite does not accept PRAGMA {name} = {expected}: it has {rows}")
