"""The reason words of ends in plain words; the words themselves are in JSON, events and receipts."""

from __future__ import annotations

REASONS = {
    "idle": "it was not in use",
    "contact": "nobody has contacted it",
    "run_done": "its run has ended",
    "done": "it was told there that the work is done",
    "deadline": "its deadline",
    "user": "its user ended it",
    "self_ended": "it ended by itself, not confirmed",
}


def reason_text(reason: str) -> str:
    """`idle: it was not in use`; a word without a longer text stays what it is."""
    return f"{reason}: {REASONS[reason]}" if reason in REASONS else reason
