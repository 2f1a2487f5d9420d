"""Migration 6 adds early ends: nothing older may end early, and every new value is read as it was written (I25)."""

from __future__ import annotations

import shutil
from pathlib import Path

from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.store import sessions
from gpushopper.store.database import Store
from gpushopper.store.instances import heartbeats, run_ends
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"
NEW_COLUMNS = {
    "ending_reason": "idle", "ending_at": NOW + 90_000_000, "ending_heard_at": NOW, "silent_since": NOW + 1,
    "self_ended_at": NOW + 2, "idle_watch": "it has no python3", "is_idle_noted": True,
    "confirmed_limits": "idle=1800", "confirmed_parts": "12/34",
}  # fmt: skip
"""What the golden database has in each new column of an attempt."""
NEW_SESSION_COLUMNS = {
    "idle_us": 1_800_000_000, "idle_when": "gpu", "contact_us": 4, "disuse_us": 3, "hold_us": 2, "land_for_us": 1,
    "before_end": "sync", "pulls": (("/root/out", "out"),), "pull_max": 7, "landing": "idle",
    "landing_at": NOW, "pulled_at": NOW + 5, "pull_problem": "no room", "warned_at": NOW + 6,
}  # fmt: skip
RUN_END = RunEnd("running1", "r1", RunEndMode.SUCCESS, True, NOW, 7_200_000_000)
HEARTBEATS = (
    HeartbeatRow("a2", NOW, True, 97, 20_000, 1500, 12, 0, 3),
    HeartbeatRow("a2", NOW + 30_000_000, False),
)


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
