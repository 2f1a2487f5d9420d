"""Make the golden database of the newest schema from that of the schema before: `python -m tests.store.make_golden`.

Only while its migration is not published; afterwards neither changes (I25).
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from gpushopper.core.model.ends.heartbeat_row import HeartbeatRow
from gpushopper.core.model.ends.run_end import RunEnd, RunEndMode
from gpushopper.store import sessions
from gpushopper.store.database import Store
from gpushopper.store.instances import heartbeats, run_ends
from gpushopper.store.schema.migrations import MIGRATIONS, newest
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"
NEW_COLUMNS = {
    "ending_reason": "idle", "ending_at": NOW + 90_000_000, "ending_heard_at": NOW, "silent_since": NOW + 1,
    "self_ended_at": NOW + 2, "idle_watch": "it has no python3", "is_idle_noted": True,
    "confirmed_limits": "idle=1800", "confirmed_parts": "12/34",
}  # fmt: skip
"""A value for each new column of an attempt, other than its default."""
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


def make(folder: Path) -> Path:
    """Upgrade the older golden database in a folder, and give one session and one attempt the new columns."""
    version = newest(MIGRATIONS)
    path = Path(shutil.copy(GOLDEN / f"schema-{version - 1}.db", folder / "gpu-shopper.db"))
    store = Store.open(path, now_wall=NOW)
    with store.transaction():
        running = sessions.attempts_of(store, "running1")[0]
        sessions.update_attempt(store, running, **NEW_COLUMNS)
        (session,) = sessions.find_sessions(store, "name-running1")
        sessions.update_session(store, session, **NEW_SESSION_COLUMNS)
        run_ends.allow_run_end(store, RUN_END)
        heartbeats.add(store, HEARTBEATS)
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    path.chmod(0o644)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(make(Path(name)), GOLDEN / f"schema-{newest(MIGRATIONS)}.db")
