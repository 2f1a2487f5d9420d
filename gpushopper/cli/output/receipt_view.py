"""Print receipts, as text or JSON; exit status 8 while one is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from gpushopper.cli.app import App
from gpushopper.cli.output import tables
from gpushopper.cli.output.endings.end_reasons import REASONS, reason_text
from gpushopper.cli.output.text_format import money, plural, when
from gpushopper.clouds import title_of
from gpushopper.core.timing.clock_snapshot import MINUTE
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import NotVerified

if TYPE_CHECKING:
    from gpushopper.wire import AttemptView, SessionView

TRAFFIC = "traffic_micros"
UNSEEN_US = 6 * MINUTE
"""What is longer than this is no usual time from one list to the next, which is five minutes."""
MEANS = {
    "proven": "destroyed: the cloud no longer lists it",
    "forgotten": "not proven: its user has checked the console",
    "absent": "never created: the cloud never listed it",
    "refused": "the cloud refused to create it",
    "never_sent": "no create request was sent",
}


def print_receipt(app: App, session: SessionView) -> None:
    """Print every attempt's receipt; NotVerified (exit 8) while one is missing: only a receipt proves the end (I27)."""
    missing = [attempt for attempt in session.attempts if not attempt.receipt]
    if app.output not in ("table", "wide"):
        receipts = [_fields(attempt) for attempt in session.attempts]
        complete = bool(session.attempts) and not missing
        tables.rows(app, "receipts", receipts, (), name="attempt", session=session.name, complete=complete)
    else:
        for place, attempt in enumerate(session.attempts):
            if place:
                tables.out("")
            _print(app, session, attempt)
    if missing:
        raise NotVerified(
            f"{session.name} has no receipt yet{_so_far(session)}", f"see: gpu-shopper get {session.name}"
        )


def _fields(attempt: AttemptView) -> dict[str, Any]:
    return {
        "attempt": attempt.id,
        "instance_id": attempt.instance_id,
        "label": attempt.label,
        "closed_at": attempt.closed_at,
        "accrued": attempt.accrued,
        "cost": attempt.cost,
        "by_bill": attempt.by_bill,
        "receipt": receipt_fields(attempt.receipt),
    }


def receipt_fields(receipt: dict[str, Any] | None) -> dict[str, Any] | None:
    """The stored evidence unchanged, except that amounts get `_micros` names."""
    if receipt is None:
        return None
    cost = {f"{kind}_micros": amount for kind, amount in receipt.get("cost", {}).items()}
    kept = {name: value for name, value in receipt.items() if name not in ("cost", "total")}
    return {**kept, "cost": cost, "total_micros": receipt.get("total", 0)}


def _so_far(session: SessionView) -> str:
    if session.end_stage == "off":
        return ": it is off, verification is in progress"
    return ": it may still bill" if session.end_stage == "requested" else ": it has not been ended"


def _print(app: App, session: SessionView, attempt: AttemptView) -> None:
    now, receipt = app.now().wall, attempt.receipt or {}
    tables.facts(
        [
            ("session", session.name),
            ("instance", f"{attempt.instance_id or 'none'} on {attempt.provider or session.provider}"),
            ("image", attempt.image),
            ("label", attempt.label),
            ("outcome", MEANS.get(str(receipt.get("kind", "")), "no receipt yet")),
            ("why", reason_text(attempt.reason) if attempt.reason in REASONS else attempt.reason.replace("_", " ")),
            ("sent", when(attempt.sent_at, now) if attempt.sent_at else "never"),
            ("off since", when(attempt.off_at, now) if attempt.off_at else ""),
            (_closing(receipt), when(attempt.closed_at, now) if attempt.closed_at else ""),
            ("evidence", _evidence(receipt.get("evidence", {}))),
            ("cost", _cost(cast("Mapping[str, int]", attempt.cost), attempt.accrued)),
            ("unseen", hidden_text(receipt, now)),
            ("bill", billed_text(title_of(attempt.cloud), cast("Mapping[str, int]", attempt.by_bill))),
        ]
    )


def _closing(receipt: dict[str, Any]) -> str:
    return "forgotten" if receipt.get("kind") == "forgotten" else "proven"


def _evidence(evidence: dict[str, Any]) -> str:
    """`1 destroy sent, then not listed 3 times in a row`, as far as the receipt has it."""
    parts = []
    if evidence.get("destroy_count"):
        parts.append(f"{plural(evidence['destroy_count'], 'destroy')} sent")
    if evidence.get("absence_count"):
        parts.append(f"not listed {plural(evidence['absence_count'], 'time')} in a row")
    return ", then ".join(parts)


def _cost(parts: Mapping[str, int], total: int) -> str:
    shares = [f"{kind.removesuffix('_micros')} {money(amount)}" for kind, amount in parts.items() if amount]
    is_all = sum(parts.values()) == total  # what still accrues is in no entry yet
    return f"{money(total)} ({', '.join(shares)})" if shares and is_all else money(total)


def billed_text(cloud: str, by_bill: Mapping[str, int]) -> str:
    """What a cloud's bill has changed after our own count; empty for nothing.

    `corrected by Vast.ai's bill: -$0.31; traffic by Vast.ai's bill: +$0.0140`.
    """
    traffic = by_bill.get(TRAFFIC, 0)
    corrected = sum(by_bill.values()) - traffic
    parts = [("corrected", corrected), ("traffic", traffic)]
    return "; ".join(f"{what} by {cloud}'s bill: {_signed(amount)}" for what, amount in parts if amount)


def _signed(micros: int) -> str:
    return money(micros) if micros < 0 else f"+{money(micros)}"


def hidden_text(receipt: Mapping[str, Any], now: int) -> str:
    """The times in which a price, a stop or the end came unseen, and what that may be of the cost; empty for none.

    A usual time between two lists is left out.
    """
    times = [(each["from_at"], each["to_at"]) for each in receipt.get("hidden", ())]
    said = [f"within {span(end - start)} from {when(start, now)}" for start, end in times if end - start >= UNSEEN_US]
    if not said:
        return ""
    most = money(receipt.get("hidden_cost_micros", 0))
    return f"a price, stop or end {', '.join(said)}; of the cost {most} is uncertain at most"
