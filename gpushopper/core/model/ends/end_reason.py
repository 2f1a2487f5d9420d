"""The reasons of early ends: the words that are stored and shown, and what each means."""

from __future__ import annotations

from typing import Any

IDLE, CONTACT, RUN_DONE, DONE = "idle", "contact", "run_done", "done"
WHY = {
    IDLE: "it was not in use",
    CONTACT: "nobody has contacted it",
    RUN_DONE: "its run has ended",
    DONE: "it was told there that the work is done",
}
NOT_HEARD: dict[str, Any] = {"ending_reason": "", "ending_at": None, "ending_heard_at": None}
"""The fields of an attempt whose instance announces no end."""
