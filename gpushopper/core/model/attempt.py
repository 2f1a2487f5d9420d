"""Attempts as values: states, desired state, origin, and the one table of allowed state transitions (D1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gpushopper.core.model.money import Micros
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.records.hidden_span import Spans
from gpushopper.core.timing.deadline import Deadline


class State(StrEnum):
    """What we know of an attempt at its provider."""

    PREPARED = "prepared"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    BOOTING = "booting"
    RUNNING = "running"
    MISSING = "missing"
    INTERRUPTED = "interrupted"
    DESTROYING = "destroying"
    CLOSED = "closed"


class DesiredState(StrEnum):
    """What the user wants; changed once, from running to terminated, never back (I8)."""

    RUNNING = "running"
    TERMINATED = "terminated"


class Origin(StrEnum):
    """Why the row exists: for a create of ours, or for an instance that was found (S9)."""

    CREATED = "created"
    DISCOVERED = "discovered"


TAKEN_OVER = "adopted"
"""Stands for an offer's id, of an instance that a person has named: its books begin in the middle of its life."""

S = State
TRANSITIONS: dict[State, frozenset[State]] = {
    S.PREPARED: frozenset({S.SENT, S.CLOSED}),
    S.SENT: frozenset({S.BOOTING, S.UNCERTAIN, S.CLOSED}),
    S.UNCERTAIN: frozenset({S.BOOTING, S.DESTROYING, S.CLOSED}),
    S.BOOTING: frozenset({S.RUNNING, S.MISSING, S.INTERRUPTED, S.DESTROYING, S.UNCERTAIN}),
    S.RUNNING: frozenset({S.MISSING, S.INTERRUPTED, S.DESTROYING}),
    S.MISSING: frozenset({S.BOOTING, S.RUNNING, S.INTERRUPTED, S.DESTROYING, S.UNCERTAIN}),
    S.INTERRUPTED: frozenset({S.RUNNING, S.BOOTING, S.MISSING, S.DESTROYING}),
    S.DESTROYING: frozenset({S.CLOSED, S.UNCERTAIN}),
    S.CLOSED: frozenset({S.DESTROYING}),
}
"""Allowed transitions.

Back to uncertain goes only an attempt whose id turned out to be another instance's (`core/listing/ownership.py`).
"""

OPEN_STATES = tuple(state for state in State if state is not State.CLOSED)
WITH_INSTANCE = frozenset({S.BOOTING, S.RUNNING, S.MISSING, S.INTERRUPTED, S.DESTROYING})
ALIVE_STATES = frozenset({S.BOOTING, S.RUNNING, S.MISSING, S.INTERRUPTED})


def may_move(before: State, after: State) -> bool:
    """Whether the table allows the transition; the database's trigger is generated from the same table."""
    return after in TRANSITIONS[before]


class ReceiptKind(StrEnum):
    """Why an attempt may be closed (S12)."""

    NEVER_SENT = "never_sent"
    REFUSED = "refused"
    ABSENT = "absent"
    PROVEN = "proven"
    FORGOTTEN = "forgotten"
    """On the word of a person who has checked the console: not proven (D6)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as stored.

    Names ending in `_at` are wall µs for people and money; names ending in `_boot` are boot-clock µs for intervals,
    forgotten at each start of the daemon, so that no interval is ever measured across a gap (F65, S15).
    `agreed_rate` and `current_rate` are micro-dollars per hour, disk included.
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
    desired_state: DesiredState
    reason: str
    version: int
    deadline: Deadline
    hard_max_at: int
    agreed_rate: Micros
    reserve: Micros
    guard_state: str
    prepared_at: int
    state_changed_at: int
    instance_id: str | None = None
    sent_at: int | None = None
    ready_at: int | None = None
    terminate_requested_at: int | None = None
    off_at: int | None = None
    closed_at: int | None = None
    current_rate: Micros | None = None
    provider_status: str = ""
    progress: str = ""
    ssh_host: str | None = None
    ssh_port: int | None = None
    last_seen_at: int | None = None
    missing_at: int | None = None
    billed_until: int | None = None
    """Wall µs up to which ledger entries exist; None before the send."""
    is_gpu_billed: bool = False
    """Whether GPU time is accruing since `billed_until`."""
    # evidence and pacing, boot-clock µs
    settle_elapsed_us: int = 0
    last_complete_list_boot: int | None = None
    absence_count: int = 0
    first_absence_boot: int | None = None
    last_absence_boot: int | None = None
    progress_boot: int | None = None
    interrupted_boot: int | None = None
    destroy_count: int = 0
    destroy_acknowledged: bool = False
    last_destroy_boot: int | None = None
    next_destroy_boot: int | None = None
    receipt: str = ""
    """JSON text of the evidence, empty until closed."""
    # heartbeats over ssh (D8)
    probe_error: str = ""
    """Why the last probe gave no heartbeat, or what keeps a booting instance from being ready; empty if nothing."""
    heartbeat_at: int | None = None
    unreachable_since: int | None = None
    """Since when no probe has worked, wall µs; before ready, since when this computer cannot log in."""
    guard_renewal_seq: int = 0
    guard_deadline_at: int | None = None
    """When the guard will end the instance by its last heartbeat, on our wall clock."""
    first_login_boot: int | None = None
    """When a login first worked, before the session was ready."""
    ssh_user: str | None = None
    """Whom one logs in as; None: whom the cloud's traits name."""
    is_running: bool = False
    """Whether the provider showed it as running when it was last seen; what bills may differ."""
    is_storage_billed: bool = True
    """Whether the disk is accruing since `billed_until`."""
    made_by_key: str = ""
    """Salted digest of the key under which the create was sent; empty where none was, and for an orphan."""
    image: str = ""
    """What the create asks the instance to run; of an orphan, what it was found with."""
    # early ends (ends.md), wall µs
    ending_reason: str = ""
    """Why its instance says that it will end itself before the deadline; empty while it says nothing."""
    ending_at: int | None = None
    """When that will be, as last heard."""
    ending_heard_at: int | None = None
    silent_since: int | None = None
    """Since when it has given no answer over ssh; not counted while this computer is what cannot log in."""
    self_ended_at: int | None = None
    """Its first absence, where it counts as ended by itself, unconfirmed (ends.md E5); its books stop there."""
    idle_watch: str = ""
    """Why its use is not watched; empty where it is."""
    is_idle_noted: bool = False
    """Whether it was told that this instance is idle."""
    confirmed_limits: str = ""
    """The limits that its agent is known to have (`core/lifecycle/ends/limits_line.py`); empty for none."""
    confirmed_parts: str = ""
    """Digest of the programs brought to it, the checksum that it gave, and how `gpu-shopper-done` is called there (with
    `/` between them)."""
    # traffic (core/spending/bills/traffic.py)
    received_bytes: int | None = None
    """What its network had received at a heartbeat, by its own counter; None before the first."""
    sent_bytes: int | None = None
    hidden: Spans = ()
    """When what it bills changed unseen, wall µs; once it is closed, its end is among them."""
    unbooked_traffic: Micros = 0
    """What was counted of its traffic and no ledger entry holds yet, micro-dollars."""

    @property
    def is_taken_over(self) -> bool:
        """Whether a person has made an instance ours that no create of ours has made."""
        return self.origin is Origin.DISCOVERED and self.offer.offer_id == TAKEN_OVER

    @property
    def is_open(self) -> bool:
        return self.state is not State.CLOSED

    @property
    def is_wanted(self) -> bool:
        return self.desired_state is DesiredState.RUNNING
