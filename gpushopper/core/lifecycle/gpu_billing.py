"""Decides whether an instance's GPU time bills, by what its cloud shows and by the terms of its offer."""

from __future__ import annotations

from gpushopper.core.cloud import Billing, BillingStart, StoppedBilling
from gpushopper.core.model.instance import Instance, StatusClass


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
