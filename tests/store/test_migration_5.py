"""Migration 5 adds what clouds do differently; every older value stays, and each new column has its default (I25)."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from gpushopper.store import account_keys, accounts, sessions
from gpushopper.store.database import Store
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"
OWN_COLUMNS = {"ssh_user": "ubuntu", "is_running": True, "is_storage_billed": False, "made_by_key": "d1"} | {
    "image": "ubuntu"
}
"""What the golden database has in each new column of an attempt."""
DEFAULTS: dict[str, Any] = {"ssh_user": None, "is_running": 0, "is_storage_billed": 1, "made_by_key": ""}


def columns(path: Path) -> dict[str, dict[str, Any]]:
    """The columns of every attempt by its id."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return {row["id"]: dict(row) for row in database.execute("SELECT * FROM attempts")}


def upgraded(home: Path, *, billed: str) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The attempts of a database of schema 4 before and after; the GPU of one of them bills."""
    home.mkdir()
    path = Path(shutil.copy(GOLDEN / "schema-4.db", home / "gpu-shopper.db"))
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE attempts SET is_gpu_billed = (id = ?)", (billed,))
        database.commit()
    before = columns(path)
    Store.open(path, now_wall=NOW).close()
    return before, columns(path)


def test_every_older_column_stays_and_each_new_one_has_its_default(home: Path):
    before, after = upgraded(home, billed="a2")
    assert after == {
        number: {**after[number], **row, **DEFAULTS, "is_running": row["is_gpu_billed"]}
        for number, row in before.items()
    }
    assert [number for number, row in after.items() if row["is_running"]] == ["a2"]


def test_a_session_belongs_to_no_cloud_any_more_and_its_attempts_keep_what_they_run(home: Path):
    home.mkdir()
    path = Path(shutil.copy(GOLDEN / "schema-4.db", home / "gpu-shopper.db"))
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE sessions SET image = 'image of ' || id")
        database.commit()
        where = "SELECT id, session_id, provider, account FROM attempts"
        before = {number: (f"image of {of}", *at) for number, of, *at in database.execute(where)}
    Store.open(path, now_wall=NOW).close()
    with closing(sqlite3.connect(path)) as database:
        names = {row[1] for row in database.execute("PRAGMA table_info(sessions)")}
        after = {row[0]: row[1:] for row in database.execute("SELECT id, image, provider, account FROM attempts")}
    assert not names & {"provider", "account"} and "image" in names
    assert after == before and len(after) > 2


def test_a_database_of_schema_5_still_opens_and_works(home: Path):
    home.mkdir()
    store = Store.open(Path(shutil.copy(GOLDEN / "schema-5.db", home / "gpu-shopper.db")), now_wall=NOW)
    running = sessions.attempts_of(store, "running1")[0]
    assert {name: getattr(running, name) for name in OWN_COLUMNS} == OWN_COLUMNS
    (session,) = sessions.find_sessions(store, "name-running1")
    assert session.shortlist[0].kind is session.shortlist[1].kind is running.offer.kind
    assert (accounts.known_cloud(store, "lab"), accounts.known_cloud(store, "vast")) == ("vast", "")
    assert account_keys.recorded_keys(store, "lab") == [("88", "d1")]
    store.close()
