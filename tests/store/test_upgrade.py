"""Old databases open, newer ones are refused, and an upgrade is atomic (I25)."""

from __future__ import annotations

import shutil
from pathlib import Path

import peewee
import pytest

from gpushopper.errors import Misconfigured
from gpushopper.store import alarms, events, idempotency, ledger, sessions
from gpushopper.store.database import Corrupt, Store
from gpushopper.store.schema.migrations import FIRST, MIGRATIONS, Migration, newest
from gpushopper.store.schema.tables import TABLES
from gpushopper.store.schema.triggers import schema_objects
from gpushopper.store.sqlite.statements import run
from tests.store.samples import NOW, Killed, killed_at, raw, schema

GOLDEN = Path(__file__).parent / "golden"
NEXT = Migration(
    newest(MIGRATIONS) + 1,
    "next schema",
    (
        "ALTER TABLE attempts ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'",
        "UPDATE attempts SET label = label || '-new'",  # a trigger forbids it; an upgrade may have to
        "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT",
        "UPDATE meta SET value = 'migrated' WHERE key = 'marker'",
    ),
)
LATER = (*MIGRATIONS, NEXT)


def golden(home: Path, version: int) -> Path:
    home.mkdir()
    return Path(shutil.copy(GOLDEN / f"schema-{version}.db", home / "gpu-shopper.db"))


def contents(path: Path) -> list[object]:
    database = peewee.SqliteDatabase(str(path))
    tables = [name for name, sql in schema(path).items() if sql.startswith("CREATE TABLE")]
    try:
        return [run(database, "PRAGMA user_version")] + [
            (table, run(database, f"SELECT * FROM {table} ORDER BY 1")) for table in sorted(tables)
        ]
    finally:
        database.close()


# ---- golden files


def test_every_schema_has_its_golden_file():
    assert sorted(path.name for path in GOLDEN.glob("*.db")) == [f"schema-{m.version}.db" for m in MIGRATIONS]


def test_a_published_schema_is_never_edited():
    """Change it by a new migration: the old one has already run on somebody's computer."""
    stored = schema(GOLDEN / "schema-1.db")
    assert {
        " ".join(sql.split()) for sql in stored.values() if not sql.startswith(("CREATE TRIGGER", "CREATE VIEW"))
    } - {"CREATE TABLE sqlite_sequence(name,seq)"} == {" ".join(statement.split()) for statement in FIRST}


def test_a_database_of_schema_1_still_opens_and_works(home: Path):
    store = Store.open(golden(home, 1), now_wall=NOW)
    statuses = dict(raw(store, "SELECT session_id, status FROM session_status"))
    assert statuses == {
        "pending1": "pending", "running1": "running", "stopping1": "stopping", "failed1": "failed"
    }  # fmt: skip
    running = sessions.attempts_of(store, "running1")[0]
    assert (running.instance_id, running.offer.gpu, running.deadline.boot_id) == ("i-a2", "RTX 4090", "boot-1")
    assert sessions.find_sessions(store, "name-running1")[0].shortlist[1].reliability == 0.994
    assert ledger.totals_by_attempt(store) == {"a2": {"gpu": 700, "storage": 20}}
    assert [event.data for event in events.after(store, 0)] == [{"from": "prepared"}, {}]
    assert [alarm.kind for alarm in alarms.open_alarms(store)] == ["destroy_slow"]
    assert idempotency.load_response(store, "key-1") == idempotency.StoredResponse(
        "POST", "/sessions", "digest", 202, "{}"
    )
    with store.transaction():
        sessions.update_attempt(store, running, progress="later")
    store.close()


def test_a_database_of_schema_2_still_opens_and_works(home: Path):
    store = Store.open(golden(home, 2), now_wall=NOW)
    running = sessions.attempts_of(store, "running1")[0]
    assert (running.probe_error, running.guard_renewal_seq, running.guard_deadline_at) == ("connection refused", 7, NOW)
    found = sessions.find_sessions(store, "name-running1")[0]
    assert (found.environment, found.allow_unguarded, found.image_login) == ((("TEAM", "alpha"),), True, "")
    assert found.allow_broken_guard  # one flag accepted both until then
    store.close()


