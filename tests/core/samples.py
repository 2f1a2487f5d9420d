"""Builders for the pure rules: clocks, offers, sessions, attempts, listed rows, and what the rules answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from gpushopper.core.cloud import Carrier
from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.actions import Action, UpdateAttempt
from gpushopper.core.model.attempt import WITH_INSTANCE, Attempt, DesiredState, Origin, State
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.label import Label, make_label
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot, us
from gpushopper.core.timing.deadline import Deadline

WALL = 1_780_000_000_000_000
BOOT = us(50_000)
NOW = ClockSnapshot(wall=WALL, boot=BOOT, boot_id="boot-1", provider_date=WALL)
HERE = "abcdefghij"
ELSEWHERE = "klmnopqrst"
HARD_MAX = WALL + 12 * HOUR
LABELLED_MAX = -(-HARD_MAX // HOUR) * HOUR
"""The same as a label names it: the next full hour."""
OFFER = Offer(
    provider="vast", offer_id="29817342", host_id="4471", gpu="RTX 4090", gpu_count=2, vram_mb=24_000,
    gpu_rate=400_000, storage_gb_month=144_000, upload_gb=0, download_gb=2_000, region="Texas, US",
    reliability=0.99, cuda=12.4, disk_gb=500.0, cpu_cores=16.0, ram_mb=64_000, verified=True,
    seen_at=WALL,
)  # fmt: skip
DISK_GB = 100.0
RATE = OFFER.rate(DISK_GB)
"""420,000: the GPU's 400,000 and 20,000 for the disk."""
TRAFFIC = 20_000
"""What is reserved for its traffic: 10 GB each way, of which what comes in has a price (F25)."""

Kind = TypeVar("Kind")


def moment(after_s: float = 0, **changes: Any) -> ClockSnapshot:
    """All clocks in step, some seconds after NOW."""
    return replace(NOW.later(us(after_s)), **changes)


def offer(**changes: Any) -> Offer:
    return replace(OFFER, **changes)


def attempt_id(number: int = 1) -> str:
    return "attempt" + "a" * 8 + "abcdefghij"[number]


def gs2_label(installation: str = HERE, attempt: str = "attemptaaaaaaaab", hard_max_at: int = HARD_MAX) -> str:
    return make_label(installation, attempt, hard_max_at)


def gs1_label(installation: str = HERE, attempt: str = "attemptaaaaaaaab") -> str:
    """A label as older releases wrote it."""
    return Label(1, installation, attempt).text


def session(session_id: str = "s1", **changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": session_id, "name": "calm-otter", "consumer": "me",
        "desired_state": DesiredState.RUNNING, "reason": "", "version": 1, "created_at": WALL, "image": "pytorch",
        "disk_gb": DISK_GB, "shortlist": (), "max_rate": None, "retries_left": 2, "duration_us": 2 * HOUR,
    }  # fmt: skip
    return Session(**{**values, **changes})


def attempt(state: State = State.RUNNING, number: int = 1, **changes: Any) -> Attempt:
    """An attempt with what its state cannot be without: sent at NOW, two hours to live."""
    own = attempt_id(number)
    values: dict[str, Any] = {
        "id": own, "session_id": "s1", "ordinal": number, "provider": "vast", "account": "77",
        "label": gs2_label(HERE, own), "origin": Origin.CREATED, "offer": OFFER, "disk_gb": DISK_GB,
        "state": state, "desired_state": DesiredState.RUNNING, "reason": "", "version": 1,
        "deadline": Deadline.at(WALL + 2 * HOUR, NOW), "hard_max_at": HARD_MAX, "agreed_rate": RATE,
        "reserve": 2_000_000, "guard_state": "not_applicable", "prepared_at": WALL, "state_changed_at": WALL,
        "image": "pytorch",
    }  # fmt: skip
    if state is not State.PREPARED:
        values |= {"sent_at": WALL, "billed_until": WALL}
    if state in WITH_INSTANCE:
        values["instance_id"] = f"{100 + number}"
    if state in (State.RUNNING, State.MISSING, State.INTERRUPTED):
        values["ready_at"] = WALL
    if state in (State.DESTROYING, State.CLOSED):
        values |= {"desired_state": DesiredState.TERMINATED, "reason": "user", "terminate_requested_at": WALL}
    if state is State.CLOSED:
        values |= {"closed_at": WALL, "receipt": "{}"}
    return Attempt(**{**values, **changes})


def row(number: int = 1, **changes: Any) -> Instance:
    """What the provider lists for `attempt(number=…)`: running, and all as offered.

    `label` and `env_label` are the texts of its two carriers.
    """
    carriers = (
        (Carrier.LABEL, changes.pop("label", gs2_label(HERE, attempt_id(number)))),
        (Carrier.ENVIRONMENT, changes.pop("env_label", None)),
    )
    values: dict[str, Any] = {
        "instance_id": f"{100 + number}", "carriers": carriers,
        "status": StatusClass.RUNNING, "provider_status": "running", "message": "", "progress": "", "rate": RATE,
        "gpu_rate": 400_000, "storage_rate": 20_000, "created_at": WALL, "ends_at": None, "host_id": "4471",
        "image": "pytorch", "gpu": "RTX 4090", "gpu_count": 2, "vram_mb": 24_000, "disk_gb": DISK_GB,
    }  # fmt: skip
    return Instance(**{**values, **changes})


def shown(status: StatusClass, number: int = 1, **changes: Any) -> Instance:
    return row(number, status=status, **{"provider_status": status.value, **changes})


FOREIGN = row(9, label=None)


def seen(*rows: Instance, now: ClockSnapshot = NOW, known: Iterable[Attempt] = (), **changes: Any) -> ObservedList:
    """A whole list that left and came back at `now`; `known` were open before it left."""
    values: dict[str, Any] = {
        "instances": rows, "is_complete": True, "requested_boot": now.boot, "boot": now.boot,
        "open_at_request": frozenset(a.id for a in known),
    }  # fmt: skip
    return ObservedList(**{**values, **changes})


def recorded(*attempts: Attempt, sessions: Iterable[Session] = (), **changes: Any) -> RecordedState:
    """What the database holds: the attempts, open or not, and their sessions."""
    labels: dict[str, tuple[Attempt, ...]] = {}
    for one in attempts:
        key = one.label.split("-")[2]
        labels[key] = (*labels.get(key, ()), one)
    by_id = {s.id: s for s in sessions}
    values: dict[str, Any] = {
        "installation": HERE, "provider": "vast", "account": "77",
        "open": tuple(a for a in attempts if a.is_open), "by_label": labels,
        "by_instance": {a.instance_id: a for a in attempts if a.instance_id is not None},
        "sessions": {a.session_id: by_id.get(a.session_id, session(a.session_id)) for a in attempts},
        "duplicates_since": {},
    }  # fmt: skip
    return RecordedState(**{**values, **changes})


def of(kind: type[Kind], actions: Iterable[Action]) -> list[Kind]:
    """The actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


def change(actions: Iterable[Action]) -> UpdateAttempt:
    """The only change among the actions."""
    (only,) = of(UpdateAttempt, actions)
    return only


def carried_out(one: Attempt, actions: Iterable[Action]) -> Attempt:
    """The attempt after its changes, in order."""
    for action in of(UpdateAttempt, actions):
        one = replace(one, **action.fields) if action.attempt.id == one.id else one
    return one
