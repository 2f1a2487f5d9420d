"""Create a VM at TensorDock: the body, and whether the reply proves success, refusal or nothing (tensordock.md 5, 13).

A create takes up to 70 s, has no idempotency key, and names need not be unique: a blind retry makes a second VM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gpushopper.core.model.offer import Offer
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import Created, CreateRequest, Refusal, RejectedCreate, UnknownOutcome
from gpushopper.providers.kit import unanswered_create
from gpushopper.providers.tensordock import vm_sizes
from gpushopper.providers.tensordock.cloud_init import cloud_init, read_public_key
from gpushopper.providers.tensordock.parsing import error_replies
from gpushopper.providers.tensordock.parsing.ids import OfferId, read_id, read_offer_id

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_IMAGE = re.compile(r"[a-z][a-z0-9_.]{2,63}")
"""An operating system, as `ubuntu2404_ml_pytorch`: no slash, no colon, so never a container's image."""

_OFFER_GONE = ("no available nodes", "no available public ip", "hostnode unavailable")
_NO_CREDIT = "need at least $"


@dataclass(frozen=True, slots=True)
class _Order:
    """What a request says once all of it has been checked."""

    what: OfferId
    size: vm_sizes.VmSize
    public_key: str
    cloud_init: dict[str, Any]


def create_body(request: CreateRequest) -> dict[str, Any] | RejectedCreate:
    """The body of POST /instances, or why this is never sent: then no VM was made.

    A dedicated address always: at some places forwarded ports are accepted and then ignored (tensordock.md 10). The
    environment is not sent, for a VM has none; the label is its name.
    """
    order = _order(request)
    if isinstance(order, str):
        return RejectedCreate(Refusal.BAD_REQUEST, order)
    what, size = order.what, order.size
    attributes = {
        "name": request.label,
        "type": "virtualmachine",
        "image": request.image,
        "location_id": what.location_id,
        "resources": {
            "vcpu_count": size.vcpus,
            "ram_gb": size.ram_gb,
            "storage_gb": vm_sizes.storage_gb(request.disk_gb),
            "gpus": {what.gpu_key: {"count": what.count}},
        },
        "useDedicatedIp": True,
        "ssh_key": order.public_key,
        "cloud_init": order.cloud_init,
    }
    return {"data": {"type": "virtualmachine", "attributes": attributes}}


def _order(request: CreateRequest) -> _Order | str:
    """The checked parts, or what is wrong with them."""
    what = _what(request.offer)
    # The size that the offer was priced for.
    size = vm_sizes.size_for(what.count, request.offer.cpu_cores or 0, request.offer.ram_mb or 0) if what else None
    if what is None or size is None or what.count != request.offer.gpu_count:
        return "not an offer of TensorDock"
    if _NAME.fullmatch(request.label) is None:
        return "the label cannot be a name at TensorDock"
    if _IMAGE.fullmatch(request.image) is None:
        return f"not an operating system of TensorDock: {request.image[:80]}"
    # Without one the VM could not be reached, and would bill (tensordock.md 18).
    key = read_public_key(request.public_key)
    if key is None:
        return "no ssh key for the instance"
    planted = cloud_init(key, request.boot_script)
    return "a boot script that is no cloud-init" if planted is None else _Order(what, size, key, planted)


def _what(offer: Offer) -> OfferId | None:
    """What the offer's reference names, which is also what its id was made of; offers of old rows have only the id."""
    what = read_offer_id(offer.offer_id if offer.reference is None else offer.reference)
    return what if what is not None and offer.offer_id in (what.short, str(what)) else None


def read_create(answer: Reply | Failure) -> Created | RejectedCreate | UnknownOutcome:
    """An id decides before any flag (F3); then the allow-list of refusals (S11); else the outcome is unknown (F4).

    Details are raw: the caller redacts them.
    """
    if isinstance(answer, Failure):
        return unanswered_create(answer)
    found = _ids(answer.body)
    ids = {text for value in found if (text := read_id(value)) is not None}
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


def _ids(body: Any) -> list[Any]:
    """Each id that the reply names for a new VM: in `data`, or unwrapped as a read by id answers (tensordock.md 5, 6).

    A body without `type` is no object, and its `id`, if it has one, that of something else.
    """
    if not isinstance(body, dict):
        return []
    data = body.get("data")
    named: list[Any] = [*(data if isinstance(data, list) else [data]), *([body] if "type" in body else [])]
    objects: list[dict[str, Any]] = [one for one in named if isinstance(one, dict)]
    inner = [one["attributes"] for one in objects if isinstance(one.get("attributes"), dict)]
    found = [one.get("id") for one in (*objects, *inner)]
    return list(dict.fromkeys(value if isinstance(value, str) else repr(value) for value in found if value))


def _refusal(reply: Reply) -> Refusal | None:
    """Which definite refusal this is; None for every other reply, also a vague one (tensordock.md 13)."""
    if reply.status == 429:
        # Its body is not known; a page of HTML would be a gateway's.
        return None if reply.head.lstrip().startswith("<") else Refusal.THROTTLED
    if error_replies.is_validation(reply):
        return Refusal.BAD_REQUEST if reply.status == 400 else None
    if not error_replies.is_refusal(reply):
        return None
    text = error_replies.error_text(reply).lower()
    if any(words in text for words in _OFFER_GONE):
        return Refusal.OFFER_GONE
    if _NO_CREDIT in text:
        return Refusal.NO_CREDIT
    return Refusal.AUTH if error_replies.is_key_refused(reply) else None
