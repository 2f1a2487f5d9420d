"""The mechanics of reading an error reply, which are the same everywhere; each cloud brings its own words.

A failure to send is judged here, because no cloud has a say in it (D17, S11).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import (
    Destroyed,
    DestroyOutcome,
    ErrorKind,
    ReadFailed,
    Refusal,
    RejectedCreate,
    UnknownOutcome,
)

NEVER_SENT_PAUSE_S = 5.0
_NOT_SENT = {ErrorKind.THROTTLED: Refusal.THROTTLED, ErrorKind.AUTH: Refusal.AUTH}
"""Why a create was not sent, beside that nothing could be: our own rate limit, or a credential that gets no token."""


def json_object(
    answer: Reply | Failure, is_key_refused: Callable[[Reply], bool], message: Callable[[Reply], str]
) -> dict[str, Any] | ReadFailed:
    """The JSON object of a 200; anything else is ReadFailed, never an empty object (F34, F44, F78).

    The cloud says what a refusal of its key looks like, and what a reply says in its own form (empty: nothing).
    """
    if isinstance(answer, Failure):
        return ReadFailed(answer.kind, answer.detail, answer.retry_after_s)
    detail = f"{answer.status} {message(answer) or _shape_of(answer)}"
    if answer.status == 429:
        return ReadFailed(ErrorKind.THROTTLED, detail, answer.retry_after_s)
    if is_key_refused(answer):
        return ReadFailed(ErrorKind.AUTH, detail)
    if answer.status in (401, 403) and not message(answer):
        return ReadFailed(ErrorKind.FORBIDDEN, detail)
    if not answer.is_json or answer.status >= 500 or 300 <= answer.status < 400:
        # HTML with another status may be a captive portal's, which is this computer's network.
        return ReadFailed(ErrorKind.NETWORK, detail, was_answered=answer.is_json or answer.status >= 500)
    if answer.status != 200 or not isinstance(answer.body, dict):
        return ReadFailed(ErrorKind.SHAPE, detail)
    return answer.body


def _shape_of(reply: Reply) -> str:
    return f"JSON {type(reply.body).__name__} without a message" if reply.is_json else "without JSON"


def unanswered_create(failure: Failure) -> RejectedCreate | UnknownOutcome:
    """What a create without a reply came to: only one of which certainly no byte has left was refused (F1, F4)."""
    if failure.sent:
        return UnknownOutcome(failure.detail)
    why = _NOT_SENT.get(failure.kind, Refusal.NEVER_SENT)
    wait = NEVER_SENT_PAUSE_S if why is Refusal.NEVER_SENT else failure.retry_after_s
    return RejectedCreate(why, failure.detail, wait)


def unanswered_destroy(failure: Failure) -> Destroyed:
    """What a destroy without a reply came to; it is sent again in any case (I6)."""
    if failure.kind is ErrorKind.THROTTLED:
        return Destroyed(DestroyOutcome.RETRY_LATER, failure.detail, failure.retry_after_s)
    is_refused = failure.kind is ErrorKind.AUTH
    return Destroyed(DestroyOutcome.KEY_REJECTED if is_refused else DestroyOutcome.UNKNOWN, failure.detail)
