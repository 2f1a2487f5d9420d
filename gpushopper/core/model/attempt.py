"""Attempts: one try to place a session on one offer, and the one table of allowed transitions (D1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gpushopper.core.model.money import Micros
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.clock_snapshot import Deadline


class State(StrEnum):
    """What we know about the provider's side."""

    PREPARED = "prepared"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    BOOTING = "booting"
    RUNNING = "running"
    SUSPECT = "suspect"
    INTERRUPTED = "interrupted"
    DESTROYING = "destroying"
    GONE = "gone"


class Desire(StrEnum):
    """What we want; written once, from run to gone, never back (I8)."""

    RUN = "run"
    GONE = "gone"


class Origin(StrEnum):
    """How the row came to be: by our create, or found by the sweep (S9)."""

    CREATE = "create"
    SWEEP = "sweep"


S = State
TRANSITIONS: dict[State, frozenset[State]] = {
    S.PREPARED: frozenset({S.SENT, S.GONE}),
    S.SENT: frozenset({S.BOOTING, S.UNCERTAIN, S.GONE}),
    S.UNCERTAIN: frozenset({S.BOOTING, S.DESTROYING, S.GONE}),
    S.BOOTING: frozenset({S.RUNNING, S.SUSPECT, S.INTERRUPTED, S.DESTROYING, S.UNCERTAIN}),
    S.RUNNING: frozenset({S.SUSPECT, S.INTERRUPTED, S.DESTROYING}),
    S.SUSPECT: frozenset({S.BOOTING, S.RUNNING, S.INTERRUPTED, S.DESTROYING, S.UNCERTAIN}),
    S.INTERRUPTED: frozenset({S.RUNNING, S.BOOTING, S.SUSPECT, S.DESTROYING}),
    S.DESTROYING: frozenset({S.GONE, S.UNCERTAIN}),
    S.GONE: frozenset({S.DESTROYING}),
}
"""Architecture 5. A vanished instance that stopped first, and one that resumes before hand-over, are spelled out.

Back to uncertain goes only an attempt whose id turned out to be another instance's (core/listing/ownership.py)."""

OPEN_STATES = tuple(state for state in State if state is not State.GONE)
WITH_INSTANCE = frozenset({S.BOOTING, S.RUNNING, S.SUSPECT, S.INTERRUPTED, S.DESTROYING})
ALIVE_STATES = frozenset({S.BOOTING, S.RUNNING, S.SUSPECT, S.INTERRUPTED})


def may_move(before: State, after: State) -> bool:
    """Whether the table allows the transition; the database's trigger is generated from the same table."""
    return after in TRANSITIONS[before]


class ReceiptKind(StrEnum):
    """Why an attempt may be closed (S12)."""

    NEVER_SENT = "never_sent"
    REFUSED = "refused"
    ABSENT = "absent"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as stored.

    Names ending in `_at` are wall µs for people and money; names ending in `_boot` are boot-clock µs for intervals,
    forgotten at each start of the daemon, so that no interval is ever measured across a gap (F65, S15).
    `rate_agreed` and `rate_live` are micro-dollars per hour, disk included.
    """

    id: str
    session_id: str
    ordinal: int
    provider: str
    account: str
    label: str
    origin: Origin
    offer: Offer
    disk_gb: float
    state: State
    desire: Desire
    reason: str
    version: int
    deadline: Deadline
    hard_max_at: int
    rate_agreed: Micros
    reserve: Micros
    guard: str
    prepared_at: int
    entered_at: int
    instance_id: str | None = None
    sent_at: int | None = None
    handed_over_at: int | None = None
    unwanted_at: int | None = None
    off_at: int | None = None
    gone_at: int | None = None
    rate_live: Micros | None = None
    status_word: str = ""
    progress: str = ""
    ssh_host: str | None = None
    ssh_port: int | None = None
    last_seen_at: int | None = None
    missing_at: int | None = None
    billed_to: int | None = None
    """Wall µs up to which ledger entries exist; None before the send."""
    gpu_billing: bool = False
    """Whether GPU time is accruing since `billed_to`."""
    # evidence and pacing, boot-clock µs
    awake_us: int = 0
    last_good_look_boot: int | None = None
    units: int = 0
    first_unit_boot: int | None = None
    last_unit_boot: int | None = None
    progress_boot: int | None = None
    interrupted_boot: int | None = None
    destroys: int = 0
    destroy_heard: bool = False
    last_destroy_boot: int | None = None
    next_destroy_boot: int | None = None
    receipt: str = ""
    """JSON text of the evidence, empty until gone."""
    # what the instance says of itself (D8)
    reach: str = ""
    """Why the last login gave no heartbeat, or what it showed to be missing; empty when all is well."""
    beat_at: int | None = None
    silent_at: int | None = None
    """Since when no login has worked, once handed over."""
    guard_seq: int = 0
    guard_until: int | None = None
    """When the guard said it would end the instance, by our wall clock."""
    login_boot: int | None = None
    """When a login first worked, before the hand-over."""

    @property
    def is_open(self) -> bool:
        return self.state is not State.GONE

    @property
    def is_wanted(self) -> bool:
        return self.desire is Desire.RUN
