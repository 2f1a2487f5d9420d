"""Put a backup in the place of the database; what it says of living sessions is old, and is treated so (F50, D12).

What has happened since then is not in it. Instances that were rented since are found on the accounts by their labels
and adopted; a deadline may have been moved, so none is reached within the first hour; an end that an instance
announced may have been withdrawn, so it is forgotten until it is heard again. A create that waits to be sent in the
backup may have been sent: it counts as sent, and its label tells. A session that still lacked its instance may have
been ended by its user: nothing further is rented for it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gpushopper.core.alarms import DATABASE_REBUILT
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.money import cost_over
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.core.timing.restored import restored_deadline
from gpushopper.daemon.backup.row_repair import raise_alarm, repair_rows
from gpushopper.errors import Misconfigured, NotFound
from gpushopper.paths import Home
from gpushopper.private_files import FOLDER_MODE, sync
from gpushopper.store import events, installation, sessions
from gpushopper.store.database import Corrupt, Store, quarantine
from gpushopper.store.meta import get_meta
from gpushopper.store.outbox import alerts as outbox
from gpushopper.store.sqlite.backups import Backup, backups, copy
from gpushopper.store.sqlite.database_files import file_error, free_name, sidecar_files, timestamp

HINT = (
    "what happened and was spent since then is not in it; look at the deadlines: gpu-shopper ls; "
    "and at: gpu-shopper audit"
)

_log = structlog.get_logger(__name__)


class NoBackup(Misconfigured):
    """The file is no backup of this home that can be used; another one may be."""

    code = "no_backup"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. `replaced` is where the former database is kept; None where there was none."""

    source: Path
    replaced: Path | None
    open_sessions: tuple[str, ...]
    """Names of the sessions that may bill."""


def restore(home: Home, source: Path, now: ClockSnapshot) -> Restored:
    """Put a backup in the place of the database. The caller holds the home's lock.

    Interrupted at any moment it leaves the former database in its place, or the restored one, whole.

    Raises:
        NotFound: there is no such file.
        Misconfigured: it is no backup of this home, or a newer program wrote it; nothing was changed.
        DiskFull: no space for a second copy; nothing was changed.
    """
    if not source.is_file():
        raise NotFound(f"there is no file {source}", "see: gpu-shopper backup")
    text = f"the records were restored from {source.name}"
    with _prepared(home, source, now, text) as (copied, names):
        replaced = _set_aside(home.database, now.wall)
        _put_in_place(copied, home.database)
    return Restored(source, replaced, names)


def restore_newest(home: Home, now: ClockSnapshot, text: str) -> Backup | None:
    """Put the newest backup that is whole in the place of a database that is damaged or missing; None for none.

    `text` begins the alarm, for instance `the database was damaged`. Interrupted before the copy is complete, it leaves
    the damaged database where it is: the next start tries again. One dated in the future was made while a clock was
    wrong, and is tried last.
    """
    found = backups(home.database)
    for backup in sorted(found, key=lambda each: each.made_at > now.wall):
        said = f"{text}; in its place is the backup {backup.path.name}"
        try:
            with _prepared(home, backup.path, now, said) as (copied, _):
                _quarantine_present(home.database, now.wall)
                _put_in_place(copied, home.database)
        except NoBackup as error:
            _log.error("backup not usable", path=str(backup.path), text=error.message)
        else:
            return backup
    return None


