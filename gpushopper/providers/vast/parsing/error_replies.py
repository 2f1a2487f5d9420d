"""What Vast's error replies mean: key refused, rate limit (429), no such instance, server error (vastai.md 13).

Judged by HTTP status, then by the field `error`, then by the text.
"""

from __future__ import annotations

import re
from typing import Any

from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.providers.kit import json_object

_RATE_LIMIT_TEXT = re.compile(r"API requests too frequent|too many requests by the client", re.IGNORECASE)
_RATE_LIMIT_WORDS = frozenset({"rate_limit_exceeded", "search_quota_exceeded"})
_KEY_WORDS = frozenset({"auth_error", "not_authorized"})
_KEY_TEXT = re.compile(r"invalid user key|please log in|requires login|two factor authentication", re.IGNORECASE)


def error_word(reply: Reply) -> str:
    """The field `error` of a JSON object, else an empty string."""
    word = reply.body.get("error") if isinstance(reply.body, dict) else None
    return word if isinstance(word, str) else ""


def error_text(reply: Reply) -> str:
    """The message of a JSON object, which has several names (vastai.md 13)."""
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


def is_rate_limited(reply: Reply) -> bool:
    """Whether Vast's own rate limit answered, in any of its five bodies; a proxy's 429 has another body."""
    if reply.status != 429:
        return False
    return error_word(reply) in _RATE_LIMIT_WORDS or bool(_RATE_LIMIT_TEXT.search(error_text(reply) or reply.head))


def is_success(reply: Reply) -> bool:
    """200 and `success: true`, both (vastai.md 6)."""
    return reply.status == 200 and isinstance(reply.body, dict) and reply.body.get("success") is True


def payload(answer: Reply | Failure) -> dict[str, Any] | ReadFailed:
    """The JSON object of a read that succeeded; anything else is ReadFailed, never an empty object (F34, F44, F78)."""
    body = json_object(answer, is_key_refused, _words)
    if isinstance(body, ReadFailed) or isinstance(answer, Failure):
        return body
    if body.get("success", True) is not True or body.get("error"):
        return ReadFailed(ErrorKind.SHAPE, f"200 that is no success: {_message(answer)}")
    return body


def _words(reply: Reply) -> str:
    return f"{error_word(reply)} {error_text(reply)}".strip() if reply.is_json else ""


def _message(reply: Reply) -> str:
    if not reply.is_json:
        return "without JSON"
    return _words(reply) or f"JSON {type(reply.body).__name__} without a message"


def describe(reply: Reply) -> str:
    """One raw line about a reply; it is redacted before it is shown."""
    return f"{reply.status} {_message(reply)}"
