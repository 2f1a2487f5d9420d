"""The receipt: the stored evidence that an instance is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli.app import App
from gpushopper.cli.output import json_output, tables
from gpushopper.cli.output.text_format import money, plural, when
from gpushopper.errors import NotVerified

if TYPE_CHECKING:
    from gpushopper.wire import AttemptView, SessionView

MEANS = {
    "proven": "destroyed: the cloud no longer shows it",
    "absent": "never came to be: the cloud never showed it",
    "refused": "the cloud refused to create it",
    "never_sent": "nothing was ever sent",
}


def print_receipt(app: App, session: SessionView) -> None:
    """Print every attempt's receipt; exit 8 while one is missing, because only a receipt proves the end (I27)."""
    missing = [attempt for attempt in session.attempts if not attempt.receipt]
    if app.as_json:
        receipts = [_fields(attempt) for attempt in session.attempts]
        complete = bool(session.attempts) and not missing
        tables.out(json_output.document(session=session.name, complete=complete, receipts=receipts))
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
        "receipt": _receipt(attempt.receipt),
    }


def _receipt(receipt: dict[str, Any] | None) -> dict[str, Any] | None:
    """The stored evidence as it stands, its amounts named as such."""
    if receipt is None:
        return None
    cost = {f"{kind}_micros": amount for kind, amount in receipt.get("cost", {}).items()}
    kept = {name: value for name, value in receipt.items() if name not in ("cost", "total")}
    return {**kept, "cost": cost, "total_micros": receipt.get("total", 0)}


def _so_far(session: SessionView) -> str:
    if session.end_stage == "off":
        return ": it is off, the daemon is finishing the proof"
    return ": it may still bill" if session.end_stage == "requested" else ": nobody has ended it"


def _print(app: App, session: SessionView, attempt: AttemptView) -> None:
    now, receipt = app.now().wall, attempt.receipt or {}
    tables.facts(
        [
            ("session", session.name),
            ("instance", f"{attempt.instance_id or 'none'} on {session.provider}"),
            ("label", attempt.label),
            ("outcome", MEANS.get(str(receipt.get("kind", "")), "no receipt yet")),
            ("why", attempt.reason.replace("_", " ")),
            ("sent", when(attempt.sent_at, now) if attempt.sent_at else "never"),
            ("off since", when(attempt.off_at, now) if attempt.off_at else ""),
            ("proven", when(attempt.closed_at, now) if attempt.closed_at else ""),
            ("evidence", _evidence(receipt.get("evidence", {}))),
            ("cost", _cost(receipt.get("cost", {}), attempt.accrued)),
        ]
    )


def _evidence(evidence: dict[str, Any]) -> str:
    """`1 destroy sent, then not shown 3 times`, as far as the receipt says."""
    said = []
    if evidence.get("destroy_count"):
        said.append(f"{plural(evidence['destroy_count'], 'destroy')} sent")
    if evidence.get("absences"):
        said.append(f"not shown {plural(evidence['absences'], 'time')} in a row")
    return ", then ".join(said)


def _cost(parts: dict[str, int], total: int) -> str:
    shares = [f"{kind} {money(amount)}" for kind, amount in parts.items() if amount]
    return f"{money(total)} ({', '.join(shares)})" if shares else money(total)
