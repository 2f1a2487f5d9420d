"""Receipts: the final cost and the stored evidence of how an attempt was closed, and its text (I5, I14)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from gpushopper.core.model.actions import CloseAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, ReceiptKind, State
from gpushopper.core.model.records.hidden_span import with_span
from gpushopper.core.spending import ledger
from gpushopper.core.spending.bills.bill_correction import hidden_cost
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.store import ledger as ledger_table
from gpushopper.store.database import Store


def settle_cost(store: Store, attempt: Attempt, action: CloseAttempt) -> dict[str, int]:
    """Write ledger entries up to the end and correct what was accrued past it; micro-dollars by kind."""
    if attempt.billed_until is not None:
        if action.kind in (ReceiptKind.PROVEN, ReceiptKind.FORGOTTEN):
            entries, booked = ledger.accrue(attempt, action.ended_at)
            if action.storage_ended_at is not None:
                alone, booked = ledger.accrue(replace(booked, is_gpu_billed=False), action.storage_ended_at)
                entries += alone
            ledger_table.insert_entries(store, entries + ledger.rest_of_traffic(booked, action.ended_at))
        written = tuple(ledger_table.entries_of(store, attempt.id))
        corrections = ledger.settle(attempt, action.ended_at, written, action.storage_ended_at)
        beyond = ledger.beyond_use(attempt, action.ended_at, (*written, *corrections))
        ledger_table.insert_entries(store, (*corrections, *beyond))
    totals = ledger_table.totals_by_attempt(store, [attempt.id]).get(attempt.id, {})
    return {kind: totals.get(kind, 0) for kind in ledger.KINDS}


def closed_columns(attempt: Attempt, action: CloseAttempt, cost: dict[str, int], now: ClockSnapshot) -> dict[str, Any]:
    """The columns of a closed attempt, receipt included: it says, too, what nobody saw."""
    hidden = attempt.hidden
    seen_at = attempt.last_seen_at if attempt.last_seen_at is not None else attempt.sent_at
    if seen_at is not None and action.kind == ReceiptKind.PROVEN:
        hidden = with_span(hidden, seen_at, action.ended_at)
    receipt = {
        "kind": str(action.kind),
        "reason": attempt.reason or action.reason,
        "label": attempt.label,
        "provider": attempt.provider,
        "account": attempt.account,
        "image": attempt.image,
        "instance_id": attempt.instance_id,
        "sent_at": attempt.sent_at,
        "ended_at": action.ended_at,
        "storage_ended_at": action.storage_ended_at,
        "proven_at": now.wall,
        "cost": cost,
        "total": sum(cost.values()),
        "evidence": dict(action.evidence),
        "hidden": [{"from_at": start, "to_at": end} for start, end in hidden],
        "hidden_cost_micros": hidden_cost(attempt, hidden),
    }
    return {
        "state": State.CLOSED,
        "desired_state": DesiredState.TERMINATED,
        "reason": attempt.reason or action.reason,
        "state_changed_at": now.wall,
        "terminate_requested_at": now.wall
        if attempt.terminate_requested_at is None
        else attempt.terminate_requested_at,
        "closed_at": now.wall,
        "is_gpu_billed": False,
        "is_running": False,
        "unbooked_traffic": 0,
        "hidden": hidden,
        "billed_until": None if attempt.billed_until is None else action.storage_ended_at or action.ended_at,
        "receipt": json.dumps(receipt, sort_keys=True),
    }


def describe_receipt(attempt: Attempt, kind: str) -> str:
    """The text of the `closed` event."""
    match kind:
        case ReceiptKind.PROVEN:
            return f"instance {attempt.instance_id} is proven gone"
        case ReceiptKind.FORGOTTEN:
            return "its end is not proven: its user has checked the console"
        case ReceiptKind.ABSENT:
            return "the create never made an instance"
        case ReceiptKind.REFUSED:
            return "the provider refused the create; nothing exists"
        case _:
            return "nothing was ever sent"
