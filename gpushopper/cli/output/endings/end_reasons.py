"""The reason words of ends in plain words; the words themselves are in JSON, events and receipts."""

from __future__ import annotations

from gpushopper.core.model.ends.end_reason import WHY

REASONS = {
    **WHY,
    "deadline": "its deadline",
    "user": "its user ended it",
    "budget": "a budget was used up",
    "self_ended": "it ended by itself, not confirmed",
}


def reason_text(reason: str) -> str:
    """`idle: it was not in use`; a word without a longer text stays what it is."""
    return f"{reason}: {REASONS[reason]}" if reason in REASONS else reason


def ignored(names: list[str]) -> str:
    """The end files that its guard does not obey."""
    files = ", ".join(f"end-{name}" for name in names)
    return f"{files}: damaged, of another start, or too late; the deadline holds" if files else ""
