"""What TensorDock's error replies mean; a reply of status 200 may be one, too (tensordock.md 13).

A success has a `status` as well, but as a word: `running`. A numeric one of 400 or more, or an `error`, is a failure.
"""

from __future__ import annotations

from typing import Any

from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.providers.kit import json_object

_MOST_MESSAGES = 3


def says_failure(body: object) -> bool:
    """Whether a body reports a failure, whatever status it came with: the rule for every endpoint."""
    if not isinstance(body, dict):
        return False
    status, data = body.get("status"), body.get("data")
    if isinstance(status, (int, float)) and not isinstance(status, bool) and status >= 400:
        return True
    return body.get("error") is not None or (isinstance(data, dict) and data.get("error") is not None)


def is_success(reply: Reply) -> bool:
    """2xx, and the body does not say otherwise."""
    return 200 <= reply.status < 300 and not says_failure(reply.body)


def error_text(reply: Reply) -> str:
    """The message of an error, which stands in several places; of a validation error the first few messages."""
    if is_validation(reply):
        found = [item.get("message") for item in reply.body[:_MOST_MESSAGES]]
    elif isinstance(reply.body, dict):
        data = reply.body.get("data")
        inner = data.get("error") if isinstance(data, dict) else None
        found = [reply.body.get("error"), reply.body.get("message"), inner]
    else:
        found = []
    return "; ".join(text for text in found if isinstance(text, str) and text.strip())


def is_validation(reply: Reply) -> bool:
    """The array of what is wrong with a request: `[{"code", "message", "path"}]`."""
    body = reply.body
    return isinstance(body, list) and bool(body) and all(isinstance(i, dict) and "message" in i for i in body)


def is_of_api(reply: Reply) -> bool:
    """Whether an error is the API's own and not a gateway's: a JSON object with a message."""
    return isinstance(reply.body, dict) and bool(error_text(reply))


def is_refusal(reply: Reply) -> bool:
    """Whether the API itself said no, and not that it failed: 4xx, or 2xx with an error that is not called 5xx."""
    status: float = reply.status
    if 200 <= status < 300 and says_failure(reply.body):
        said = reply.body.get("status")
        status = said if isinstance(said, (int, float)) and not isinstance(said, bool) else 400
    return 400 <= status < 500 and is_of_api(reply)


def is_key_refused(reply: Reply) -> bool:
    """A refusal of the token in the API's own words; the same refusal was seen in bursts with good tokens.

    Whether it is one of these is decided by what the account has answered before (tensordock.md 13).
    """
    return reply.status in (401, 403) and is_of_api(reply)


def is_gone(reply: Reply) -> bool:
    """The API's own 404 about an instance (tensordock.md 3); a gateway's HTML page says nothing about it.

    Nor does a refusal of the key, whatever its status.
    """
    return reply.status == 404 and is_of_api(reply) and "unauthorized" not in error_text(reply).lower()


def payload(answer: Reply | Failure) -> dict[str, Any] | ReadFailed:
    """The JSON object of a read that succeeded; anything else is ReadFailed, never an empty object (F34, F44, F78)."""
    body = json_object(answer, is_key_refused, error_text)
    if isinstance(answer, Failure) or isinstance(body, ReadFailed) or not says_failure(body):
        return body
    return ReadFailed(ErrorKind.SHAPE, f"no success: {describe(answer)}")


def describe(reply: Reply) -> str:
    """One raw line about a reply; it is redacted before it is shown."""
    if not reply.is_json:
        return f"{reply.status} without JSON"
    return f"{reply.status} {error_text(reply) or f'JSON {type(reply.body).__name__} without a message'}"
