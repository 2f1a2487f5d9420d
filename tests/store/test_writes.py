"""Our inserts and updates write what Peewee's would, for each kind of column."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.store import sessions
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AttemptRow, EventRow, HeartbeatRow
from gpushopper.store.sqlite.statements import run
from gpushopper.store.sqlite.writes import insert, update
from tests.store.samples import attempt, session

ATTEMPT = attempt()


def stored(store: Store, table: str) -> list[tuple[object, ...]]:
    return run(store.database, f'SELECT * FROM "{table}"')


@pytest.fixture
def filled(store: Store) -> Store:
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, ATTEMPT)
    return store


def test_a_row_is_stored_as_peewee_stores_it(store: Store):
    line = {"at": 1, "kind": "x", "session_id": None, "attempt_id": "a", "text": "lone \ud800", "data": {"b": [1]}}
    with store.transaction():
        first = store.write(insert(EventRow, line))
        second = store.write(EventRow.insert(**line))
    ours, theirs = stored(store, "events")
    assert (first, second) == (ours[0], theirs[0])
    assert ours[1:] == theirs[1:]


def test_an_update_stores_what_peewee_would_and_tells_how_many_rows_it_changed(filled: Store):
    changes = {"state": State.SENT, "sent_at": 5, "settle_elapsed_us": 5, "version": 1}
    with filled.transaction():
        assert filled.write(update(AttemptRow, changes, {"id": ATTEMPT.id, "state": State.RUNNING})) == 0
        assert filled.write(update(AttemptRow, changes, {"id": ATTEMPT.id, "state": ATTEMPT.state})) == 1
    (found,) = sessions.load_attempts(filled)
    assert found == replace(ATTEMPT, **changes)


def test_a_row_replaces_the_one_with_its_key(filled: Store):
    line = {
        "attempt_id": ATTEMPT.id, "at": 1, "answered": True, "gpu_load": 1, "gpu_memory_mb": 1, "cpu_milli": 1,
        "network_bps": 1, "idle_s": 1, "in_use": False,
    }  # fmt: skip
    with filled.transaction():
        for load in (1, 2):
            filled.write(insert(HeartbeatRow, {**line, "gpu_load": load}, replaces=True))
    (row,) = stored(filled, "heartbeats")
    assert 2 in row


def test_what_an_undone_transaction_has_read_is_forgotten(filled: Store):
    """Within it a read shows what it wrote; after it, what was there before, though SQLite counts no further change."""
    changes = {"state": State.SENT, "sent_at": 5}
    with pytest.raises(RuntimeError, match="undo"), filled.transaction():
        sessions.update_attempt(filled, ATTEMPT, **changes)
        assert [each.state for each in sessions.load_attempts(filled)] == [State.SENT]
        raise RuntimeError("undo")
    assert sessions.load_attempts(filled) == [ATTEMPT]