@contextmanager
def _prepared(home: Home, source: Path, now: ClockSnapshot, text: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A checked and upgraded copy, ready to take the place of the database, and the names of its open sessions."""
    folder = home.data / "restoring"
    shutil.rmtree(folder, ignore_errors=True)  # of one that was interrupted
    copied = folder / home.database.name
    try:
        folder.mkdir(mode=FOLDER_MODE)
        copy(source.absolute(), copied)
        with closing(Store.open(copied, now_wall=now.wall)) as store:
            _check_owner(home, store, source)
            with store.transaction():
                cursor = events.last_id(store)
                repair_rows(store, now.wall)
                names = _settle(store, now)
                _tell(store, now.wall, text, source)
                outbox.set_cursor(store, cursor)  # what the backup has told is not told again
        yield copied, names
    except Corrupt as damage:
        raise NoBackup(f"{source} is no whole database", "try another, see: gpu-shopper backup") from damage
    except Misconfigured as error:
        if error.code not in ("schema_newer", "schema_mismatch"):
            raise
        raise NoBackup(error.message.replace(str(copied), str(source)), error.hint, code=error.code) from error
    except OSError as error:
        raise file_error(copied, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_owner(home: Home, store: Store, source: Path) -> None:
    """Labels carry the id of the installation: with the records of another one, no instance would be recognised."""
    own, its = installation.id_beside(home), get_meta(store, installation.KEY)
    if its is None:
        raise NoBackup(f"{source} is no backup of GPU Shopper's records", "see: gpu-shopper backup")
    if own is not None and own != its:
        raise NoBackup(
            f"{source} belongs to another installation ({its}; this one is {own})",
            "restore it in its own home, see: gpu-shopper help environment",
            code="other_installation",
        )


def _settle(store: Store, now: ClockSnapshot) -> tuple[str, ...]:
    """Take what the backup says of open sessions and their attempts for old; the names of those that may bill."""
    living: dict[str, list[Attempt]] = {}
    for attempt in sessions.load_attempts(store):
        fields = _as_of_now(attempt, now) if attempt.is_wanted else {}
        living.setdefault(attempt.session_id, []).append(sessions.update_attempt(store, attempt, **fields))
    open_sessions = sessions.load_sessions(store, open_only=True)
    for session in open_sessions:
        sessions.update_session(store, session, **_without_further_attempts(session, living.get(session.id, [])))
    return tuple(sorted(session.name for session in open_sessions if session.id in living))


def _without_further_attempts(session: Session, living: Sequence[Attempt]) -> dict[str, Any]:
    """What changes in a session: nothing more is rented for it, and without an attempt it is over.

    Its user may have ended it since.
    """
    changes: dict[str, Any] = {"retries_left": 0}
    if session.deadline_at is not None:
        changes |= {"deadline_at": max([session.deadline_at, *(one.deadline.wall for one in living if one.is_wanted)])}
    if session.desired_state is DesiredState.RUNNING and not living:
        changes |= {"desired_state": DesiredState.TERMINATED, "reason": "request_expired"}
    return changes


def _as_of_now(attempt: Attempt, now: ClockSnapshot) -> dict[str, Any]:
    """What changes in a wanted attempt: no end was heard, it may have been sent, its deadline and reserve."""
    fields: dict[str, Any] = {"ending_reason": "", "ending_at": None, "ending_heard_at": None, "silent_since": None}
    if attempt.state is State.PREPARED:
        fields |= {"state": State.SENT, "sent_at": attempt.prepared_at, "billed_until": attempt.prepared_at}
    deadline = restored_deadline(attempt.deadline, attempt.hard_max_at, now)
    if deadline != attempt.deadline:
        rate = max(attempt.agreed_rate, attempt.current_rate or 0)
        fields |= {"deadline": deadline}
        fields |= {"reserve": attempt.reserve + cost_over(rate, deadline.wall - attempt.deadline.wall)}
    return fields


def _tell(store: Store, now_wall: int, text: str, source: Path) -> None:
    """An alarm that stays until it is acknowledged, with its event."""
    events.set_database_id(store, secrets.token_hex(8))  # the audit log begins anew: ids of its events come twice
    raise_alarm(store, now_wall, DATABASE_REBUILT, "database", text, HINT, {"backup": source.name})


def _quarantine_present(path: Path, now_wall: int) -> None:
    if any(file.exists() for file in (path, *sidecar_files(path))):
        quarantine(path, now_wall)


def _set_aside(path: Path, now_wall: int) -> Path | None:
    """Keep the present database under another name, in one file and still in place; a damaged one is moved away."""
    if not path.exists():
        return None
    try:
        Store.open(path, now_wall=now_wall).close()  # merges its log
    except Misconfigured as error:
        _log.warning("the database cannot be used", text=error.message)
        return quarantine(path, now_wall)
    if any(file.exists() for file in sidecar_files(path)):
        return quarantine(path, now_wall)  # a program reads it: its log must not be taken for that of another file
    kept = free_name(path.with_name(f"{path.name}.replaced-{timestamp(now_wall)}"))
    os.link(path, kept)
    return kept


def _put_in_place(copied: Path, path: Path) -> None:
    os.replace(copied, path)
    sync(path.parent)