def test_a_database_of_schema_3_still_opens_and_works(home: Path):
    store = Store.open(golden(home, 3), now_wall=NOW)
    found = {session.id: session.image_login for session in sessions.load_sessions(store)}
    assert found == {"pending1": "", "running1": "ghcr.io", "stopping1": "", "failed1": ""}
    store.close()


# ---- the schema itself


def test_models_and_tables_agree(store: Store):
    for row in TABLES:
        table = row._meta.table_name
        info = run(store.database, f"PRAGMA table_info({table})")
        nullable = {name for _, name, _, not_null, _, _ in info if not not_null}
        assert [c[1] for c in info] == [f.column_name for f in row._meta.sorted_fields], table
        assert nullable == {f.column_name for f in row._meta.sorted_fields if f.null}, table


def test_every_table_is_strict(store: Store):
    tables = run(store.database, "PRAGMA table_list")
    assert {name for _, name, kind, _, _, strict in tables if kind == "table" and not strict} <= {
        "sqlite_sequence", "sqlite_schema", "sqlite_temp_schema"
    }  # fmt: skip


def test_migrations_are_numbered_in_order_and_recorded(home: Path):
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    made = Store.open(home / "gpu-shopper.db", now_wall=NOW)
    assert run(made.database, "SELECT * FROM migrations") == [(m.version, m.name, NOW) for m in MIGRATIONS]
    made.close()


# ---- upgrading


def test_a_newer_schema_is_refused_and_untouched(home: Path, store: Store):
    run(store.database, "PRAGMA user_version = 99")
    store.close()
    before = (home / "gpu-shopper.db").read_bytes()
    with pytest.raises(Misconfigured) as refused:
        Store.open(home / "gpu-shopper.db", now_wall=NOW)
    assert (refused.value.code, refused.value.exit_code) == ("schema_newer", 4)
    assert refused.value.hint
    assert (home / "gpu-shopper.db").read_bytes() == before


WRONG_SCHEMAS = {
    "forced to 0": "PRAGMA user_version = 0",
    "forced older": f"PRAGMA user_version = {newest(MIGRATIONS) - 1}",
    "below zero": "PRAGMA user_version = -5",
    "a step not recorded": f"DELETE FROM migrations WHERE version = {newest(MIGRATIONS)}",
    "a step of a newer program": "INSERT INTO migrations VALUES (98, 'later', 1)",
    "no record of steps": "DROP TABLE migrations",
    "a record of another form": "ALTER TABLE migrations RENAME COLUMN version TO number",
    "a table is missing": "DROP TABLE idempotency_keys",
    "a column is missing": "ALTER TABLE attempts DROP COLUMN guard_deadline_at",
}


@pytest.mark.parametrize("statement", WRONG_SCHEMAS.values(), ids=WRONG_SCHEMAS.keys())
def test_a_schema_number_that_the_tables_contradict_is_refused_and_untouched(home: Path, store: Store, statement: str):
    run(store.database, statement)
    assert_refused(home, store)


def test_a_foreign_database_is_refused_and_untouched(home: Path):
    home.mkdir()
    other = peewee.SqliteDatabase(str(home / "gpu-shopper.db"))
    run(other, "CREATE TABLE recipes (name TEXT)")
    assert_refused(home, other)


def assert_refused(home: Path, opened: Store | peewee.SqliteDatabase) -> None:
    opened.close()
    path = home / "gpu-shopper.db"
    before = path.read_bytes()
    with pytest.raises(Misconfigured) as refused:
        Store.open(path, now_wall=NOW)
    assert (refused.value.code, refused.value.exit_code) == ("schema_mismatch", 4)
    assert str(path) in refused.value.message and "backups" in refused.value.hint
    assert path.read_bytes() == before
    assert not (home / "backups").exists()


