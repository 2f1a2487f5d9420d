"""Vast's replies as vastai.md records them, without the sandbox: shapes, prices, ids, secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gpushopper.core.instances import StatusClass
from gpushopper.providers.base import (
    Account,
    Blind,
    Created,
    CreateRequest,
    DestroyOutcome,
    Listing,
    Missing,
    Offers,
    Present,
    Refusal,
    RefusedCreate,
    Search,
    Trouble,
    Unclear,
)
from gpushopper.providers.vast.drift import Drift
from gpushopper.providers.vast.instances import read_instance
from gpushopper.providers.vast.offers import read_offer, read_region
from tests.providers.bodies import CREATED, DATE_US, LIST, NO_SUCH_ASK, OFFER, ROW, reply
from tests.providers.stage import LIMIT_S, answering

ID = "33402296"


def create_with(answer: httpx.Response, seen: list[httpx.Request] | None = None) -> Any:
    offer = read_offer(OFFER, 20.0, 0, Drift())
    assert offer is not None
    request = CreateRequest(offer, "gs1-x", "ubuntu:22.04", 40.0, {"GS_LABEL": "gs1-x", "A": "b"}, "echo hi")

    def handle(http: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(http)
        return answer

    return answering(handle).create(request, 60.0)


def always(answer: Callable[[], httpx.Response]) -> Any:
    return answering(lambda request: answer())


def test_a_create_sends_what_the_official_client_sends():
    seen: list[httpx.Request] = []
    assert create_with(reply(CREATED), seen) == Created(ID, True, DATE_US)
    (request,) = seen
    assert (request.method, request.url.path) == ("PUT", "/api/v0/asks/29817342/")
    assert request.headers["authorization"] == "Bearer " + "k" * 64
    assert request.headers["content-type"] == "application/json"
    assert 59 < request.extensions["total_limit"] <= 60
    assert json.loads(request.content) == {
        "client_id": "me", "image": "ubuntu:22.04", "disk": 40.0, "label": "gs1-x", "onstart": "echo hi",
        "env": {"GS_LABEL": "gs1-x", "A": "b"}, "runtype": "ssh_direc ssh_proxy", "cancel_unavail": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"success": True, "new_contract": "33402296"}, 200, Created(ID, True, DATE_US)),
        ({"new_contract": 33402296}, 200, Created(ID, False, DATE_US)),
        ({"success": False, "error": "no_such_ask", "new_contract": 33402296}, 400, Created(ID, False, DATE_US)),
        ({"success": True, "result": {"new_contract": 33402296}}, 200, Created(ID, True, DATE_US)),
        ({"success": True, "new_contract": {"id": 33402296}}, 200, Created(ID, True, DATE_US)),
        ([{"new_contract": 33402296}], 200, Created(ID, False, DATE_US)),
        ({"error": "oops", "new_contract": 33402296}, 500, Created(ID, False, DATE_US)),
    ],
)
def test_an_id_counts_before_every_flag(body: Any, status: int, expected: Created):
    assert create_with(reply(body, status)) == expected


@pytest.mark.parametrize(
    "value", ["../1", "1?a=b", "", True, 0, -5, 1.5, 3.3e7, "12x", "1" * 30, [], [1, 2], {}, "\u0661"]
)
@pytest.mark.parametrize("flags", [{"success": True}, NO_SUCH_ASK])
def test_an_id_that_cannot_be_one_makes_everything_unclear(value: Any, flags: dict[str, Any]):
    assert isinstance(create_with(reply({**flags, "new_contract": value}, 400)), Unclear)


def test_two_different_ids_are_unclear():
    assert isinstance(create_with(reply([{"new_contract": 1}, {"new_contract": 2}])), Unclear)


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (NO_SUCH_ASK, 400, Refusal.OFFER_GONE),
        (NO_SUCH_ASK, 404, Refusal.OFFER_GONE),
        ({**NO_SUCH_ASK, "new_contract": None}, 400, Refusal.OFFER_GONE),
        (NO_SUCH_ASK, 200, Refusal.OFFER_GONE),
        ({"success": False, "error": "insufficient_credit", "msg": "x"}, 400, Refusal.NO_CREDIT),
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, Refusal.AUTH),
        ({"success": False, "error": "auth_error", "msg": "This action requires login."}, 403, Refusal.AUTH),
        ({"msg": "Two Factor Authentication required"}, 401, Refusal.AUTH),
    ],
)
def test_definite_refusals(body: Any, status: int, why: Refusal):
    answer = create_with(reply(body, status))
    assert isinstance(answer, RefusedCreate) and answer.why is why
    assert answer.date == (None if why is Refusal.AUTH else DATE_US)


@pytest.mark.parametrize(
    "answer",
    [
        reply(NO_SUCH_ASK, 500),
        reply(NO_SUCH_ASK, 302),
        reply({**NO_SUCH_ASK, "success": True}, 400),
        reply({**NO_SUCH_ASK, "success": True}, 200),
        reply({"msg": "no_such_ask"}, 200),
        reply({"success": False}, 200),
        reply({"success": True}, 200),
        reply({"success": True, "new_contract": None}, 200),
        reply({}, 200),
        reply([], 200),
        reply(None, 200),
        reply({"success": False, "error": "not_found", "msg": "Not Found."}, 404),
        reply({"success": False, "error": "deprecated_endpoint"}, 410),
        httpx.Response(200, content=b'{"success":true,"new_contract":33402296}', headers={"content-type": "text/html"}),
        httpx.Response(400, text="no_such_ask"),
        httpx.Response(429, text="slow down"),
        httpx.Response(401, text="proxy login"),
        httpx.Response(200, content=b""),
        httpx.Response(204),
        httpx.Response(200, content=b'{"new_contract": 33402296', headers={"content-type": "application/json"}),
        httpx.Response(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
        httpx.Response(200, content=b"1" * 5000, headers={"content-type": "application/json"}),
        httpx.Response(200, content=b'{"a":"\xff"}', headers={"content-type": "application/json"}),
    ],
    ids=range(23),
)
def test_everything_else_is_unclear(answer: httpx.Response):
    assert isinstance(create_with(answer), Unclear)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"instances": None}, 200, Missing),
        ({"success": True, "instances": None}, 200, Missing),
        ({"success": False, "error": "no_such_instance", "msg": "x"}, 404, Missing),
        ({"instances": ROW}, 200, Present),
        ({"success": False, "instances": None}, 200, Blind),
        ({"error": "auth_error", "instances": None}, 200, Blind),
        ({"success": False, "error": "auth_error", "msg": "Invalid user key"}, 404, Blind),
        ({"success": False, "error": "no_such_instance", "msg": "Invalid user key"}, 404, Blind),
        ({"success": False, "error": "not_found"}, 404, Blind),
        ({"instances": []}, 200, Blind),
        ({"instances": {}}, 200, Blind),
        ({"instances": [ROW]}, 200, Blind),
        ({"instances": {**ROW, "id": 33402297}}, 200, Blind),
        ({"instances": {**ROW, "id": None}}, 200, Blind),
        ({"instance": None}, 200, Blind),
        ({}, 200, Blind),
        (None, 200, Blind),
        ("null", 200, Blind),
        ({"instances": None}, 410, Blind),
        ({"instances": None}, 500, Blind),
        ({"instances": None}, 202, Blind),
        ({"error": "no_such_instance"}, 400, Blind),
    ],
)
def test_only_two_forms_say_that_an_instance_is_missing(body: Any, status: int, kind: type):
    assert isinstance(always(lambda: reply(body, status)).fetch_instance(ID, LIMIT_S), kind)


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"success": False}, Trouble.SHAPE), ({"instances": None}, Trouble.SHAPE), ({"instances": {}}, Trouble.SHAPE),
        ({"error": "x"}, Trouble.SHAPE), ({"success": "true"}, Trouble.SHAPE), ({"instances": ["x"]}, Trouble.SHAPE),
        ({"instances": [{}]}, Trouble.SHAPE),
    ],
)  # fmt: skip
def test_a_list_of_another_shape_is_blind(change: dict[str, Any], trouble: Trouble):
    answer = always(lambda: reply({**LIST, **change})).fetch_instances(LIMIT_S)
    assert isinstance(answer, Blind) and answer.trouble is trouble


@pytest.mark.parametrize(
    "change",
    [
        {"total_instances": 2}, {"total_instances": 0}, {"total_instances": None}, {"total_instances": True},
        {"next_token": 5}, {"next_token": "x" * 5000}, {"instances": [ROW, {"label": None}]},
        {"instances": [ROW, None]}, {"instances": [{**ROW, "label": 5, "extra_env": None}]},
        {"instances": [], "total_instances": 1},
    ],
)  # fmt: skip
def test_a_list_with_anything_odd_is_no_proof_of_absence(change: dict[str, Any]):
    answer = always(lambda: reply({**LIST, **change})).fetch_instances(LIMIT_S)
    assert isinstance(answer, Blind) or (not answer.complete and answer.detail)


def test_a_token_that_comes_again_ends_the_list_unfinished():
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        row = {**ROW, "id": 33402296 + len(requests)}
        return reply({**LIST, "instances": [row], "next_token": "same", "total_instances": 2})

    answer = answering(handle).fetch_instances(LIMIT_S)
    assert isinstance(answer, Listing) and not answer.complete
    assert len(requests) == 2
    assert requests[1].url.params["after_token"] == "same"
    assert json.loads(requests[0].url.params["order_by"]) == [{"col": "id", "dir": "asc"}]


def test_an_empty_account_is_complete():
    answer = always(lambda: reply({**LIST, "instances": [], "total_instances": 0})).fetch_instances(LIMIT_S)
    assert answer == Listing((), True, DATE_US)


def test_a_row_is_read_field_by_field():
    row = read_instance(ROW, Drift())
    assert row is not None
    assert (row.instance_id, row.label, row.env_label, row.host_id) == (ID, "team-job-1", "second", "41234")
    assert (row.rate, row.gpu_rate, row.storage_rate) == (358_889, 350_000, 8_889)
    assert (row.created_at, row.ends_at) == (1_793_400_000_500_000, 1_796_400_000_000_000)
    assert (row.ssh_host, row.ssh_port) == ("203.0.113.7", 41022)
    assert row.message == "success, running x"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"ports": None}, ("ssh5.vast.ai", 31022)), ({"ports": {}}, ("ssh5.vast.ai", 31022)),
        ({"ports": {"22/tcp": [{"HostPort": 41022}]}}, ("203.0.113.7", 41022)),
        ({"ports": None, "image_runtype": "jupyter_proxy ssh_proxy"}, ("ssh5.vast.ai", 31023)),
        ({"ports": None, "ssh_host": None}, (None, None)), ({"ports": None, "ssh_port": 70000}, (None, None)),
        ({"public_ipaddr": "-oProxyCommand=x"}, ("ssh5.vast.ai", 31022)),
        ({"public_ipaddr": "a b", "ssh_host": "x;y"}, (None, None)),
    ],
)  # fmt: skip
def test_where_to_log_in(change: dict[str, Any], where: tuple[str | None, int | None]):
    row = read_instance({**ROW, **change}, Drift())
    assert row is not None and (row.ssh_host, row.ssh_port) == where


@pytest.mark.parametrize("name", [name for name in ROW if name != "id"])
@pytest.mark.parametrize("value", [None, "x", -1, 1e300, True, [], {}, "\x1b[31m", float("1e999")])
def test_no_odd_field_hides_a_row(name: str, value: Any):
    drift = Drift()
    row = read_instance({**ROW, name: value}, drift)
    assert row is not None and row.instance_id == ID
    for price in (row.rate, row.gpu_rate, row.storage_rate):
        assert price is None or 0 <= price <= 10**10
    if row.status_word not in ("running", "none"):
        assert row.status is StatusClass.UNKNOWN


@pytest.mark.parametrize(
    "label", ["gs1-aaaaaaaaaa\x00", "gs1\u200b-x", "\ud800", "a\nb", "a\x1b[2Jb", "\u202eevil", "x" * 5000]
)
def test_a_label_never_becomes_another_one_by_being_cleaned(label: str):
    row = read_instance({**ROW, "label": label}, Drift())
    assert row is not None and row.label is not None and row.label != label.replace("\x00", "")
    assert len(row.label) >= min(len(label), 300)
    row.label.encode()


@pytest.mark.parametrize(
    ("states", "word", "status"),
    [
        (("stopped",) * 3, None, StatusClass.STOPPED), (("stopped",) * 3, "loading", StatusClass.STOPPED),
        (("stopped",) * 3, "running", StatusClass.RUNNING), (("stopped",) * 3, "offline", StatusClass.OFFLINE),
        (("stopped", "running", "running"), None, StatusClass.PENDING),
        (("stopped", "running", "running"), "running", StatusClass.RUNNING),
        (("running",) * 3, "exited", StatusClass.STOPPED),
    ],
)  # fmt: skip
def test_the_contract_states_tell_a_stop_nobody_asked(states: tuple[str, ...], word: str | None, status: StatusClass):
    names = dict(zip(("cur_state", "intended_status", "next_state"), states, strict=True))
    row = read_instance({**ROW, **names, "actual_status": word}, Drift())
    assert row is not None and row.status is status


def test_an_offer_is_read_field_by_field():
    offer = read_offer(OFFER, 5.0, 7, Drift())
    assert offer is not None
    assert (offer.key, offer.host_id, offer.gpu, offer.gpu_count, offer.vram_mb) == (
        "vast:29817342", "41234", "RTX 4090", 2, 24564)  # fmt: skip
    assert (offer.gpu_rate, offer.storage_gb_month) == (350_000, 160_000)
    assert (offer.upload_gb, offer.download_gb) == (2000, 3000)
    assert (offer.region, offer.reliability, offer.cuda, offer.verified) == ("Texas, US", 0.9982, 12.8, True)
    assert (offer.cpu_cores, offer.ram_mb, offer.interruptible, offer.seen_at) == (16.0, 64473, False, 7)
    assert offer.ends_at == 1_796_400_000_000_000


def test_a_missing_base_price_is_the_total_without_its_storage():
    without = {name: value for name, value in OFFER.items() if name != "dph_base"}
    offer = read_offer(without, 5.0, 0, Drift())
    assert offer is not None and abs(offer.gpu_rate - 350_000) <= 1


NEEDED = ("id", "dph_base", "storage_cost", "inet_up_cost", "gpu_name", "num_gpus", "machine_id")
# A name may be any text, and true reads as one.
FINE = {("gpu_name", "NaN"), ("gpu_name", "1e9"), ("num_gpus", "True")}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in NEEDED for value in (None, "", -1, "NaN", "1e9", True, [], 1e300)
     if (name, str(value)) not in FINE],
)  # fmt: skip
def test_an_offer_is_dropped_rather_than_guessed(name: str, value: Any):
    row = {k: v for k, v in OFFER.items() if k not in ("dph_total", "storage_total_cost", "ask_contract_id")}
    drift = Drift()
    assert read_offer({**row, name: value}, 5.0, 0, drift) is None
    assert drift.counts()["offer row: dropped"] == 1


@pytest.mark.parametrize(
    ("place", "region"), [(", US", "US"), ("Texas, US", "Texas, US"), (None, ""), ("US", "US"), (" , ", "")]
)
def test_regions(place: str | None, region: str):
    assert read_region(place) == region


def test_a_bad_row_costs_only_itself():
    body = {"offers": [OFFER, None, {**OFFER, "id": "x", "ask_contract_id": 5, "dph_base": "0.1"}, {}]}
    found = always(lambda: reply(body)).search(Search(), LIMIT_S)
    assert isinstance(found, Offers)
    assert [o.offer_id for o in found.offers] == ["5", "29817342"]


@pytest.mark.parametrize("body", [{}, {"offers": None}, {"offers": {}}, {"success": False, "offers": []}, [], None])
def test_a_search_of_another_shape_is_blind(body: Any):
    assert isinstance(always(lambda: reply(body)).search(Search(), LIMIT_S), Blind)


def test_offers_at_one_price_across_a_cut_are_found_by_host():
    market = [{**OFFER, "id": n, "ask_contract_id": n, "machine_id": n // 2 + 1, "dph_total": 0.2 if n < 200 else 0.3}
              for n in range(1, 301)]  # fmt: skip
    ops: dict[str, Callable[[float, float], bool]] = {
        "gte": lambda a, b: a >= b, "gt": lambda a, b: a > b, "lte": lambda a, b: a <= b
    }  # fmt: skip

    def handle(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        rows = [row for row in market for name in ("dph_total",)
                if all(ops[op](row[name], want) for op, want in asked.get(name, {}).items())
                and row["machine_id"] >= asked.get("machine_id", {}).get("gte", 0)]  # fmt: skip
        rows.sort(key=lambda row: row[asked["order"][0][0]])
        return reply({"offers": rows[:64]})

    found = answering(handle).search(Search(limit=None), 3600.0)
    assert isinstance(found, Offers) and found.complete
    assert len(found.offers) == 300


def test_gpu_names_come_from_a_search_where_the_list_is_missing():
    def handle(request: httpx.Request) -> httpx.Response:
        return reply({"offers": [OFFER]}) if request.method == "POST" else reply({"error": "not_found"}, 404)

    assert answering(handle).gpu_names(LIMIT_S) == ("RTX 4090",)


@pytest.mark.parametrize(
    ("credit", "balance"),
    [(12.34, 12_340_000), (-0.5, -500_000), ("3", 3_000_000), (25_000, 25_000_000_000), (None, None), (True, None),
     ("x", None)],
)  # fmt: skip
def test_spendable_money_is_credit(credit: Any, balance: int | None):
    answer = always(lambda: reply({"id": 7001, "balance": 99.0, "credit": credit})).fetch_account(LIMIT_S)
    assert answer == Account("7001", balance, DATE_US)


@pytest.mark.parametrize("body", [{}, {"id": None, "credit": 1}, {"id": "x/y"}, {"id": True}, [], None])
def test_an_account_without_an_id_is_blind(body: Any):
    assert isinstance(always(lambda: reply(body)).fetch_account(LIMIT_S), Blind)


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        ({"success": True}, 200, DestroyOutcome.ACKNOWLEDGED), ({"success": 1}, 200, DestroyOutcome.UNKNOWN),
        ({}, 200, DestroyOutcome.UNKNOWN), ({"success": False}, 200, DestroyOutcome.UNKNOWN),
        ({"success": False, "msg": "try again in 2 minutes"}, 200, DestroyOutcome.REFUSED_FOR_NOW),
        ({"success": True}, 500, DestroyOutcome.UNKNOWN), ({"success": True}, 202, DestroyOutcome.UNKNOWN),
        ({"error": "not_found"}, 404, DestroyOutcome.NOT_FOUND), ({"msg": "gone"}, 404, DestroyOutcome.UNKNOWN),
        ({"error": "auth_error"}, 404, DestroyOutcome.UNAUTHORISED),
        ({"error": "x", "msg": "Two Factor Authentication needed"}, 401, DestroyOutcome.UNAUTHORISED),
    ],
)  # fmt: skip
def test_destroy_outcomes(body: Any, status: int, outcome: DestroyOutcome):
    (answer,) = always(lambda: reply(body, status)).destroy((ID,), LIMIT_S)
    assert answer.outcome is outcome
    assert (answer.date is not None) == (outcome in (
        DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND, DestroyOutcome.REFUSED_FOR_NOW))  # fmt: skip
    if "minutes" in str(body):
        assert answer.retry_after_s == 120


def test_a_bulk_destroy_takes_64_and_says_so_for_the_rest():
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)))
        return reply({"success": True})

    ids = tuple(str(n) for n in range(1, 71))
    outcomes = answering(handle).destroy((*ids, "x", "1"), LIMIT_S)
    assert seen == [("/api/v0/instances/", {"instance_ids": list(range(1, 65))})]
    kinds = [outcome.outcome for outcome in outcomes]
    assert kinds == [DestroyOutcome.ACKNOWLEDGED] * 64 + [DestroyOutcome.REFUSED_FOR_NOW] * 6 + [
        DestroyOutcome.UNKNOWN, DestroyOutcome.ACKNOWLEDGED]  # fmt: skip
