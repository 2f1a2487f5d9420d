"""Sessions as values; derives the status and the health that users see from desired state and attempts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gpushopper.core.alarms import DUPLICATE
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.money import Micros
from gpushopper.core.model.offer import Offer


class Status(StrEnum):
    """The status that users see."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


FAILURES = frozenset(
    {
        "never_sent",
        "refused",
        "retries_exhausted",
        "boot_timeout",
        "boot_failed",
        "price_changed",
        "offer_mismatch",
        "create_not_found",
        "key_rejected",
        "offers_exhausted",
        "request_expired",
        "limit_reached",
        "insufficient_credit",
        "guard_not_armed",
        "no_guard",
        "host_key_changed",
        "local_error",
        "ssh_timeout",
        "image_refused",
        "no_image_login",
    }
)
"""Reasons that make an ended session `failed` rather than `stopped`."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session as stored. It belongs to no cloud: each of its attempts has an account of its own.

    `image` is what the user named; empty: each attempt runs its cloud's default image (`Attempt.image`).
    `shortlist` holds the ranked offers still untried; `max_rate` is the cap in micro-dollars per hour that every
    attempt keeps to (S12). Exactly one of `duration_us` (counted from when each attempt is prepared) and `deadline_at`
    (wall µs) is set (S19). `image_login` names the registry whose stored login the create carries, empty for none; the
    login itself is read again for each create and never stored here (I21). `allow_unguarded` accepts a cloud whose
    instances cannot end their bill by themselves, `allow_broken_guard` a guard that is not confirmed elsewhere.
    """

    id: str
    name: str
    consumer: str
    desired_state: DesiredState
    reason: str
    version: int
    created_at: int
    image: str
    disk_gb: float
    shortlist: tuple[Offer, ...]
    max_rate: Micros | None
    retries_left: int
    duration_us: int | None = None
    deadline_at: int | None = None
    keep_stopped: bool = False
    max_duration_us: int | None = None
    max_duration_reason: str = ""
    ended_at: int | None = None
    environment: tuple[tuple[str, str], ...] = ()
    allow_unguarded: bool = False
    image_login: str = ""
    allow_broken_guard: bool = False
    # early ends (ends.md); spans in µs, None: off
    idle_us: int | None = None
    """After how long without use its instance ends."""
    idle_when: str = "any"
    """What counts as use: `any` signal, or the `gpu` alone (ends.md E2)."""
    contact_us: int | None = None
    """After how long without contact, and without use for `disuse_us`, its instance ends (ends.md E3)."""
    disuse_us: int | None = None
    hold_us: int | None = None
    """How long results are waited for at most once the work is done; None: until the deadline."""
    land_for_us: int | None = None
    """How long before the deadline landing begins; None: as the policy says."""
    before_end: str = ""
    """A script that the instance runs once before its end."""
    pulls: tuple[tuple[str, str], ...] = ()
    """What is brought home before the end: folder there, folder here."""
    pull_max: int | None = None
    """Bytes at which a pull stops; None: the default."""
    landing: str = ""
    """Why its results are brought home now; empty: they are not."""
    landing_at: int | None = None
    pulled_at: int | None = None
    """When all of them were here, in this landing."""
    pull_problem: str = ""
    """Why the last try failed."""
    warned_at: int | None = None
    """Of which moment before a deadline it was warned last."""
    compacted_at: int | None = None
    """When its details were removed, long after its end (core/compaction.py); wall µs."""


def current(attempts: Sequence[Attempt]) -> Attempt | None:
    """The newest attempt that is not a duplicate: the one that status and health describe."""
    made = sorted((a for a in attempts if a.reason != DUPLICATE), key=lambda a: a.ordinal)
    return made[-1] if made else None


def derive_status(session: Session, attempts: Sequence[Attempt]) -> Status:
    """The status; a view in the database derives the same, and a test compares the two."""
    if session.desired_state is DesiredState.RUNNING:
        latest = current(attempts)
        if latest is None or not latest.is_wanted or latest.instance_id is None:
            return Status.PENDING
        return Status.PROVISIONING if latest.ready_at is None else Status.RUNNING
    if any(attempt.state is not State.CLOSED for attempt in attempts):
        return Status.STOPPING
    return Status.FAILED if session.reason in FAILURES else Status.STOPPED


def derive_health(attempts: Sequence[Attempt]) -> str:
    """The health of a running session's instance: ok, unreachable, missing, self_ended (unconfirmed) or interrupted."""
    latest = current(attempts)
    if latest is None:
        return ""
    match latest.state:
        case State.MISSING if latest.self_ended_at is not None:
            return "self_ended"
        case State.MISSING:
            return "missing"
        case State.INTERRUPTED:
            return "interrupted"
        case _:
            return "ok" if latest.unreachable_since is None else "unreachable"
