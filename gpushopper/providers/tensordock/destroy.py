"""Destroy an instance at TensorDock: what each reply means (tensordock.md 11, D6). None proves that it is gone."""

from __future__ import annotations

from gpushopper.providers.api import Call, Failure, Reply
from gpushopper.providers.base import Destroyed, DestroyOutcome, Endpoint
from gpushopper.providers.kit import unanswered_destroy
from gpushopper.providers.tensordock.parsing import error_replies

_ALREADY = "already terminated"


def destroy_call(instance_id: str) -> Call:
    """The request; it has no body, and there is none for several instances."""
    return Call(Endpoint.DESTROY.value, "DELETE", f"/instances/{instance_id}")


def read_destroy(answer: Reply | Failure) -> Destroyed:
    """The outcome of one call; details are raw: the caller redacts them.

    204 has no body. A page of HTML is a gateway's, whatever its status.
    """
    if isinstance(answer, Failure):
        return unanswered_destroy(answer)
    detail = error_replies.describe(answer)
    if error_replies.is_success(answer) and (answer.is_json or answer.status == 204):
        return Destroyed(DestroyOutcome.ACKNOWLEDGED, detail, date=answer.date)
    if answer.status == 429:
        return Destroyed(DestroyOutcome.RETRY_LATER, detail, answer.retry_after_s, answer.date)
    if error_replies.is_key_refused(answer):
        return Destroyed(DestroyOutcome.KEY_REJECTED, detail)
    # Older servers say it with 500 (tensordock.md 11).
    if error_replies.is_gone(answer) or _ALREADY in error_replies.error_text(answer).lower():
        return Destroyed(DestroyOutcome.NOT_FOUND, detail, date=answer.date)
    return Destroyed(DestroyOutcome.UNKNOWN, detail)
