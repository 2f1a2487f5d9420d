"""Migration 9 adds when a session was compacted: none was before, and nothing else changes (I25)."""

from __future__ import annotations

from pathlib import Path

from gpushopper.store import events, ledger, sessions
from tests.store.make_golden import COMPACTED_AT
from tests.store.samples import raw
from tests.store.test_migration_8 import opened

COUNT = "SELECT count(*) FROM compaction"


def test_no_session_of_before_was_compacted_and_none_is_being(home: Path):
    store = opened(home, 8)
    assert set(raw(store, "SELECT compacted_at FROM sessions")) == {(None,)}
    assert raw(store, COUNT) == [(0,)]
    assert len(sessions.load_sessions(store)) == 4 and ledger.entries_of(store, "a2") and events.after(store, 0)
    store.close()


def test_a_database_of_schema_9_still_opens_and_works(home: Path):
    store = opened(home, 9)
    found = dict(raw(store, "SELECT id, compacted_at FROM sessions"))
    assert found["stopping1"] == COMPACTED_AT and found["running1"] is None
    store.close()
