"""The receipt: the stored evidence that an instance is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpushopper.cli import machine, show
from gpushopper.cli.app import App
from gpushopper.cli.say import money, plural, when
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
        show.out(machine.document(session=session.name, complete=complete, receipts=receipts))
    else:
        for place, attempt in enumerate(session.attempts):
            if place:
                show.out("")
            _print(app, session, attempt)
    if missing:
        raise NotVerified(
            f"{session.name} has no receipt yet: it may still bill", f"see: gpu-shopper get {session.name}"
        )


def _fields(attempt: AttemptView) -> dict[str, Any]:
    return {
        "attempt": attempt.id,
        "instance_id": attempt.instance_id,
        "label": attempt.label,
        "gone_at": attempt.gone_at,
        "accrued": attempt.accrued,
        "receipt": attempt.receipt,
    }


def _print(app: App, session: SessionView, attempt: AttemptView) -> None:
    now, receipt = app.now().wall, attempt.receipt or {}
    kind = str(receipt.get("kind", ""))
    show.facts(
        [
            ("session", session.name),
            ("instance", attempt.instance_id or "none"),
            ("label", attempt.label),
            ("outcome", MEANS.get(kind, "no receipt yet: may still bill")),
            ("why", attempt.reason),
            ("sent", when(attempt.sent_at, now) if attempt.sent_at else "never"),
            ("off since", when(attempt.off_at, now) if attempt.off_at else ""),
            ("proven", when(attempt.gone_at, now) if attempt.gone_at else ""),
            ("cost", money(attempt.accrued)),
            *_evidence(receipt),
        ]
    )


def _evidence(receipt: dict[str, Any]) -> list[tuple[str, object]]:
    """What the receipt rests on; its fields differ by kind, so lists are counted and plain values shown."""
    pairs: list[tuple[str, object]] = []
    for name, value in receipt.items():
        if name == "kind" or isinstance(value, dict) or name.endswith("_at"):
            continue
        label = name.replace("_", " ")
        pairs.append((label, plural(len(value), "answer") if isinstance(value, list) else value))
    return pairs
