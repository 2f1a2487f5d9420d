"""The response types of the local API (views of sessions, offers, costs ...); they only ever gain fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpushopper.wire.alert_channels import ChannelView


@dataclass(frozen=True, slots=True)
class CostParts:
    """Amounts by what they are for, one for each kind of ledger entry."""

    gpu_micros: int = 0
    storage_micros: int = 0
    traffic_micros: int = 0
    minimum_micros: int = 0


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt: observed state, desired state, reason, cost."""

    id: str
    state: str
    desired_state: str
    reason: str
    label: str
    instance_id: str | None
    offer: str
    gpu: str
    gpu_count: int
    rate: int
    sent_at: int | None
    ready_at: int | None
    off_at: int | None
    closed_at: int | None
    deadline_at: int
    hard_max_at: int
    provider_status: str
    accrued: int
    max_cost: int
    receipt: dict[str, Any] | None = None
    provider: str = ""
    """The account it is at; attempts of one session may be at several clouds."""
    cloud: str = ""
    image: str = ""
    """What it runs."""
    disk_gb: float = 0
    """The disk that its cloud makes for the one that was asked for."""
    cost: CostParts = field(default_factory=CostParts)
    """What its ledger entries add up to."""
    by_bill: CostParts = field(default_factory=CostParts)
    """The part of that which its cloud's bill has added, or taken back, after our own count; for one session alone."""


@dataclass(frozen=True, slots=True)
class LimitsView:
    """The limits that may end a session early, spans in µs, None: off; and who watches them.

    `there` are those that its instance is known to have, which it obeys until it has confirmed the others.
    `unwatched` says why its use is not measured; empty where it is.
    """

    idle_us: int | None = None
    idle_when: str = "any"
    contact_us: int | None = None
    hold_us: int | None = None
    confirmed: bool = False
    there: dict[str, int | None] = field(default_factory=dict)
    unwatched: str = ""
    settling: bool = False
    """Whether that is only so until its agent has been brought and has begun to measure."""
    acts_itself: bool = True
    """Whether its instance ends itself; otherwise it only marks its end, and the daemon destroys it."""
    after_run: str = ""
    """Who can end it after a run: `instance`, `daemon`, `pending` (it is being prepared) or empty (nobody)."""
    grace_us: int = 0
    """How long after a run it ends."""
    land_for_us: int | None = None
    """How long before the deadline results are brought home, where that was set."""
    pull_max: int | None = None
    failed_us: int = 0
    """How long it is kept after a failed run, where only a successful one shall end it."""


@dataclass(frozen=True, slots=True)
class PullView:
    """A folder there that is brought to a folder here before the end."""

    there: str
    here: str


@dataclass(frozen=True, slots=True)
class LandingView:
    """Bringing results home before an end. `reason` is why it lands; empty: it does not yet.

    `until_at` is when it ends whatever has arrived. `pulled_at`: all of it has, verified. `problem`: why the last try
    failed.
    """

    reason: str = ""
    since_at: int | None = None
    until_at: int | None = None
    pulled_at: int | None = None
    problem: str = ""
    files: int = 0
    bytes: int = 0
    total_files: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session; `provider`, `image`, `rate`, `deadline_at` and the offer's facts are the current attempt's.

    `end_stage` is "", "requested", "off", "proven" or "forgotten"; only "proven" may be shown as destroyed.
    `accrued` is the cost so far, `max_cost` what it can still reach. `guards` says who ends the instance at its
    deadline: D the daemon on this computer, I the instance itself, P its cloud's timer; "D+I" is both.
    """

    id: str
    name: str
    consumer: str
    status: str
    health: str
    end_stage: str
    reason: str
    provider: str
    gpu: str
    gpu_count: int
    rate: int
    created_at: int
    deadline_at: int | None
    hard_max_at: int | None
    ready_at: int | None
    ended_at: int | None
    accrued: int
    max_cost: int
    guard_state: str
    guards: str
    image: str
    disk_gb: float
    ssh_host: str | None
    ssh_port: int | None
    heartbeat_at: int | None
    guard_deadline_at: int | None
    waiting_for: str
    waiting_until: int | None
    attempts: list[AttemptView]
    image_login: str = ""
    """The registry whose login its creates carry."""
    bills_on: bool = False
    """Whether its instance bills on if this computer never comes back: its guard can at most power it off."""
    guard_in_sync: bool = False
    """Whether the guard has confirmed `deadline_at`; otherwise it ends the instance at `guard_deadline_at`."""
    cloud: str = ""
    """The cloud of `provider`, which is an account's name."""
    waits_for_account: bool = False
    """Whether no account can rent its next offer now."""
    least_billed_us: int = 0
    """The least time that its cloud bills even if it ends now; 0 where there is none, or it has run that long."""
    least_cost: int = 0
    """What that time costs."""
    limits: LimitsView = field(default_factory=LimitsView)
    tags: dict[str, str] = field(default_factory=dict)
    ending_reason: str = ""
    """Why its instance says that it will end early (idle, contact, run_done, done), at `ending_at`."""
    ending_at: int | None = None
    self_ended_at: int | None = None
    """Since when it counts as ended by itself, unconfirmed; nothing is billed here since."""
    done_command: str = ""
    """What a login there types when its work is done; empty where it is not there."""
    ignored_ends: list[str] = field(default_factory=list)
    """End files there that its guard does not obey: damaged, of another start, or after the deadline."""
    pulls: list[PullView] = field(default_factory=list)
    landing: LandingView = field(default_factory=LandingView)
    has_hook: bool = False
    """Whether a script of the user's runs there before the end."""


