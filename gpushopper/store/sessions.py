"""The `sessions` and `attempts` tables: insert, find, update under optimistic locking (I16, F71)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from peewee import SQL, fn

from gpushopper.core.model.attempt import Attempt, DesiredState, Origin, ReceiptKind, State
from gpushopper.core.model.session import Session
from gpushopper.errors import UsageError
from gpushopper.store.consumers import ensure_consumer
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import AttemptRow, SessionRow
from gpushopper.store.sqlite.error_mapping import Stale
from gpushopper.store.sqlite.statements import IN_LIST_SIZE, CompiledSelect, cached_select
from gpushopper.store.sqlite.writes import insert, update

T = TypeVar("T")
_ATTEMPT_NAMES = tuple(f.name for f in fields(Attempt))
_SESSION_NAMES = tuple(f.name for f in fields(Session))
_SESSION_COLUMNS = [getattr(SessionRow, name) for name in _SESSION_NAMES]
_ATTEMPT_COLUMNS = [getattr(AttemptRow, name) for name in _ATTEMPT_NAMES]
# Precomputed: Peewee takes 4 ms to render forty columns, and the engine selects them on every step.
_SESSION_SQL, _ATTEMPT_SQL = (
    SQL(", ".join(f'"t1"."{name}"' for name in names)) for names in (_SESSION_NAMES, _ATTEMPT_NAMES)
)
_NOT_CLOSED = AttemptRow.state != SQL(f"'{State.CLOSED}'")
"""Literally as in the index `attempts_open`: with a value that is bound, SQLite would plan the select anew each time it
runs, which takes ten times as long as running it."""
_RESET_VALUES: dict[str, Any] = {
    **{name: None for name in _ATTEMPT_NAMES if name.endswith("_boot")},
    "settle_elapsed_us": 0,
    "absence_count": 0,
}


# ---- sessions


def insert_session(store: Store, session: Session) -> None:
    """Write a new session, and its consumer when it is the first of it.

    Raises:
        UsageError: an open session has this name.
    """
    if _named(store, session.name, _is_open()):
        raise UsageError(
            f"an open session is already called {session.name}", "choose another --name", code="name_taken"
        )
    ensure_consumer(store, session.consumer, session.created_at)
    store.write(insert(SessionRow, _columns(session, _SESSION_NAMES)))


def load_session(store: Store, session_id: str) -> Session | None:
    """One session by its id."""
    return _first(_sessions(store, _session_of(session_id)))


def load_sessions_by_id(store: Store, ids: Sequence[str]) -> list[Session]:
    """The sessions with these ids."""
    chunks = (ids[start : start + IN_LIST_SIZE] for start in range(0, len(ids), IN_LIST_SIZE))
    return [session for chunk in chunks for session in _sessions(store, _sessions_with(tuple(chunk)))]


def find_sessions(store: Store, ref: str) -> list[Session]:
    """The sessions a name or id may mean: the exact match, else all with this prefix.

    More than one means ambiguous. Where open sessions match, closed ones are left out.
    """
    found = find_exactly(store, ref)
    if found or not ref:
        return found
    begins = (fn.SUBSTR(SessionRow.id, 1, len(ref)) == ref) | (fn.SUBSTR(SessionRow.name, 1, len(ref)) == ref)
    query = _select_sessions().where(begins)
    return _sessions(store, query.where(_is_open())) or _sessions(store, query)


def find_exactly(store: Store, ref: str) -> list[Session]:
    """The session with this id, else the open one of this name, else the newest of this name."""
    exact = load_session(store, ref)
    return [exact] if exact else _named(store, ref, _is_open()) or _named(store, ref)[:1]


def load_sessions(store: Store, *, open_only: bool = False, consumer: str | None = None) -> list[Session]:
    """All sessions in order of creation; open means: desired running, or with an attempt that is not closed."""
    return _sessions(store, _sessions_of(open_only, consumer))


def landing_sessions(store: Store) -> list[Session]:
    """The sessions whose results are to be brought home and are not here yet."""
    return _sessions(store, _landing_sessions())


def update_session(store: Store, session: Session, **changes: Any) -> Session:
    """Change columns of the row as it was read.

    Raises:
        Stale: the row has changed since.
    """
    _refuse_keys(changes)
    if not changes:
        return session
    changes = {**changes, "version": session.version + 1}
    if not store.write(update(SessionRow, changes, {"id": session.id, "version": session.version})):
        raise Stale("session", session.id)
    return replace(session, **changes)


# ---- attempts


def insert_attempt(store: Store, attempt: Attempt) -> None:
    """Write a new attempt; its label, account and later its instance id are never changed again (I4)."""
    store.write(insert(AttemptRow, _columns(attempt, _ATTEMPT_NAMES)))


def load_attempt(store: Store, attempt_id: str) -> Attempt | None:
    """One attempt by its id."""
    return _first(_attempts(store, _attempt_of(attempt_id)))


def load_attempts(store: Store, *, provider: str | None = None, open_only: bool = True) -> list[Attempt]:
    """Attempts of one provider or of all, by session and ordinal."""
    return _attempts(store, _attempts_at(provider, open_only))


def load_attempts_by_id(store: Store, ids: Sequence[str]) -> list[Attempt]:
    """The attempts with these ids."""
    chunks = (ids[start : start + IN_LIST_SIZE] for start in range(0, len(ids), IN_LIST_SIZE))
    return [one for chunk in chunks for one in _attempts(store, _attempts_with(tuple(chunk)))]


def providers_with_attempts(store: Store) -> set[str]:
    """The providers where an attempt is open: what it made may still bill."""
    return {attempt.provider for attempt in load_attempts(store)}


def attempts_of(store: Store, session_id: str) -> list[Attempt]:
    """A session's attempts by ordinal."""
    return _attempts(store, _attempts_of(session_id))


