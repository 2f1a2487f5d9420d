"""Make the golden database of the newest schema from that of the schema before: `python -m tests.store.make_golden`.

Only while its migration is not published; afterwards neither changes (I25).
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from gpushopper.store import account_keys, accounts, sessions
from gpushopper.store.database import Store
from gpushopper.store.schema.migrations import MIGRATIONS, newest
from tests.store.samples import NOW, OFFER

GOLDEN = Path(__file__).parent / "golden"
NEW_COLUMNS = {"ssh_user": "ubuntu", "is_running": True, "is_storage_billed": False, "made_by_key": "d1"} | {
    "image": "ubuntu"
}
"""A value for each new column of an attempt, other than its default."""


def make(folder: Path) -> Path:
    """Upgrade the older golden database in a folder, and give one attempt the new columns."""
    version = newest(MIGRATIONS)
    path = Path(shutil.copy(GOLDEN / f"schema-{version - 1}.db", folder / "gpu-shopper.db"))
    store = Store.open(path, now_wall=NOW)
    with store.transaction():
        running = sessions.attempts_of(store, "running1")[0]
        sessions.update_attempt(store, running, **NEW_COLUMNS)
        accounts.record_account(store, "lab", "88", NOW, "vast")
        account_keys.record_key(store, "lab", "88", "d1", "row", NOW)
        (session,) = sessions.find_sessions(store, "name-running1")
        sessions.update_session(store, session, shortlist=(OFFER, *session.shortlist[1:]))
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    path.chmod(0o644)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(make(Path(name)), GOLDEN / f"schema-{newest(MIGRATIONS)}.db")
