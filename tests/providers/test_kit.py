"""What adapters share: what no reply, and a reply in nobody's form, count as; fields by the cloud's own key pattern."""

from __future__ import annotations

from typing import Annotated

import pytest

from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import DestroyOutcome, ErrorKind, ReadFailed, Refusal, RejectedCreate, UnknownOutcome
from gpushopper.providers.kit import (
    Line,
    Row,
    UnknownFields,
    id_field,
    json_object,
    number_id,
    unanswered_create,
    unanswered_destroy,
)


@pytest.mark.parametrize(
    ("kind", "sent", "why"),
    [
        (ErrorKind.NETWORK, True, None),
        (ErrorKind.AUTH, True, None),
        (ErrorKind.NETWORK, False, Refusal.NEVER_SENT),
        (ErrorKind.SHAPE, False, Refusal.NEVER_SENT),
        (ErrorKind.THROTTLED, False, Refusal.THROTTLED),
        (ErrorKind.AUTH, False, Refusal.AUTH),
    ],
)
def test_a_create_without_a_reply_is_refused_only_if_nothing_was_sent(kind: ErrorKind, sent: bool, why: Refusal | None):
    found = unanswered_create(Failure(kind, "no", 7.0, sent=sent))
    assert isinstance(found, UnknownOutcome if why is None else RejectedCreate)
    assert getattr(found, "why", None) is why


def test_a_destroy_without_a_reply_is_never_acknowledged():
    outcomes = {kind: unanswered_destroy(Failure(kind, "no", sent=False)).outcome for kind in ErrorKind}
    assert outcomes.pop(ErrorKind.THROTTLED) is DestroyOutcome.RETRY_LATER
    assert outcomes.pop(ErrorKind.AUTH) is DestroyOutcome.KEY_REJECTED
    assert set(outcomes.values()) == {DestroyOutcome.UNKNOWN}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {"says": "slow"}, ErrorKind.THROTTLED),
        (401, {"says": "bad key"}, ErrorKind.AUTH),
        (401, {}, ErrorKind.FORBIDDEN),
        (403, None, ErrorKind.FORBIDDEN),
        (403, {"says": "no"}, ErrorKind.SHAPE),
        (200, None, ErrorKind.NETWORK),
        (502, {"says": "no"}, ErrorKind.NETWORK),
        (302, {}, ErrorKind.NETWORK),
        (404, {}, ErrorKind.SHAPE),
        (200, [], ErrorKind.SHAPE),
    ],
)
def test_a_reply_that_is_no_object_is_a_failed_read(status: int, body: object, kind: ErrorKind):
    def words(reply: Reply) -> str:
        return str(reply.body.get("says", "")) if isinstance(reply.body, dict) else ""

    reply = Reply(status, body is not None, body, "", None, None)
    found = json_object(reply, lambda each: words(each) == "bad key", words)
    assert isinstance(found, ReadFailed) and found.error_kind is kind


class ToyRow(Row):
    id: Annotated[str | None, id_field(number_id)] = None
    text: Line = None


def test_a_rows_text_is_redacted_by_its_clouds_pattern():
    unknown = UnknownFields(r"\btoy_[a-z]{8,}\b")
    row = ToyRow.model_validate({"id": "../7", "text": "a toy_abcdefgh\nb"}, context=unknown)
    assert (row.id, row.text) == (None, "a [secret] b")
    unknown.note("field toy_abcdefgh")
    assert unknown.counts() == {"unreadable field: id": 1, "field [secret]": 1}


@pytest.mark.parametrize(
    ("status", "is_json", "was_answered"), [(502, True, True), (503, False, True), (302, False, False)]
)
def test_a_failed_read_tells_a_cloud_that_fails_from_a_network_that_may_be_ours(
    status: int, is_json: bool, was_answered: bool
):
    """HTML with another status than an error's may be a captive portal's (F127)."""
    found = json_object(Reply(status, is_json, {}, "", None, None), lambda _reply: False, lambda _reply: "")
    assert isinstance(found, ReadFailed) and found.was_answered is was_answered
