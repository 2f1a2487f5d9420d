"""What Vast's error replies mean: by status, then `error`, then text (vastai.md 13)."""

from __future__ import annotations

import re
from typing import Any

from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, ReadFailed

_TOO_FAST = re.compile(r"API requests too frequent|too many requests by the client", re.IGNORECASE)
_TOO_FAST_WORDS = frozenset({"rate_limit_exceeded", "search_quota_exceeded"})
_KEY_WORDS = frozenset({"auth_error", "not_authorized"})
_KEY_TEXT = re.compile(r"invalid user key|please log in|requires login|two factor authentication", re.IGNORECASE)


def error_word(reply: Reply) -> str:
    """The `error` of a JSON object, else nothing."""
    word = reply.body.get("error") if isinstance(reply.body, dict) else None
    return word if isinstance(word, str) else ""


def error_text(reply: Reply) -> str:
    """The message, under any of its names (vastai.md 13)."""
    if not isinstance(reply.body, dict):
        return ""
    texts = (reply.body.get(name) for name in ("msg", "message", "detail"))
    return next((text for text in texts if isinstance(text, str)), "")


def is_key_refused(reply: Reply) -> bool:
    """A well-formed refusal of the key: 401, 403, or Vast's 404 with `auth_error` (F32)."""
    if not isinstance(reply.body, dict) or reply.status not in (401, 403, 404):
        return False
    word = error_word(reply)
    if word == "auth_error" or (word in _KEY_WORDS and reply.status != 404):
        return True
    return bool(_KEY_TEXT.search(error_text(reply)))


def is_no_such_instance(reply: Reply) -> bool:
    """The 404 that is about the instance and not about the key (F32)."""
    return reply.status == 404 and error_word(reply) == "no_such_instance" and not is_key_refused(reply)


def is_too_fast(reply: Reply) -> bool:
    """Vast's own limiter, in any of its five bodies; a 429 of somebody else's is not among them."""
    if reply.status != 429:
        return False
    return error_word(reply) in _TOO_FAST_WORDS or bool(_TOO_FAST.search(error_text(reply) or reply.head))


def is_success(reply: Reply) -> bool:
    """200 and `success: true`, not a word less (vastai.md 6)."""
    return reply.status == 200 and isinstance(reply.body, dict) and reply.body.get("success") is True


def payload(answer: Reply | Failure) -> dict[str, Any] | ReadFailed:
    """The object of a read that worked; anything else is ReadFailed, never empty (F34, F44, F78)."""
    if isinstance(answer, Failure):
        return ReadFailed(answer.kind, answer.detail, answer.retry_after_s)
    if answer.status == 429:
        return ReadFailed(ErrorKind.THROTTLED, "429 " + _told(answer), answer.retry_after_s)
    if is_key_refused(answer):
        return ReadFailed(ErrorKind.AUTH, f"{answer.status} {_told(answer)}")
    if not answer.is_json or answer.status >= 500 or 300 <= answer.status < 400:
        return ReadFailed(ErrorKind.NETWORK, f"{answer.status} {_told(answer)}")
    if answer.status != 200 or not isinstance(answer.body, dict):
        return ReadFailed(ErrorKind.SHAPE, f"{answer.status} {_told(answer)}")
    if answer.body.get("success", True) is not True or answer.body.get("error"):
        return ReadFailed(ErrorKind.SHAPE, f"200 that is no success: {_told(answer)}")
    return answer.body


def _told(reply: Reply) -> str:
    if not reply.is_json:
        return "without JSON"
    told = f"{error_word(reply)} {error_text(reply)}".strip()
    return told or f"JSON {type(reply.body).__name__} without a message"


def describe(reply: Reply) -> str:
    """One raw line about a reply; whoever shows it cleans it first."""
    return f"{reply.status} {_told(reply)}"
