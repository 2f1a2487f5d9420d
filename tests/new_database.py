"""A new database that is ready to be opened: its schema is made once per process, and copied from then on.

Making it takes longer than all else of a simulated world. How it is made is tested in tests/store.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from gpushopper.store.database import Store


def lay_down(path: Path) -> None:
    """Write an empty database with the schema of now, unless there is one."""
    if not path.exists():
        path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        Store.open(path, now_wall=0).close()
        return path.read_bytes()