def test_an_upgrade_makes_a_backup_first(home: Path):
    path = golden(home, 1)
    before = contents(path)
    store = Store.open(path, now_wall=NOW, migrations=LATER)
    assert run(store.database, "SELECT DISTINCT colour FROM attempts") == [("grey",)]
    with pytest.raises(peewee.IntegrityError):
        raw(store, "UPDATE attempts SET label = 'x'")
    assert run(store.database, "PRAGMA foreign_keys") == [(1,)]
    store.close()
    (copy,) = (home / "backups").iterdir()
    assert copy.name == "gpu-shopper-20260528T202640Z-schema1.db"
    assert contents(copy) == before
    Store.open(path, now_wall=NOW, migrations=LATER).close()
    assert len(list((home / "backups").iterdir())) == 1, "only an upgrade makes one"


EVERY = pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.proofs)])
"""A kill at every fourth statement, at each of them as a proof."""


@EVERY
def test_a_kill_at_any_statement_of_the_first_opening_leaves_a_database_that_opens(home: Path, every: int):
    for step in range(1, 500, every):
        path = home / str(step) / "gpu-shopper.db"
        try:
            Store.open(path, now_wall=NOW, database_class=killed_at(step)).close()
        except Killed:
            assert set(schema(path)) - {"sqlite_sequence"} in (set(), names_when_whole(home))
            Store.open(path, now_wall=NOW).close()
            assert set(schema(path)) - {"sqlite_sequence"} == names_when_whole(home)
        else:
            break
    assert step > len(FIRST) + len(schema_objects())


def names_when_whole(home: Path) -> set[str]:
    path = home / "whole" / "gpu-shopper.db"
    if not path.exists():
        Store.open(path, now_wall=NOW).close()
    return set(schema(path)) - {"sqlite_sequence"}


@EVERY
def test_a_kill_at_any_statement_of_an_upgrade_rolls_it_back(home: Path, every: int):
    source = GOLDEN / "schema-1.db"
    old, done = contents(source), contents(upgraded(home / "done"))
    outcomes = []
    for step in range(1, 500, every):
        folder = home / str(step)
        folder.mkdir(parents=True)
        path = Path(shutil.copy(source, folder / "gpu-shopper.db"))
        try:
            Store.open(path, now_wall=NOW, migrations=LATER, database_class=killed_at(step)).close()
        except Killed:
            outcomes.append(contents(path) == done)
            assert outcomes[-1] or contents(path) == old
            Store.open(path, now_wall=NOW, migrations=LATER).close()
            assert contents(path) == done
        else:
            break
    assert outcomes == sorted(outcomes), "first all old, then all new"
    assert outcomes.count(False) * every > len(NEXT.statements) + 2 * len(schema_objects())


def upgraded(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = Path(shutil.copy(GOLDEN / "schema-1.db", folder / "gpu-shopper.db"))
    Store.open(path, now_wall=NOW, migrations=LATER).close()
    return path


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE TABLE attempts (id INTEGER)", peewee.OperationalError),
        ("INSERT INTO ledger VALUES (9, 'nobody', 'gpu', 1, 2, 3, 0, '')", Corrupt),
    ],
)
def test_a_migration_that_fails_changes_nothing(home: Path, statement: str, error: type[Exception]):
    path = golden(home, 1)
    before = contents(path)
    broken = (*MIGRATIONS, Migration(NEXT.version, "broken", (*NEXT.statements, statement)))
    with pytest.raises(error):
        Store.open(path, now_wall=NOW, migrations=broken)
    assert contents(path) == before
    Store.open(path, now_wall=NOW).close()


def test_triggers_that_differ_from_the_code_are_created_again(home: Path, store: Store):
    raw(store, "DROP TRIGGER attempts_transition")
    raw(store, "DROP VIEW session_status")
    raw(store, "CREATE VIEW session_status AS SELECT 1")
    raw(store, "CREATE TRIGGER old_rule BEFORE DELETE ON meta BEGIN SELECT RAISE(ABORT, 'old'); END")
    store.close()
    again = Store.open(home / "gpu-shopper.db", now_wall=NOW)
    expected = schema_objects()
    found = {name: sql for name, sql in schema(home / "gpu-shopper.db").items() if name in expected or "old" in name}
    assert found == expected
    again.close()
    assert not (home / "backups").exists()
