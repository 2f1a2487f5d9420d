"""Make the golden database of the newest schema from that of the schema before: `python -m tests.store.make_golden`.

Only while its migration is not published; afterwards neither changes (I25).
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from gpushopper.store.database import Store
from gpushopper.store.schema.migrations import MIGRATIONS, newest
from gpushopper.store.schema.tables import (
    AlertRow,
    BalanceRow,
    BillRow,
    BudgetRow,
    ConsumerRow,
    RollupRow,
    SentItemRow,
    SessionTagRow,
)
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"
NEW_ROWS = {
    ConsumerRow: [{"name": "team-a", "created_at": NOW, "renamed_to": "me"}],
    SessionTagRow: [{"session_id": "running1", "key": "paper", "value": "neurips"}],
    RollupRow: [
        {"span": "month", "start_at": NOW, "attempt_id": "a2", "kind": "gpu", "micros": 700},
        {"span": "day", "start_at": NOW, "attempt_id": "a2", "kind": "storage", "micros": -20},
    ],
    BudgetRow: [
        {"name": "lab", "scope_kind": "all", "scope": "", "daily": None, "monthly": 50_000_000, "session": 0,
         "at_80": "warn", "at_100": "refuse", "created_at": NOW, "changed_at": NOW + 1},
    ],
    AlertRow: [
        {"id": 3, "event_id": 1, "channel": "phone", "state": "waiting", "tries": 2, "problem": "no answer",
         "done_at": None},
        {"id": 4, "event_id": 1, "channel": "lab", "state": "delivered", "tries": 1, "problem": "", "done_at": NOW},
    ],
    BillRow: [
        {"attempt_id": "a2", "gpu": 700, "storage": 20, "traffic": 3, "other": 0, "until_at": None, "read_at": NOW},
    ],
    BalanceRow: [{"provider": "vast", "account": "77", "at": NOW, "balance": -5}],
    SentItemRow: [
        {"id": 1, "attempt_id": "a2", "at": NOW, "kind": "file", "means": "cp", "name": "/data", "target": "/root"},
    ],
}  # fmt: skip
"""Rows of the tables and columns that the newest migration adds."""


def make(folder: Path) -> Path:
    """Upgrade the older golden database in a folder, and give it rows of what is new."""
    version = newest(MIGRATIONS)
    path = Path(shutil.copy(GOLDEN / f"schema-{version - 1}.db", folder / "gpu-shopper.db"))
    store = Store.open(path, now_wall=NOW)
    with store.transaction():
        for row, rows in NEW_ROWS.items():
            store.write(row.insert_many(rows))
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    path.chmod(0o644)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(make(Path(name)), GOLDEN / f"schema-{newest(MIGRATIONS)}.db")