def labels_of(store: Store, attempt_ids: Sequence[str]) -> dict[str, str]:
    """The recorded labels of those of these attempts that exist, by attempt id."""
    found: dict[str, str] = {}
    for start in range(0, len(attempt_ids), IN_LIST_SIZE):
        found.update(store.rows(_labels_of(tuple(attempt_ids[start : start + IN_LIST_SIZE]))))
    return found


def find_by_instance(store: Store, provider: str, account: str, instance_id: str) -> Attempt | None:
    """The attempt that holds an instance, open or closed."""
    query = _select_attempts().where(
        (AttemptRow.provider == provider) & (AttemptRow.account == account) & (AttemptRow.instance_id == instance_id)
    )
    return _first(_attempts(store, query))


def find_listed(
    store: Store, provider: str, accounts: Collection[str] | None, instance_ids: Sequence[str], labels: Sequence[str]
) -> list[Attempt]:
    """All attempts, open or closed, that hold one of these instances or carry one of these labels.

    `accounts` are the ids of the accounts that the instances are on; None: any of the provider's.
    """
    found: dict[str, Attempt] = {}
    for start in range(0, max(len(instance_ids), len(labels)), IN_LIST_SIZE):
        part = slice(start, start + IN_LIST_SIZE)
        some = None if accounts is None else tuple(sorted(accounts))
        query = _listed(provider, some, tuple(instance_ids[part]), tuple(labels[part]))
        found.update({attempt.id: attempt for attempt in _attempts(store, query)})
    return list(found.values())


def update_attempt(store: Store, attempt: Attempt, **changes: Any) -> Attempt:
    """Change columns of the row as it was read: same state, same version.

    Raises:
        Stale: the row has changed since. An instance id in `changes` must then be recorded another way (I16).
    """
    _refuse_keys(changes)
    if not changes:
        return attempt
    changes = {**changes, "version": attempt.version + 1}
    at = {"id": attempt.id, "state": attempt.state, "version": attempt.version}
    if not store.write(update(AttemptRow, changes, at)):
        raise Stale("attempt", attempt.id)
    return replace(attempt, **changes)


def creates_since(store: Store, wall: int) -> list[int]:
    """When each create was sent that was accepted, or may have been, since a time: for a spending limit (F9).

    Creates that were refused, or never sent, are not counted.
    """
    sent = (AttemptRow.sent_at >= wall) & (AttemptRow.origin == Origin.CREATED)
    query = AttemptRow.select(AttemptRow.sent_at, AttemptRow.receipt).where(sent)
    nothing = (ReceiptKind.REFUSED, ReceiptKind.NEVER_SENT)
    return [at for at, receipt in store.rows(query) if not receipt or json.loads(receipt)["kind"] not in nothing]


@dataclass(frozen=True, slots=True)
class OfferAttempt:
    """An attempt on an offer: when it was prepared (wall µs), and why it ended; empty while it has not."""

    offer_key: str
    prepared_at: int
    reason: str


