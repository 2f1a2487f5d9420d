"""TensorDock's lists and reads by id: three shapes, and never an empty list that is none (tensordock.md 6, 13)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gpushopper.core.cloud import Carrier, StoppedBilling
from gpushopper.core.lifecycle.gpu_billing import bills_gpu_time
from gpushopper.core.model.instance import StatusClass
from gpushopper.providers.base import (
    Account,
    Destroyed,
    DestroyOutcome,
    ErrorKind,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    Marks,
    ReadFailed,
)
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.tensordock import TRAITS
from gpushopper.providers.tensordock.parsing.instance_rows import read_instance
from tests.providers.bodies import DATE_US, reply
from tests.providers.bodies_tensordock import (
    DELETED,
    GATEWAY,
    ID,
    INSTANCE,
    KEY,
    LABEL,
    NOT_FOUND,
    OTHER,
    SHAPE_1,
    SHAPE_2,
    SHAPE_3,
    TOKEN,
    UNAUTHORIZED,
)
from tests.providers.tensordock_calls import always, answering

HTML = {"content-type": "text/html"}


def listed(answer: httpx.Response) -> Any:
    return always(answer).fetch_instances(30.0)


def found_by_id(answer: httpx.Response) -> Any:
    return always(answer).fetch_instance(ID, 30.0)


def destroyed(answer: httpx.Response) -> Destroyed:
    (outcome,) = always(answer).destroy((ID,), 90.0)
    return outcome


@pytest.mark.parametrize("body", [SHAPE_1, SHAPE_2, SHAPE_3], ids=["flat", "attributes", "list object"])
def test_each_known_shape_is_a_whole_list(body: dict[str, Any]):
    provider = always(reply(body))
    found = provider.fetch_instances(30.0)
    assert isinstance(found, InstanceList) and found.complete and found.date == DATE_US
    (row,) = found.instances
    assert (row.instance_id, row.label, row.status) == (ID, LABEL, StatusClass.RUNNING)
    assert provider.unknown_fields == {}


@pytest.mark.parametrize(
    "body",
    [{"data": []}, {"data": {"instances": []}},
     {"data": {"type": "list", "id": "instances", "attributes": {"instances": []}}}],
)  # fmt: skip
def test_an_empty_list_of_known_shape_is_whole(body: dict[str, Any]):
    assert listed(reply(body)) == InstanceList((), True, DATE_US)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"data": None}, {"data": {}}, {"data": "x"}, {"instances": []}, {"data": {"instances": None}},
        {"data": {"virtualmachines": {}}}, {"data": {"instances": {}}}, INSTANCE, {"data": INSTANCE}, [], [INSTANCE],
        {"data": {"instances": [], "attributes": {"instances": [INSTANCE]}}},
        {"data": [], "error": "Database unavailable"}, {"data": [], "status": 500}, {"data": [], "status": 400.0},
        {"data": {"instances": [], "error": "x"}}, {"data": [], "error": ""},
    ],
)  # fmt: skip
def test_an_unknown_shape_or_a_failure_with_200_is_never_an_empty_list(body: Any):
    found = listed(reply(body))
    assert isinstance(found, ReadFailed) and found.error_kind is ErrorKind.SHAPE


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("x", "without a usable id"),
        (None, "without a usable id"),
        ({**INSTANCE, "id": None}, "without a usable id"),
        ({**INSTANCE, "id": "../admin-x"}, "without a usable id"),
        ({"id": OTHER, "status": "running"}, "do not show whose"),
        ({"id": OTHER, "name": None}, "do not show whose"),
        (INSTANCE, "an id twice"),
    ],
)
def test_a_list_with_an_item_that_is_not_understood_shows_presence_only(item: Any, reason: str):
    found = listed(reply({"data": [INSTANCE, item]}))
    assert isinstance(found, InstanceList) and not found.complete
    assert reason in found.detail and found.instances[0].instance_id == ID


@pytest.mark.parametrize("more", [{"next": "abc"}, {"has_more": True}, {"total": 2}, {"links": {"next": "/x"}}])
def test_a_list_that_may_have_more_pages_is_not_whole(more: dict[str, Any]):
    """None was ever seen (tensordock.md 6)."""
    provider = always(reply({**SHAPE_1, **more}))
    found = provider.fetch_instances(30.0)
    assert isinstance(found, InstanceList) and not found.complete
    assert provider.unknown_fields == {f"list field: {name}": 1 for name in more}
    empty = listed(reply({"data": [], **more}))
    assert isinstance(empty, ReadFailed) and empty.error_kind is ErrorKind.SHAPE


def test_a_total_that_agrees_is_only_noted():
    provider = always(reply({**SHAPE_1, "total": 1, "hello": "x"}))
    found = provider.fetch_instances(30.0)
    assert isinstance(found, InstanceList) and found.complete
    assert set(provider.unknown_fields) == {"list field: total", "list field: hello"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(UNAUTHORIZED, 401), ErrorKind.AUTH),
        (reply({"message": "Forbidden"}, 403), ErrorKind.AUTH),
        (httpx.Response(401, text=GATEWAY, headers=HTML), ErrorKind.FORBIDDEN),
        (httpx.Response(403, text=GATEWAY, headers=HTML), ErrorKind.FORBIDDEN),
        (reply({"error": "slow down"}, 429, {"Retry-After": "7"}), ErrorKind.THROTTLED),
        (reply({}, 401), ErrorKind.FORBIDDEN),
        (httpx.Response(429, text=GATEWAY, headers=HTML), ErrorKind.THROTTLED),
        (httpx.Response(502, text=GATEWAY, headers=HTML), ErrorKind.NETWORK),
        (httpx.Response(200, text=GATEWAY, headers=HTML), ErrorKind.NETWORK),
        (reply({"error": "x"}, 500), ErrorKind.NETWORK),
        (reply({"data": []}, 503), ErrorKind.NETWORK),
        (reply({"data": []}, 302), ErrorKind.NETWORK),
        (reply({"error": "x"}, 404), ErrorKind.SHAPE),
        (reply(UNAUTHORIZED, 200), ErrorKind.SHAPE),
    ],
)
def test_every_failure_of_a_list_is_a_failure(answer: httpx.Response, kind: ErrorKind):
    provider = always(answer)
    for found in (provider.fetch_instances(30.0), provider.fetch_account(30.0)):
        assert isinstance(found, ReadFailed) and found.error_kind is kind, found
    assert isinstance(found_by_id(answer), ReadFailed if answer.status_code != 404 else InstanceNotFound)


def test_an_account_is_a_token_that_is_accepted_and_no_more():
    assert always(reply(SHAPE_1)).fetch_account(30.0) == Account("", None, DATE_US)


@pytest.mark.parametrize("body", [INSTANCE, {"data": INSTANCE}, SHAPE_2["data"]["instances"][0]])
def test_a_read_by_id_finds_the_instance_wrapped_or_not(body: dict[str, Any]):
    found = found_by_id(reply(body))
    assert isinstance(found, InstanceFound)
    assert (found.instance.instance_id, found.instance.label) == (ID, LABEL)


@pytest.mark.parametrize(
    "answer",
    [
        reply({**INSTANCE, "id": OTHER}),
        reply({}),
        reply({"data": None}),
        reply({**INSTANCE, "error": "x"}),
        reply({**INSTANCE, "status": 404}),
        reply({"status": 404, "error": "Instance not found"}),
        reply({}, 404),
        reply([], 404),
        httpx.Response(404),
        httpx.Response(404, text=GATEWAY, headers=HTML),
        httpx.Response(404, text="Not Found", headers={"content-type": "text/plain"}),
    ],
    ids=range(11),
)
def test_only_the_api_itself_says_that_an_instance_is_gone(answer: httpx.Response):
    assert isinstance(found_by_id(answer), ReadFailed)


def test_the_404_of_the_api_is_not_found():
    assert found_by_id(reply(NOT_FOUND, 404)) == InstanceNotFound(DATE_US)


@pytest.mark.parametrize(
    ("word", "status", "bills_gpu"),
    [
        ("creating", StatusClass.PENDING, True), ("Queued", StatusClass.PENDING, True),
        ("starting", StatusClass.PENDING, True), ("deploying", StatusClass.PENDING, True),
        ("Running", StatusClass.RUNNING, True), ("stopping", StatusClass.STOPPED, True),
        ("Stopped", StatusClass.STOPPED, True), ("StoppedDisassociated", StatusClass.STOPPED, False),
        ("stopped_disassociated", StatusClass.STOPPED, False), ("error", StatusClass.FAILED, True),
        ("terminated", StatusClass.ENDING, False), ("deleted", StatusClass.ENDING, False),
        ("Relocating", StatusClass.UNKNOWN, True), ("", StatusClass.UNKNOWN, True), (None, StatusClass.UNKNOWN, True),
        ({}, StatusClass.UNKNOWN, True),
    ],
)  # fmt: skip
def test_status_words_and_what_they_bill(word: Any, status: StatusClass, bills_gpu: bool):
    unknown = UnknownFields()
    row = read_instance({**INSTANCE, "status": word}, unknown)
    assert row is not None and row.status is status
    assert bills_gpu_time(row, TRAITS.billing, was_billed=True) is bills_gpu
    assert bool(unknown.counts()) == (status is StatusClass.UNKNOWN)
    assert TRAITS.billing.stopped is StoppedBilling.ALL


def test_a_row_is_read_field_by_field():
    row = read_instance(INSTANCE, UnknownFields())
    assert row is not None
    assert row.carriers == ((Carrier.NAME, LABEL),)
    assert (row.gpu, row.gpu_count, row.vram_mb, row.disk_gb) == ("RTX 4090", 1, 24_576, 100)
    assert (row.rate, row.gpu_rate, row.storage_rate) == (489_600, None, None)
    assert (row.ssh_host, row.ssh_port, row.ssh_user) == ("203.0.113.20", 20456, "user")
    assert (row.created_at, row.host_id, row.image, row.provider_status) == (None, None, None, "running")


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"portForwards": []}, ("203.0.113.20", 22)),
        ({"portForwards": None}, ("203.0.113.20", 22)),
        ({"portForwards": [{"internal_port": 80, "external_port": 20001}]}, ("203.0.113.20", 22)),
        ({"portForwards": [{"internal_port": "22", "external_port": "20001"}]}, ("203.0.113.20", 20001)),
        ({"portForwards": [None, {"internal_port": 22, "external_port": 99_999}]}, ("203.0.113.20", 22)),
        ({"portForwards": "22"}, ("203.0.113.20", 22)),
        ({"ipAddress": ""}, (None, None)),
        ({"ipAddress": None}, (None, None)),
        ({"ipAddress": "-oProxyCommand=x"}, (None, None)),
        ({"ipAddress": "a b"}, (None, None)),
        ({"ipAddress": 5}, (None, None)),
    ],
)
def test_the_address_of_a_login(changes: dict[str, Any], address: tuple[str | None, int | None]):
    row = read_instance({**INSTANCE, **changes}, UnknownFields())
    assert row is not None and (row.ssh_host, row.ssh_port) == address
    assert row.has_address is (address[0] is not None)


@pytest.mark.parametrize(
    "changes",
    [
        {"rateHourly": value} for value in (None, "x", -1, float("1e300"), True, {}, 0)
    ] + [
        {"resources": value}
        for value in (None, [], "x", {"gpus": []}, {"gpus": {}}, {"gpus": {"a": 1, "b": 2}}, {"gpus": {"a b": {}}})
    ],
)  # fmt: skip
def test_one_unreadable_field_never_hides_an_instance(changes: dict[str, Any]):
    row = read_instance({**INSTANCE, **changes}, UnknownFields())
    assert row is not None and row.label == LABEL
    assert row.rate is None if "rateHourly" in changes else row.gpu_count is None


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(DELETED), DestroyOutcome.ACKNOWLEDGED),
        (httpx.Response(204), DestroyOutcome.ACKNOWLEDGED),
        (reply(NOT_FOUND, 404), DestroyOutcome.NOT_FOUND),
        (reply({"error": "VM already terminated"}, 500), DestroyOutcome.NOT_FOUND),
        (reply({"status": 400, "error": "VM is already terminated"}), DestroyOutcome.NOT_FOUND),
        (reply(UNAUTHORIZED, 401), DestroyOutcome.KEY_REJECTED),
        (reply({"error": "x"}, 429), DestroyOutcome.RETRY_LATER),
        (reply({"status": 400, "error": "Hostnode unavailable"}), DestroyOutcome.UNKNOWN),
        (reply({"data": {"error": "x"}}), DestroyOutcome.UNKNOWN),
        (reply({"error": "x"}, 409), DestroyOutcome.UNKNOWN),
        (reply(DELETED, 500), DestroyOutcome.UNKNOWN),
        (httpx.Response(200, text=GATEWAY, headers=HTML), DestroyOutcome.UNKNOWN),
        (httpx.Response(401, text=GATEWAY, headers=HTML), DestroyOutcome.UNKNOWN),
        (httpx.Response(404, text=GATEWAY, headers=HTML), DestroyOutcome.UNKNOWN),
        (httpx.Response(502, text=GATEWAY, headers=HTML), DestroyOutcome.UNKNOWN),
    ],
    ids=range(15),
)
def test_what_the_reply_to_a_destroy_means(answer: httpx.Response, outcome: DestroyOutcome):
    assert destroyed(answer).outcome is outcome


def test_one_destroy_is_sent_at_a_time_without_a_body():
    sent: list[httpx.Request] = []
    outcomes = always(reply(DELETED), sent).destroy((OTHER, "../x", ID), 90.0)
    assert [one.outcome for one in outcomes] == [
        DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.UNKNOWN, DestroyOutcome.RETRY_LATER,
    ]  # fmt: skip
    (http,) = sent
    assert (http.method, http.url.path, http.content) == ("DELETE", f"/api/v2/instances/{OTHER}", b"")
    assert http.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_destroy_that_was_cut_off_proves_nothing_and_is_not_repeated_here():
    sent: list[httpx.Request] = []

    def hang(http: httpx.Request) -> httpx.Response:
        sent.append(http)
        raise httpx.ReadTimeout("slow")

    (outcome,) = answering(hang).destroy((ID,), 90.0)
    assert outcome.outcome is DestroyOutcome.UNKNOWN and len(sent) == 1


@pytest.mark.parametrize("strange", ["", "../1", "1?a=b", "1/../2", "-1", "0", "1" * 40, "x", f"{ID}\n", "instances"])
def test_an_invalid_id_is_never_sent_in_a_path(strange: str):
    sent: list[httpx.Request] = []
    provider = always(reply(DELETED), sent)
    assert isinstance(provider.fetch_instance(strange, 30.0), ReadFailed)
    assert provider.destroy((strange,), 90.0)[0].outcome is DestroyOutcome.UNKNOWN
    assert sent == []


def test_what_tensordock_has_no_call_for_is_never_sent():
    sent: list[httpx.Request] = []
    provider = always(reply({}), sent)
    assert not provider.set_label(ID, LABEL, 30.0) and not provider.attach_key(ID, "ssh-ed25519 x", 30.0)
    assert isinstance(provider.fetch_log(ID, 10, 30.0), ReadFailed)
    assert sent == []


def test_a_404_that_refuses_the_key_says_nothing_about_the_instance():
    provider = always(reply(UNAUTHORIZED, 404))
    assert isinstance(provider.fetch_instance(ID, 30.0), ReadFailed)
    assert provider.destroy((ID,), 90.0)[0].outcome is DestroyOutcome.UNKNOWN


@pytest.mark.parametrize("body", [{"data": {"secrets": [{"type": "SSHKEY", "id": ID, "name": "a"}, {"id": None}, 5]}}])
def test_marks_are_the_ids_of_all_secrets(body: object):
    assert always(reply(body)).fetch_marks(30.0) == Marks(frozenset({ID}))


@pytest.mark.parametrize(
    "body", [{"data": {}}, {"data": []}, {}, {"status": 500, "error": "no"}, {"data": {"secrets": {}}}]
)
def test_secrets_that_cannot_be_read_are_no_empty_list(body: object):
    assert isinstance(always(reply(body)).fetch_marks(30.0), ReadFailed)
    assert isinstance(always(reply(body)).add_mark("a", KEY, 30.0), ReadFailed)
