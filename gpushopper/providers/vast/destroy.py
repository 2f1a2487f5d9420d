"""Destroy instances at Vast: the request, for one or many, and what each reply means (vastai.md 7, D6).

No reply proves that an instance is gone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gpushopper.providers.api import Call, Failure, Reply
from gpushopper.providers.base import Destroyed, DestroyOutcome, Endpoint
from gpushopper.providers.kit import unanswered_destroy
from gpushopper.providers.vast.parsing import error_replies

MOST = 64
"""Ids of one bulk call; the official client splits there (vastai.md 2)."""

_LATER = re.compile(r"try again|not yet|too early|minimum (age|reservation|rental)", re.IGNORECASE)
_SPAN = re.compile(r"\b([0-9]{1,6})\s*(seconds?|secs?|s|minutes?|mins?|m)\b", re.IGNORECASE)
_LONGEST_S = 3600.0


def destroy_call(ids: Sequence[str]) -> Call:
    """The request that destroys one instance by its id, or several in bulk."""
    if len(ids) == 1:
        return Call(Endpoint.DESTROY.value, "DELETE", f"/api/v0/instances/{ids[0]}/", body={})
    body = {"instance_ids": [int(text) for text in ids]}
    return Call(Endpoint.DESTROY.value, "DELETE", "/api/v0/instances/", body=body)


def read_destroy(answer: Reply | Failure, *, bulk: bool) -> Destroyed:
    """The outcome of one call; details are raw: the caller redacts them.

    In bulk only `no_such_instance` means not found: `not_found` may as well be the endpoint itself (F79).
    """
    if isinstance(answer, Failure):
        return unanswered_destroy(answer)
    detail = error_replies.describe(answer)
    if error_replies.is_success(answer):
        return Destroyed(DestroyOutcome.ACKNOWLEDGED, detail, date=answer.date)
    if answer.status == 429:
        return Destroyed(DestroyOutcome.RETRY_LATER, detail, answer.retry_after_s, answer.date)
    # Before any 404: a wrong key is answered with 404 as well (F32).
    if error_replies.is_key_refused(answer):
        return Destroyed(DestroyOutcome.KEY_REJECTED, detail)
    absent = {"no_such_instance"} if bulk else {"no_such_instance", "not_found"}
    if answer.status == 404 and error_replies.error_word(answer) in absent:
        return Destroyed(DestroyOutcome.NOT_FOUND, detail, date=answer.date)
    text = error_replies.error_text(answer)
    if answer.is_json and answer.status < 500 and _LATER.search(f"{error_replies.error_word(answer)} {text}"):
        return Destroyed(DestroyOutcome.RETRY_LATER, detail, _named_span(text), answer.date)
    return Destroyed(DestroyOutcome.UNKNOWN, detail)


def is_bulk_broken(answer: Reply | Failure) -> bool:
    """Whether the bulk endpoint itself refused: a 4xx that is about neither key, rate limit nor instances (F79)."""
    if isinstance(answer, Failure) or not 400 <= answer.status < 500 or answer.status == 429:
        return False
    return read_destroy(answer, bulk=True).outcome is DestroyOutcome.UNKNOWN


def _named_span(text: str) -> float | None:
    """Seconds named in a refusal: `try again in 60 seconds` (F33)."""
    found = _SPAN.search(text)
    if found is None:
        return None
    unit = 60 if found[2].lower().startswith("m") else 1
    return min(float(found[1]) * unit, _LONGEST_S)