def attempts_since(store: Store, wall: int) -> list[OfferAttempt]:
    """The attempts prepared since a time, in order (F8)."""
    columns = (AttemptRow.offer, AttemptRow.prepared_at, AttemptRow.reason)
    query = AttemptRow.select(*columns).where(AttemptRow.prepared_at >= wall).order_by(AttemptRow.prepared_at)
    return [OfferAttempt(offer.key, at, reason) for offer, at, reason in store.rows(query)]


def reset_boot_intervals(store: Store) -> int:
    """Clear all boot-clock columns: no interval may span a stop of the daemon (F65, S15)."""
    return store.write(AttemptRow.update(**_RESET_VALUES).where(AttemptRow.state != State.CLOSED))


# ---- queries


def _select_sessions() -> Any:
    return SessionRow.select(_SESSION_SQL).order_by(SessionRow.created_at, SessionRow.id)


def _select_attempts() -> Any:
    return AttemptRow.select(_ATTEMPT_SQL)


@cached_select
def _session_of(session_id: str) -> Any:
    return _select_sessions().where(SessionRow.id == session_id)


@cached_select
def _landing_sessions() -> Any:
    # Literally as in the index, which SQLite would not use otherwise.
    is_landing = SQL('"t1"."landing" <> \'\' AND "t1"."pulled_at" IS NULL')
    return _select_sessions().where(is_landing, SessionRow.desired_state == DesiredState.RUNNING)


@cached_select
def _sessions_of(open_only: bool, consumer: str | None) -> Any:
    query = _select_sessions()
    if open_only:
        query = query.where(_is_open())
    return query if consumer is None else query.where(SessionRow.consumer == consumer)


@cached_select
def _sessions_with(ids: tuple[str, ...]) -> Any:
    return _select_sessions().where(SessionRow.id.in_(ids))


@cached_select
def _attempt_of(attempt_id: str) -> Any:
    return _select_attempts().where(AttemptRow.id == attempt_id)


@cached_select
def _attempts_with(ids: tuple[str, ...]) -> Any:
    return _select_attempts().where(AttemptRow.id.in_(ids))


@cached_select
def _attempts_at(provider: str | None, open_only: bool) -> Any:
    query = _select_attempts().order_by(AttemptRow.session_id, AttemptRow.ordinal)
    if provider is not None:
        query = query.where(AttemptRow.provider == provider)
    return query.where(_NOT_CLOSED) if open_only else query


@cached_select
def _attempts_of(session_id: str) -> Any:
    return _select_attempts().where(AttemptRow.session_id == session_id).order_by(AttemptRow.ordinal)


@cached_select
def _labels_of(attempt_ids: tuple[str, ...]) -> Any:
    return AttemptRow.select(AttemptRow.id, AttemptRow.label).where(AttemptRow.id.in_(attempt_ids))


@cached_select
def _listed(
    provider: str, accounts: tuple[str, ...] | None, instance_ids: tuple[str, ...], labels: tuple[str, ...]
) -> Any:
    held = (AttemptRow.provider == provider) & AttemptRow.instance_id.in_(instance_ids)
    held = held if accounts is None else held & AttemptRow.account.in_(accounts)
    query = _select_attempts().where(held | AttemptRow.label.in_(labels))
    return query.order_by(AttemptRow.origin, AttemptRow.ordinal)


def _sessions(store: Store, query: Any) -> list[Session]:
    return _read(store, query, _SESSION_COLUMNS, Session)


def _attempts(store: Store, query: Any) -> list[Attempt]:
    return _read(store, query, _ATTEMPT_COLUMNS, Attempt)


def _read(store: Store, query: Any, columns: Sequence[Any], make: Callable[..., T]) -> list[T]:
    """The records a select finds; those of a compiled one are kept until a row changes."""
    if isinstance(query, CompiledSelect):
        return store.kept(query, make, columns)
    return [make(*row) for row in store.rows(query, columns)]


def _first(found: Sequence[T]) -> T | None:
    return found[0] if found else None


def _is_open() -> Any:
    open_attempts = AttemptRow.select(AttemptRow.id).where((AttemptRow.session_id == SessionRow.id) & _NOT_CLOSED)
    return (SessionRow.desired_state == DesiredState.RUNNING) | fn.EXISTS(open_attempts)


def _named(store: Store, name: str, *conditions: Any) -> list[Session]:
    """Sessions of exactly this name, the newest first."""
    query = _select_sessions().where(SessionRow.name == name, *conditions)
    return _sessions(store, query)[::-1]


def _columns(value: Session | Attempt, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _refuse_keys(changes: dict[str, Any]) -> None:
    if taken := {"id", "version"} & changes.keys():
        raise TypeError(f"{sorted(taken)} cannot be changed")
