"""Migration 6 adds early ends: nothing older may end early, and every new value is read as it was written (I25)."""

from __future__ import annotations

import shutil
from pathlib import Path

from gpushopper.store import sessions
from gpushopper.store.database import Store
from gpushopper.store.instances import heartbeats, run_ends
from tests.store.make_golden import HEARTBEATS, NEW_COLUMNS, NEW_SESSION_COLUMNS, RUN_END
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"


def opened(home: Path, version: int) -> Store:
    home.mkdir()
    return Store.open(Path(shutil.copy(GOLDEN / f"schema-{version}.db", home / "gpu-shopper.db")), now_wall=NOW)


def test_sessions_of_before_allow_no_early_end(home: Path):
    store = opened(home, 5)
    for session in sessions.load_sessions(store):
        assert (session.idle_us, session.contact_us, session.hold_us, session.pulls) == (None, None, None, ())
        assert run_ends.run_ends_of(store, session.id) == ()
    for attempt in sessions.load_attempts(store, open_only=False):
        assert (attempt.ending_reason, attempt.ending_at, attempt.self_ended_at) == ("", None, None)
        assert heartbeats.history(store, attempt.id, 0) == []
    store.close()


def test_a_database_of_schema_6_still_opens_and_works(home: Path):
    store = opened(home, 6)
    running = sessions.attempts_of(store, "running1")[0]
    (session,) = sessions.find_sessions(store, "name-running1")
    assert {name: getattr(running, name) for name in NEW_COLUMNS} == NEW_COLUMNS
    assert {name: getattr(session, name) for name in NEW_SESSION_COLUMNS} == NEW_SESSION_COLUMNS
    assert run_ends.run_ends_of(store, "running1") == (RUN_END,)
    assert heartbeats.history(store, running.id, 0) == list(HEARTBEATS)
    store.close()
