"""Rows to store, and databases that fail on command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peewee

from gpushopper.core.model.attempt import WITH_INSTANCE, Attempt, DesiredState, Origin, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.deadline import Deadline
from gpushopper.store.database import Store
from gpushopper.store.sqlite.statements import run

NOW = 1_780_000_000_000_000
OFFER = Offer(
    provider="vast", offer_id="29817342", host_id="4471", gpu="RTX 4090", gpu_count=1, vram_mb=24564,
    gpu_rate=412_000, storage_gb_month=150_000, upload_gb=0, download_gb=2_000, region="Texas, US",
    reliability=0.994, cuda=12.4, disk_gb=512.5, cpu_cores=16.0, ram_mb=64_000, verified=True,
    seen_at=NOW, ends_at=None,
)  # fmt: skip


def session(session_id: str = "s1", **changes: Any) -> Session:
    values: dict[str, Any] = {
        "id": session_id, "name": f"name-{session_id}", "consumer": "me",
        "desired_state": DesiredState.RUNNING, "reason": "", "version": 0, "created_at": NOW, "image": "pytorch",
        "disk_gb": 20.0,
        "shortlist": (OFFER, OFFER), "max_rate": 500_000, "retries_left": 2, "duration_us": 2 * HOUR,
    }  # fmt: skip
    return Session(**{**values, **changes})


def attempt(attempt_id: str = "a1", session_id: str = "s1", state: State = State.PREPARED, **changes: Any) -> Attempt:
    """An attempt with what its state cannot be without."""
    values: dict[str, Any] = {
        "id": attempt_id, "session_id": session_id, "ordinal": 1, "provider": "vast", "account": "77",
        "label": f"label-{attempt_id}", "origin": Origin.CREATED, "offer": OFFER, "disk_gb": 20.0, "state": state,
        "desired_state": DesiredState.RUNNING, "reason": "", "version": 0, "deadline": Deadline(NOW + HOUR, NOW, 5,
        "boot-1"),
        "hard_max_at": NOW + 12 * HOUR, "agreed_rate": 416_167, "reserve": 1_000_000, "guard_state": "self_destroy",
        "prepared_at": NOW, "state_changed_at": NOW,
    }  # fmt: skip
    if state is not State.PREPARED:
        values["sent_at"] = NOW
    if state in WITH_INSTANCE:
        values["instance_id"] = f"i-{attempt_id}"
    if state is State.CLOSED:
        values |= {"desired_state": DesiredState.TERMINATED, "receipt": '{"kind":"refused"}', "closed_at": NOW}
    return Attempt(**{**values, **changes})


def raw(store: Store, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """A statement past all our code; what the database itself thinks of it."""
    if store.is_writing:
        return run(store.database, sql, values)
    with store.transaction():
        return run(store.database, sql, values)


def schema(path: Path) -> dict[str, str]:
    """Everything a file defines, read without our code."""
    database = peewee.SqliteDatabase(str(path))
    try:
        return {name: sql for name, sql in run(database, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")}
    finally:
        database.close()


class Killed(BaseException):
    """The process ends here."""


def killed_at(step: int) -> type[peewee.SqliteDatabase]:
    """A database class whose process dies before its n-th statement; nothing works afterwards, rollback included."""

    class Mortal(peewee.SqliteDatabase):
        done = 0

        def live(self) -> None:
            type(self).done += 1
            if self.done >= step:
                raise Killed

        def execute_sql(self, sql: str, params: Any = None) -> Any:
            self.live()
            return super().execute_sql(sql, params)

        def begin(self, lock_type: Any = None) -> None:
            self.live()
            super().begin(lock_type)

        def commit(self) -> None:
            self.live()
            super().commit()

        def rollback(self) -> None:
            self.live()
            super().rollback()

    return Mortal
