"""Jobs of `backup` that need neither the daemon nor its lock: list the backups, make one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpushopper.clock import SystemClock
from gpushopper.errors import NotFound, UsageError
from gpushopper.paths import Home
from gpushopper.store.sqlite.backups import Backup, back_up_now, backups, copy


def list_backups(home: Home, _arguments: Sequence[str]) -> dict[str, Any]:
    """Every backup in the home, the newest first."""
    return {"backups": [_row(one) for one in backups(home.database)]}


def make_backup(home: Home, arguments: Sequence[str]) -> dict[str, Any]:
    """A copy of the records as they are now: in the file that is named, else among the daily ones.

    Raises:
        NotFound: there are no records yet.
        UsageError: the file exists.
        DiskFull, Misconfigured: it cannot be written.
    """
    if not home.database.exists():
        raise NotFound("there is nothing to back up yet", "the records begin with: gpu-shopper daemon start")
    if arguments:
        target = Path(arguments[0])
        if target.exists():
            raise UsageError(f"{target} exists", "name a file that does not exist yet")
        copy(home.database, target)
    else:
        target = back_up_now(home.database, SystemClock(home.clock_offset).now().wall)
    return {"path": str(target), "size_bytes": target.stat().st_size}


def _row(one: Backup) -> dict[str, Any]:
    kind = "daily" if one.is_daily else "upgrade"
    size = one.path.stat().st_size
    return {"name": one.path.name, "made_at": one.made_at, "kind": kind, "size_bytes": size, "path": str(one.path)}
