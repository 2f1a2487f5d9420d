"""Decides whether an instance's GPU time bills, by the status its cloud shows: running bills, stopped does not.

A stopped instance still bills its disk: storage accrues in every state until the end (`core/spending/ledger.py`).
"""

from __future__ import annotations

from gpushopper.core.model.instance import Instance, StatusClass


def bills_gpu_time(row: Instance, *, was_billed: bool) -> bool:
    """Whether GPU time bills from this sighting on (vastai.md 15); an unknown status word changes nothing (F22).

    `was_billed` is the answer before this sighting, false for an instance that is seen for the first time.
    """
    if row.status is StatusClass.UNKNOWN:
        return was_billed
    return row.status is StatusClass.RUNNING
