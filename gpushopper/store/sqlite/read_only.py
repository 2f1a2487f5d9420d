"""Read what a database says may still bill, and change not a byte: no lock, no upgrade, any schema ever published.

For a check without a daemon. A damaged or foreign file is said to be one, and nothing is repaired.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gpushopper.errors import Misconfigured

_CLOSED = ("closed", "gone")
"""An attempt that has its receipt; `gone` in schemas 1 to 3."""
_WAL = b"\x02\x02"
"""Bytes 18 and 19 of a database with a write-ahead log."""


@dataclass(frozen=True, slots=True)
class Records:
    """What is recorded. Accounts are by their names, with the cloud they were last at; empty where none is stored."""

    accounts: dict[str, str]
    open_sessions: dict[str, list[str]]
    """Names of the sessions that may bill, by account."""
    alarms: list[str]
    """Texts of the alarms that are shown, oldest first."""


def read_records(path: Path) -> Records | None:
    """The records; None where there is no database yet.

    Raises:
        Misconfigured: the file cannot be read, or is no database of ours.
    """
    if not path.exists():
        return None
    try:
        with _opened(path) as database:
            return Records(_accounts(database), _open_sessions(database), _alarms(database))
    except (sqlite3.Error, OSError) as error:
        text = f"the database {path} cannot be read: {error}"
        raise Misconfigured(text, "start the daemon, which sets a damaged one aside", code="database") from None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Without a log beside it nothing changes the file, and none may be made."""
    with path.open("rb") as file:
        has_log_format = file.read(20)[18:20] == _WAL
    is_still = has_log_format and not path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro&immutable=1" if is_still else "mode=ro"
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=5)) as database:
        yield database


def _accounts(database: sqlite3.Connection) -> dict[str, str]:
    columns = {row[1] for row in database.execute("PRAGMA table_info(accounts)")}
    cloud = "cloud" if "cloud" in columns else "''"
    return dict(database.execute(f"SELECT provider, {cloud} FROM accounts ORDER BY recorded_at"))


def _open_sessions(database: sqlite3.Connection) -> dict[str, list[str]]:
    query = """SELECT DISTINCT attempts.provider, sessions.name FROM attempts
        JOIN sessions ON sessions.id = attempts.session_id WHERE attempts.state NOT IN (?, ?) ORDER BY sessions.name"""
    found: dict[str, list[str]] = {}
    for provider, name in database.execute(query, _CLOSED):
        found.setdefault(provider, []).append(name)
    return found


def _alarms(database: sqlite3.Connection) -> list[str]:
    query = "SELECT text FROM alarms WHERE cleared_at IS NULL AND acknowledged_at IS NULL ORDER BY id"
    return [text for (text,) in database.execute(query)]
