"""Decides what an instance bills, GPU time and disk, by what its cloud shows and by the terms of its offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpushopper.core.cloud import Billing, BillingStart, StoppedBilling
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.records.hidden_span import with_span


def shown_billing(row: Instance, billing: Billing, before: Attempt | None) -> dict[str, Any]:
    """The fields of an attempt about what bills from this sighting on; `before` is None for an instance without one."""
    was_gpu, was_storage = (False, True) if before is None else (before.is_gpu_billed, before.is_storage_billed)
    was_running = before is not None and before.is_running
    is_unknown = row.status is StatusClass.UNKNOWN
    return {
        "is_gpu_billed": bills_gpu_time(row, billing, was_billed=was_gpu),
        "is_storage_billed": bills_storage(row, billing, was_billed=was_storage),
        "is_running": row.status is StatusClass.RUNNING or (is_unknown and was_running),
    }


def hidden_fields(attempt: Attempt, shown: Mapping[str, Any], now_wall: int) -> dict[str, Any]:
    """The span since the last sighting, where this one shows that what bills has changed in it: nobody saw when.

    `shown` are the fields that this sighting sets.
    """
    rate = attempt.current_rate if attempt.current_rate is not None else attempt.agreed_rate
    before = {"is_gpu_billed": attempt.is_gpu_billed, "is_storage_billed": attempt.is_storage_billed}
    since = attempt.last_seen_at if attempt.last_seen_at is not None else attempt.sent_at
    is_changed = any(shown.get(name, was) != was for name, was in (before | {"current_rate": rate}).items())
    if since is None or not is_changed:
        return {}
    return {"hidden": with_span(attempt.hidden, since, now_wall)}


def bills_gpu_time(row: Instance, billing: Billing, *, was_billed: bool) -> bool:
    """Whether GPU time bills from this sighting on; a status that says nothing of it changes nothing (F22).

    `was_billed` is the answer before this sighting, false for an instance that is seen for the first time.
    """
    if row.bills_gpu is not None:
        return row.bills_gpu
    match row.status:
        case StatusClass.UNKNOWN | StatusClass.ENDING:
            return was_billed
        case StatusClass.RUNNING:
            return billing.begins is not BillingStart.ADDRESS or was_billed or row.has_address
        case StatusClass.STOPPED | StatusClass.FAILED | StatusClass.OFFLINE:
            return billing.stopped is StoppedBilling.ALL
        case StatusClass.PENDING:
            return billing.begins is BillingStart.CREATE


def bills_storage(row: Instance, billing: Billing, *, was_billed: bool) -> bool:
    """Whether the disk bills from this sighting on: in every state, but where a stopped instance bills nothing."""
    if row.bills_storage is not None:
        return row.bills_storage
    match row.status:
        case StatusClass.UNKNOWN | StatusClass.ENDING:
            return was_billed
        case StatusClass.STOPPED | StatusClass.FAILED | StatusClass.OFFLINE:
            return billing.stopped is not StoppedBilling.NOTHING
        case _:
            return True
