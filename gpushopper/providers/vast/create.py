"""Create an instance at Vast: the request body, and whether its reply proves success, refusal or nothing (vastai.md 4).

F1-F6 list what goes wrong here.
"""

from __future__ import annotations

import re
from typing import Any

from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import Created, CreateRequest, Refusal, RejectedCreate, UnknownOutcome
from gpushopper.providers.kit import number_id, unanswered_create
from gpushopper.providers.vast.parsing import error_replies

_ID_FIELD = "new_contract"
_DEEPEST = 4

_NO_CREDIT_WORDS = frozenset({"insufficient_credit", "spend_rate_limit", "missing_billing"})
_BAD_REQUEST_WORDS = frozenset({"invalid_args", "invalid_price", "no_ssh_key_for_vm"})
_RESERVED = re.compile(r"error 403/3586")
"""The offer is reserved for its host; another offer may work (vastai.md 4.4)."""


def create_body(request: CreateRequest) -> dict[str, Any]:
    """The body of PUT /asks/{id}/; nulls are left out, as the official library does.

    `cancel_unavail`: otherwise an offer that was taken in the meantime becomes a stopped instance that bills its disk.
    `runtype`: direct and proxy ssh, two words, `direc` without t (vastai.md 4.3). No `price`: that makes a bid.
    """
    body: dict[str, Any] = {
        "client_id": "me",
        "image": request.image,
        "disk": request.disk_gb,
        "label": request.label,
        "env": dict(request.environment),
        "runtype": "ssh_direc ssh_proxy",
        "cancel_unavail": True,
    }
    if request.boot_script:
        body["onstart"] = request.boot_script
    if (login := request.image_login) is not None:
        # Docker's own words (vastai.md 4.1); none can be more than one word (core/model/container_image.py).
        body["image_login"] = f"-u {login.user} -p {login.password.reveal()} {login.registry}"
    return body


def read_create(answer: Reply | Failure) -> Created | RejectedCreate | UnknownOutcome:
    """An id decides before any flag (F3); then the allow-list of refusals (S11); else the outcome is unknown (F4).

    The reply also carries `instance_api_key`, which is dropped here (F104). Details are raw: the caller redacts them.
    """
    if isinstance(answer, Failure):
        return unanswered_create(answer)
    found = _ids(answer.body, 0)
    ids = {text for value in found if (text := number_id(value)) is not None}
    if len(ids) == 1 and len(found) == 1 and answer.status not in range(300, 400):
        return Created(ids.pop(), error_replies.is_success(answer), answer.date)
    if found:
        return UnknownOutcome(f"{error_replies.describe(answer)}: an id that cannot be read")
    why = _refusal(answer)
    if why is None:
        return UnknownOutcome(error_replies.describe(answer))
    return RejectedCreate(
        why,
        error_replies.describe(answer),
        answer.retry_after_s,
        # The Date of a reply to a refused key is not used as the provider's time (D10).
        None if why is Refusal.AUTH else answer.date,
    )


def _ids(body: Any, depth: int) -> list[Any]:
    """Every value of the field for the new instance's id, at any depth; nulls are left out."""
    if depth > _DEEPEST:
        return []
    if isinstance(body, list):
        return [value for item in body for value in _ids(item, depth + 1)]
    if not isinstance(body, dict):
        return []
    found: list[Any] = []
    for name, value in body.items():
        if name == _ID_FIELD:
            found += [] if value is None else [_unwrapped(value)]
        else:
            found += _ids(value, depth + 1)
    return found


def _unwrapped(value: Any) -> Any:
    """`{"id": 5}` and `[5]` for 5: other interfaces were seen to wrap an id so (F4)."""
    if isinstance(value, dict):
        return value.get("id")
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _refusal(reply: Reply) -> Refusal | None:
    """Which definite refusal this is: a 4xx of a known kind, or 200 with `success: false` and a known word."""
    if reply.status == 429:
        return Refusal.THROTTLED if error_replies.is_rate_limited(reply) else None
    if not isinstance(reply.body, dict) or reply.body.get("success") is True:
        return None
    word, text = error_replies.error_word(reply), error_replies.error_text(reply)
    if not (400 <= reply.status < 500 or (reply.status == 200 and reply.body.get("success") is False)):
        return None
    # 400 or 404 or 410, under one word or another: the text decides (vastai.md 16).
    if word == "no_such_ask" or "no_such_ask" in text or _RESERVED.search(text):
        return Refusal.OFFER_GONE
    if word in _NO_CREDIT_WORDS:
        return Refusal.NO_CREDIT
    if error_replies.is_key_refused(reply):
        return Refusal.AUTH
    return Refusal.BAD_REQUEST if word in _BAD_REQUEST_WORDS else None
