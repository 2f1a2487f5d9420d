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
from gpushopper.store.schema.tables import SessionRow
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"
COMPACTED_AT = NOW + 1
"""When the session `stopping1` has been compacted, as far as the file says."""


def make(folder: Path) -> Path:
    """Upgrade the older golden database in a folder, and give it rows of what is new."""
    version = newest(MIGRATIONS)
    path = Path(shutil.copy(GOLDEN / f"schema-{version - 1}.db", folder / "gpu-shopper.db"))
    store = Store.open(path, now_wall=NOW)
    with store.transaction():
        store.write(SessionRow.update(compacted_at=COMPACTED_AT).where(SessionRow.id == "stopping1"))
    store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("VACUUM")
    path.chmod(0o644)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(make(Path(name)), GOLDEN / f"schema-{newest(MIGRATIONS)}.db")