@dataclass(frozen=True, slots=True)
class Sessions:
    sessions: list[SessionView]


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of the history. `id` is the cursor."""

    id: int
    at: int
    kind: str
    session: str | None
    attempt: str | None
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Events:
    """`database`: what tells their ids from those of another database, as lines of the audit log name it."""

    events: list[EventView]
    next: int
    database: str = ""


@dataclass(frozen=True, slots=True)
class AlarmView:
    id: int
    kind: str
    subject: str
    text: str
    hint: str
    raised_at: int
    acknowledged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Alarms:
    alarms: list[AlarmView]


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """`state` is ready, starting, degraded, inconsistent or keyless; `key_state` says why it has no key.

    With a key that its cloud refuses it is `rejected`; `detail` says from where that key is, `key_hint` what to do.
    """

    name: str
    account: str
    state: str
    detail: str
    balance: int | None
    last_complete_list_at: int | None
    open_attempts: int
    key_source: str
    key_state: str = "ok"
    key_hint: str = ""
    console: str = ""
    """The web page where a person can end what runs there."""
    cloud: str = ""
    """The cloud that the account of this name is at."""
    burn_rate: int = 0
    """What its instances cost an hour now."""
    runway_us: int | None = None
    """How long the balance lasts at that rate; None where it is not known, or nothing bills."""
    clock_off_us: int | None = None
    """How far this computer's clock is ahead of the cloud's date, negative where behind; None: it has told none."""


@dataclass(frozen=True, slots=True)
class TrustedRow:
    """An open instance, or a create whose outcome is uncertain. `typed` is what a person types who has seen it."""

    session: str
    instance_id: str | None
    typed: str


@dataclass(frozen=True, slots=True)
class SameAccountView:
    """What a person would trust a key to be of, and the web page to look at."""

    name: str
    console: str
    rows: list[TrustedRow]


@dataclass(frozen=True, slots=True)
class ForgetRow:
    """An open instance, or a create whose outcome is unknown; `typed` is what a person types who has looked there."""

    provider: str
    console: str
    instance_id: str | None
    typed: str
    last_seen_at: int | None


@dataclass(frozen=True, slots=True)
class ForgetView:
    """What is forgotten of a session, or would be."""

    session: str
    name: str
    rows: list[ForgetRow]
    is_forgotten: bool = False


@dataclass(frozen=True, slots=True)
class AdoptView:
    """An instance that becomes a session, and when it ends then; `session` is that session's id, empty in a dry run.

    `is_labelled`: whether it carries our label now, or would: by that it is known again without our records.
    """

    provider: str
    instance_id: str
    label: str
    status: str
    gpu: str
    gpu_count: int
    rate: int | None
    created_at: int | None
    deadline_at: int
    is_labelled: bool
    session: str = ""


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    version: str
    protocol: int
    pid: int
    home: str
    installation: str
    started_at: int
    now: int
    policy: str
    jobs: dict[str, int]
    providers: list[ProviderStatus]
    sessions_open: int
    open_accrued: int
    open_max_cost: int
    open_rate: int
    alarms: int
    is_guarded: bool = True
    """Whether instances end themselves too; simulated ones cannot."""
    disk_free: int = 0
    """Bytes we can still write on the home folder's file system."""
    disk_low: bool = False
    """Whether that is too little to provision; sessions can still be ended."""
    skipped_clouds: dict[str, str] = field(default_factory=dict)
    """Why clouds of installed packages are not used, by name."""
    waiting: list[str] = field(default_factory=list)
    """Sessions that no account can rent the next offer for."""
    channels: list[ChannelView] = field(default_factory=list)
    """Channels of alerts."""
    group_socket: str = ""
    """Where the members of a lab server connect; empty where no group is set."""
    group_problem: str = ""
    """Why they cannot connect now."""


@dataclass(frozen=True, slots=True)
class LandedAnswer:
    """Whether what a user has pulled is all that the session waits for: then it ends as if the daemon had pulled it."""

    counts: bool
    session: SessionView


@dataclass(frozen=True, slots=True)
class KeptOutputs:
    """Of which runs all is kept on this computer now, and why that may not be all of them."""

    session: str
    runs: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change of desired state was committed. `event` is the cursor to follow from."""

    sessions: list[str]
    event: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One instance on the account, or what a create of ours left there: then `instance_id` is its own id, and `status`
    what it is (key, script, template, disk). `kind` is ours, ours_unknown or foreign.
    """

    provider: str
    instance_id: str
    kind: str
    label: str
    status: str
    gpu: str
    rate: int | None
    session: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    rows: list[AuditRow]
    unavailable: dict[str, str]
    problems: int
    clock_off_us: dict[str, int] = field(default_factory=dict)
    """How far this computer's clock is ahead of each cloud's date that came with its list."""
