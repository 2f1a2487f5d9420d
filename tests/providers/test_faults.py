"""Every fault word on every call comes out as a typed value, and never proves what is not so (D17, F34)."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper.core.model.instance import StatusClass
from gpushopper.core.policy import MAX_THROTTLED_S
from gpushopper.providers.base import (
    Account,
    Created,
    Destroyed,
    DestroyOutcome,
    ErrorKind,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    OfferList,
    ReadFailed,
    Refusal,
    RejectedCreate,
    UnknownOutcome,
)
from gpushopper.providers.base import OfferQuery as Wanted
from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.faults.fault_types import FAULT_TYPES
from tests.providers.stage import LIMIT_S, Stage

ARGUMENTS = {
    "no_field": "label", "schema_change": "success", "status": "503", "reject": "no_such_ask", "429": "9",
    "429_plain_text": "9", "ack_noop": "9", "status_word": "dreaming", "label_cut": "20", "page_cut": "1",
    "page_shift": "1", "foreign": "3", "offline": "10m", "omit": "10m", "lag": "10m", "stale": "10m", "late": "5m",
    "shape": "2", "pace": "1/1s",
}  # fmt: skip
IN_VASTS_WORDS = pytest.mark.parametrize("stage", ["vast"], indirect=True)
"""For what is about fields, words or pages that Vast alone has; tests/providers/test_tensordock_*.py are its like."""
KINDS: dict[str, tuple[type, ...]] = {
    "search": (OfferList, ReadFailed),
    "create": (Created, RejectedCreate, UnknownOutcome),
    "list": (InstanceList, ReadFailed),
    "get": (InstanceFound, InstanceNotFound, ReadFailed),
    "destroy": (Destroyed,),
    "label": (bool,),
    "account": (Account, ReadFailed),
}
EVERY = [(call, word) for word, about in FAULT_TYPES.items() for call in about.calls if call in KINDS]


def play(stage: Stage, call: str, instance_id: str, request: Any) -> Any:
    provider = stage.provider
    match call:
        case "search":
            return provider.search(Wanted(), LIMIT_S)
        case "create":
            return provider.create(request, 60.0)
        case "list":
            return provider.fetch_instances(LIMIT_S)
        case "get":
            return provider.fetch_instance(instance_id, LIMIT_S)
        case "destroy":
            return provider.destroy((instance_id,), LIMIT_S)[0]
        case "label":
            return provider.set_label(instance_id, stage.label(), LIMIT_S)
        case _:
            return provider.fetch_account(LIMIT_S)


def faulted(stage: Stage, call: str, word: str, arg: str | None = None, **more: Any) -> tuple[Any, str]:
    """Play a call under a fault; returns the answer and the id of the instance that was there before."""
    instance_id = stage.rent()
    request = stage.request()
    stage.later()
    stage.fault(call, word, ARGUMENTS.get(word) if arg is None else arg, **more)
    stage.started = stage.clock.seconds
    return play(stage, call, instance_id, request), instance_id


@pytest.mark.parametrize(("call", "word"), EVERY)
def test_a_fault_becomes_a_value_within_the_time_limit(stage: Stage, call: str, word: str):
    if word in BUILT_IN[stage.name].without:
        return  # the simulated cloud refuses it, too
    answer, instance_id = faulted(stage, call, word)
    assert isinstance(answer, KINDS[call])
    assert stage.clock.seconds - stage.started <= (60.0 if call == "create" else LIMIT_S) + 1.0
    assert not isinstance(answer, InstanceNotFound) or word in ("null", "404", "stale"), (
        "only these two say so, falsely"
    )
    if isinstance(answer, InstanceList) and answer.complete:
        shown = {row.instance_id for row in answer.instances}
        assert instance_id in shown or word in ("empty200", "omit", "stale", "lag")
    if isinstance(answer, Created) and word not in ("id_never_exists",):
        assert stage.exists(answer.instance_id)
    if isinstance(answer, RejectedCreate) and word != "refused_yet_created":
        assert stage.living == 1


@pytest.mark.parametrize(
    "word",
    ["drop", "commit_then_500", "commit_then_hang", "commit_then_reset", "commit_then_garbage", "commit_then_no_id",
     "late", "hang", "blackhole", "reset", "drip", "huge", "captive_portal", "slow"],
)  # fmt: skip
def test_a_create_without_a_complete_answer_has_an_unknown_outcome_and_is_sent_once(stage: Stage, word: str):
    stage.later()
    request = stage.request()
    stage.fault("create", word, "90" if word in ("slow", "late") else None)
    before = len(stage.transport.sent)
    assert isinstance(stage.provider.create(request, 60.0), UnknownOutcome)
    assert len(stage.transport.sent) == before + 1


@pytest.mark.parametrize("status", ["500", "502", "503", "504", "404", "410", "302"])
def test_a_create_answered_by_a_proxy_has_an_unknown_outcome(stage: Stage, status: str):
    answer, _ = faulted(stage, "create", "status", status)
    assert isinstance(answer, UnknownOutcome)


@pytest.mark.parametrize("word", ["dns", "offline"])
def test_a_create_that_was_not_sent_is_a_refusal(stage: Stage, word: str):
    answer, _ = faulted(stage, "create", word)
    assert isinstance(answer, RejectedCreate) and answer.why is Refusal.NEVER_SENT


@IN_VASTS_WORDS
@pytest.mark.parametrize(
    ("code", "why"),
    [("no_such_ask", Refusal.OFFER_GONE), ("gone_while_starting", Refusal.OFFER_GONE),
     ("host_only", Refusal.OFFER_GONE), ("insufficient_credit", Refusal.NO_CREDIT),
     ("spend_rate_limit", Refusal.NO_CREDIT),
     ("invalid_args", Refusal.BAD_REQUEST), ("invalid_price", Refusal.BAD_REQUEST), ("400", Refusal.BAD_REQUEST)],
)  # fmt: skip
def test_known_refusals_of_a_create_are_definite(stage: Stage, code: str, why: Refusal):
    answer, _ = faulted(stage, "create", "reject", code)
    assert isinstance(answer, RejectedCreate) and answer.why is why


@pytest.mark.parametrize("code", ["500", "503", "strange_new_word"])
def test_an_unknown_refusal_of_a_create_has_an_unknown_outcome(stage: Stage, code: str):
    answer, _ = faulted(stage, "create", "reject", code)
    assert isinstance(answer, UnknownOutcome)


@IN_VASTS_WORDS
@pytest.mark.parametrize("status", ["400", "200", "500"])
def test_an_error_that_carries_an_id_is_an_instance(stage: Stage, status: str):
    answer, _ = faulted(stage, "create", "error_with_id", status)
    assert isinstance(answer, Created) and not answer.success_flag
    assert stage.exists(answer.instance_id)


@pytest.mark.parametrize("form", ["message", "plain", "detail", "success_false", "search_quota"])
@pytest.mark.parametrize("header", ["", "7"])
def test_every_form_of_a_rate_limit_reply_is_recognised(stage: Stage, form: str, header: str):
    answer, _ = faulted(stage, "create", "429", f"9,{form},{header}")
    assert isinstance(answer, RejectedCreate) and answer.why is Refusal.THROTTLED
    assert answer.retry_after_s is not None and answer.retry_after_s >= 12
    assert stage.living == 1


def test_each_429_in_a_row_doubles_the_backoff(stage: Stage):
    instance_id = stage.rent()
    stage.fault("destroy", "429", "9")
    waits = []
    for _ in range(6):
        (answer,) = stage.provider.destroy((instance_id,), LIMIT_S)
        assert answer.outcome is DestroyOutcome.RETRY_LATER and answer.retry_after_s is not None
        waits.append(answer.retry_after_s)
        stage.later(answer.retry_after_s)
    assert waits == sorted(waits) and waits[-1] > waits[0]
    most = MAX_THROTTLED_S if stage.provider.traits.pace.calls else 60
    assert max(waits) <= most, "a destroy is never put off for long (I6)"
    stage.world.faults.clear()
    assert stage.provider.destroy((instance_id,), LIMIT_S)[0].outcome is DestroyOutcome.ACKNOWLEDGED


def test_a_list_is_complete_after_a_single_429(stage: Stage):
    stage.fault("list", "429", "1,message,2")
    before = stage.clock.seconds
    found = stage.provider.fetch_instances(LIMIT_S)
    assert isinstance(found, InstanceList) and found.complete
    assert stage.clock.seconds - before >= 2


@IN_VASTS_WORDS
@pytest.mark.parametrize(
    ("word", "arg", "error_kind"),
    [("null200", None, ErrorKind.SHAPE), ("status", "410", ErrorKind.SHAPE), ("status", "404", ErrorKind.SHAPE),
     ("status", "503", ErrorKind.NETWORK), ("auth404", None, ErrorKind.AUTH), ("429", "99", ErrorKind.THROTTLED),
     ("429_plain_text", "99", ErrorKind.THROTTLED), ("captive_portal", None, ErrorKind.NETWORK),
     ("hang", None, ErrorKind.NETWORK), ("huge", "50", ErrorKind.NETWORK), ("drip", None, ErrorKind.NETWORK),
     ("dns", None, ErrorKind.NETWORK), ("reset", None, ErrorKind.NETWORK), ("empty200", "body", ErrorKind.NETWORK),
     ("schema_change", "instances", ErrorKind.SHAPE), ("schema_change", "id", ErrorKind.SHAPE),
     ("schema_change", "instances:text", ErrorKind.SHAPE)],
)  # fmt: skip
def test_a_list_that_cannot_be_read_is_a_failed_read(stage: Stage, word: str, arg: str | None, error_kind: ErrorKind):
    answer, _ = faulted(stage, "list", word, arg)
    assert isinstance(answer, ReadFailed) and answer.error_kind is error_kind, answer


@IN_VASTS_WORDS
@pytest.mark.parametrize(
    ("word", "arg"),
    [("page_cut", "1"), ("page_cut", "2"), ("page_shift", "1"), ("page_shift", "-1"), ("page_shift", "3"),
     ("schema_change", "total_instances"), ("schema_change", "next_token"), ("schema_change", "total_instances:text")],
)  # fmt: skip
def test_a_list_with_a_hole_is_never_complete(stage: Stage, word: str, arg: str):
    ids = set(stage.crowd(60))
    stage.fault("list", word, arg)
    found = stage.provider.fetch_instances(LIMIT_S)
    assert isinstance(found, InstanceList) and not found.complete and found.detail
    assert {row.instance_id for row in found.instances} <= ids


@IN_VASTS_WORDS
@pytest.mark.parametrize("word", ["status", "hang", "captive_portal", "reset", "null200"])
def test_an_error_on_a_later_page_makes_the_list_incomplete(stage: Stage, word: str):
    stage.crowd(30)
    stage.fault("list", word, "500" if word == "status" else None, after=1)
    found = stage.provider.fetch_instances(LIMIT_S)
    assert isinstance(found, InstanceList) and not found.complete
    assert len(found.instances) == 25


@IN_VASTS_WORDS
def test_rows_without_readable_labels_prove_no_absence(stage: Stage):
    stage.rent()
    stage.fault("list", "schema_change", "label")
    assert listed(stage).complete, "the environment still says it (S4)"
    stage.later()
    stage.fault("list", "schema_change", "extra_env")
    assert listed(stage).complete
    stage.later()
    stage.world.faults.clear()
    stage.fault("list", "no_field", "label")
    stage.fault("list", "schema_change", "extra_env")
    assert not listed(stage).complete


def listed(stage: Stage) -> InstanceList:
    found = stage.provider.fetch_instances(LIMIT_S)
    assert isinstance(found, InstanceList), found
    return found


@IN_VASTS_WORDS
def test_repeated_rows_are_one_instance(stage: Stage):
    answer, instance_id = faulted(stage, "list", "dup_rows")
    assert [row.instance_id for row in answer.instances] == [instance_id]
    assert "instance row: repeated" in stage.provider.unknown_fields


@IN_VASTS_WORDS
@pytest.mark.parametrize(
    ("word", "arg", "outcome"),
    [("ack_noop", "9", DestroyOutcome.ACKNOWLEDGED), ("404_alive", None, DestroyOutcome.NOT_FOUND),
     ("404_gone", None, DestroyOutcome.NOT_FOUND), ("500_done", None, DestroyOutcome.UNKNOWN),
     ("needs_min_age", "30m", DestroyOutcome.RETRY_LATER), ("auth404", None, DestroyOutcome.KEY_REJECTED),
     ("revoke", "401", DestroyOutcome.KEY_REJECTED), ("hang", None, DestroyOutcome.UNKNOWN),
     ("status", "404", DestroyOutcome.NOT_FOUND), ("status", "410", DestroyOutcome.UNKNOWN),
     ("captive_portal", None, DestroyOutcome.UNKNOWN), ("429", "9", DestroyOutcome.RETRY_LATER)],
)  # fmt: skip
def test_each_answer_to_a_destroy_has_its_outcome(stage: Stage, word: str, arg: str | None, outcome: DestroyOutcome):
    call = "account" if word == "revoke" else "destroy"
    instance_id = stage.rent()
    stage.fault(call, word, arg)
    (answer,) = stage.provider.destroy((instance_id,), LIMIT_S)
    assert answer.outcome is outcome, answer
    if word == "needs_min_age":
        assert answer.retry_after_s is not None and 1500 < answer.retry_after_s <= 1800


def test_a_refused_bulk_call_is_followed_by_single_ones(stage: Stage):
    ids = tuple(stage.rent() for _ in range(3))
    fault = stage.fault("destroy", "status", "410")
    stage.provider.destroy(ids, LIMIT_S)
    stage.world.faults.clear(fault.id)
    for left in (ids, ids[1:], ids[2:]):
        stage.later()
        outcomes = stage.provider.destroy(left, LIMIT_S)
        assert outcomes[0].outcome is DestroyOutcome.ACKNOWLEDGED
        assert all(o.outcome is DestroyOutcome.RETRY_LATER for o in outcomes[1:])
    assert stage.living == 0


@IN_VASTS_WORDS
@pytest.mark.parametrize(
    ("word", "status"),
    [("dreaming", StatusClass.UNKNOWN), ("unknown", StatusClass.UNKNOWN), ("offline", StatusClass.OFFLINE),
     ("exited", StatusClass.STOPPED), ("stopped", StatusClass.STOPPED), ("frozen", StatusClass.STOPPED),
     ("rebooting", StatusClass.PENDING), ("RUNNING", StatusClass.UNKNOWN), ("loading", StatusClass.PENDING)],
)  # fmt: skip
def test_an_unknown_status_word_is_not_taken_for_an_end(stage: Stage, word: str, status: StatusClass):
    answer, _ = faulted(stage, "get", "status_word", word)
    assert isinstance(answer, InstanceFound) and answer.instance.status is status


@IN_VASTS_WORDS
def test_a_missing_status_is_unknown_and_an_empty_one_is_pending(stage: Stage):
    answer, instance_id = faulted(stage, "get", "no_field", "actual_status")
    assert isinstance(answer, InstanceFound) and answer.instance.status is StatusClass.UNKNOWN
    stage.world.faults.clear()
    stage.later()
    stage.fault("get", "status_word")
    answer = stage.provider.fetch_instance(instance_id, LIMIT_S)
    assert isinstance(answer, InstanceFound) and answer.instance.status is StatusClass.PENDING


@IN_VASTS_WORDS
def test_a_container_that_cannot_start_is_failed(stage: Stage):
    stage.fault("create", "start_failure")
    instance_id = stage.rent()
    answer = stage.provider.fetch_instance(instance_id, LIMIT_S)
    assert isinstance(answer, InstanceFound) and answer.instance.status is StatusClass.FAILED
    assert "OCI runtime create failed" in answer.instance.message


def test_an_instance_born_stopped_is_stopped(stage: Stage):
    stage.fault("create", "stopped")
    answer = stage.provider.fetch_instance(stage.rent(), LIMIT_S)
    assert isinstance(answer, InstanceFound) and answer.instance.status is StatusClass.STOPPED


@IN_VASTS_WORDS
def test_unknown_fields_and_words_are_counted_by_name(stage: Stage):
    stage.rent()
    stage.fault("list", "schema_change", "image_uuid")
    stage.fault("list", "status_word", "dreaming")
    listed(stage)
    assert stage.provider.unknown_fields == {"instance field: image_uuid_v2": 1, "status word: dreaming": 1}
