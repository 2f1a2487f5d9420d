"""Rows and answers that commands make themselves, or a one-shot job does: for the others see `gpushopper.wire`.

Spelt as they are before `json_output` converts them: times in wall µs, money in micro-dollars. `ok` is true in every
answer of a job: a failure is an error on stderr.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from gpushopper.wire import CostParts


class ReceiptRow(TypedDict):
    """One attempt with the proof of its end; `receipt` is None while there is none."""

    attempt: str
    instance_id: str | None
    label: str
    closed_at: int | None
    accrued: int
    cost: CostParts
    by_bill: CostParts
    receipt: dict[str, Any] | None


class RunRow(TypedDict):
    """A run. `status`: its exit status, or running, lost, not started; its duration is until now while it runs."""

    run: str
    status: str
    started_at: int | None
    ended_at: int | None
    duration_us: int | None
    ends_session: bool
    command: str


PulledRow = TypedDict("PulledRow", {  # `from` is a keyword
    "from": str, "to": str, "files": int, "bytes": int, "checksum": str, "changed": list[str], "left_out": list[str],
})  # fmt: skip
"""A folder that was copied home. `checksum` is empty where sizes alone could be compared."""


class TonightRow(TypedDict):
    """What one session may still bill if nobody does anything, until when, and who ends it."""

    name: str
    at_most_micros: int
    until_at: int | None
    ended_by: str
    sooner: str
    bills_on: bool


class Tonight(TypedDict):
    """All of them."""

    at_most_micros: int
    sessions: list[TonightRow]


class Share(TypedDict):
    """What one cloud, GPU or consumer has cost."""

    accrued: int


class LimitRow(TypedDict):
    """One limit of a budget, as a line of CSV; JSON has the budget with its limits."""

    budget: str
    scope_kind: str
    scope: str
    limit: str
    limit_micros: int
    spent_micros: int
    committed_micros: int
    left_micros: int
    session: str
    used_up_at: int | None
    period_end_at: int | None
    at_80: str
    at_100: str


class OverdueRow(TypedDict):
    """An instance that the watchdog has seen past its hard maximum, and what became of it."""

    provider: str
    instance_id: str
    installation: str
    label: str
    status: str
    rate: int | None
    hard_max_at: int | None
    is_overdue: bool
    is_only_reported: bool
    outcome: str
    note: str


class KeyRow(TypedDict):
    """Where the key of a cloud or an account comes from; never the key."""

    provider: str
    state: str
    source: str
    text: str
    hint: str
    warning: str


class RegistryRow(TypedDict):
    """Where the login at a registry comes from; never its password."""

    registry: str
    user: str
    state: str
    source: str
    text: str
    hint: str


class KeyAnswer(TypedDict):
    """A key that was stored, tested or removed. `verified`: the cloud has answered."""

    ok: bool
    provider: str
    verified: NotRequired[bool]
    account: NotRequired[str]
    balance: NotRequired[int | None]
    detail: NotRequired[str]
    source: NotRequired[str]
    removed: NotRequired[bool]
    warning: NotRequired[str]
    daemon: NotRequired[str]
    warnings: NotRequired[list[str]]


class LoginAnswer(TypedDict):
    """A registry's login that was stored, tested or removed."""

    ok: bool
    registry: str
    user: NotRequired[str]
    source: NotRequired[str]
    removed: NotRequired[bool]
    warning: NotRequired[str]
    warnings: NotRequired[list[str]]


class ChannelAnswer(TypedDict):
    """A channel that was added or removed. `signing_key` is shown once, where one was made."""

    ok: bool
    channel: str
    kind: NotRequired[str]
    on: NotRequired[list[str]]
    source: NotRequired[str]
    signing_key: NotRequired[str]
    removed: NotRequired[bool]
    warning: NotRequired[str]
    warnings: NotRequired[list[str]]


class SettingRow(TypedDict):
    """One setting: its value, as it is shown, where it comes from, and what it means."""

    key: str
    value: Any
    shown: str
    origin: str
    about: str


class InstallationRow(TypedDict):
    """The installation id that the home has now, and whether its daemon was stopped."""

    ok: bool
    installation: str
    daemon: str
    warnings: NotRequired[list[str]]


class ActRow(TypedDict):
    """An act in the audit log: an event that spent money or ended something, and the database that recorded it."""

    at: int
    kind: str
    text: str
    session: str | None
    attempt: str | None
    data: dict[str, Any]
    event: int
    database: str


class BackupRow(TypedDict):
    """A backup of the records; `kind`: daily, or made before an upgrade."""

    name: str
    made_at: int
    kind: str
    size_bytes: int
    path: str


class CheckRow(TypedDict):
    """One check of `doctor`; `hint` says what to do, and is empty where nothing is wrong."""

    name: str
    ok: bool
    text: str
    hint: str
    optional: bool


class ErrorRow(TypedDict):
    """Why a command failed. `code` is a word that stays, `exit` the exit status."""

    code: str
    message: str
    hint: str
    exit: int


class ProgressRow(TypedDict):
    """A step of what a command waits for, as `--progress json` prints it.

    `detail`: how far the step is. `cost_micros`: what the session has cost so far, 0 where that is not known. `bytes`
    of `total_bytes` are there for copies. `elapsed_us`: since the command began to wait.
    """

    at: int
    text: str
    detail: str
    failed: bool
    elapsed_us: int
    cost_micros: int
    bytes: int | None
    total_bytes: int | None
