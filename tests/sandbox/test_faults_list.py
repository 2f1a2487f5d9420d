"""Faults of list, get and destroy: the reply, what really happened, and that each counts its acts."""

from __future__ import annotations

import pytest

from gpushopper.sandbox.market.model import InstanceSpec

HEADER = "X-Sandbox-Transport"


def acted(shop):
    return [fault.acted for fault in shop.state.faults.faults]


def test_list_lag_hides_only_young_instances(shop):
    old = shop.rent("old")
    shop.clock.pass_seconds(100)
    young = shop.rent("young")
    shop.fault("list", "lag", "60")
    assert shop.ids() == [old]
    assert shop.shown(young)["id"] == young
    shop.clock.pass_seconds(60)
    assert shop.ids() == [old, young]
    assert acted(shop) == [1]


def test_list_omit_hides_one_for_a_time(shop):
    first, second = shop.rent("a"), shop.rent("b")
    shop.fault("list", "omit", "one,3m")
    assert shop.ids() == [second]
    assert shop.listed()["total_instances"] == 1
    shop.clock.pass_seconds(180)
    assert shop.ids() == [first, second]


@pytest.mark.parametrize(("selector", "left"), [("gs1-a", 1), ("gs1-*", 1), ("all", 0), ("33400001", 2), ("x", 3)])
def test_an_instance_selector_chooses_what_is_omitted(shop, selector, left):
    for label in ("gs1-a", "gs1-a", "other"):
        shop.rent(label)
    shop.fault("list", "omit", "3m", instance=selector)
    assert len(shop.ids()) == left


def test_empty_lists_of_three_kinds(shop):
    shop.rent()
    shop.fault("list", "empty200", count=1)
    assert shop.listed()["instances"] == []
    shop.fault("list", "empty200", "body", count=1)
    assert shop.call("GET", "/api/v1/instances/").data == b""
    shop.fault("list", "null200", count=1)
    assert shop.listed()["instances"] is None
    assert len(shop.ids()) == 1


def all_pages(shop):
    rows, token = [], None
    while True:
        page = shop.listed(**({"after_token": token} if token else {}))
        rows += [row["id"] for row in page["instances"]]
        token = page["next_token"]
        if token is None:
            return rows, page["total_instances"]


@pytest.mark.parametrize(
    ("word", "arg", "rows", "unique"),
    [("page_cut", "1", 25, 25), ("page_cut", "2", 50, 50), ("page_shift", None, 58, 58), ("page_shift", "-1", 62, 60)],
)
def test_a_partial_list_can_be_told_by_its_total(shop, word, arg, rows, unique):
    for number in range(60):
        shop.state.market.create_instance(7001, _order(shop, number), shop.clock())
    shop.fault("list", word, arg)
    found, total = all_pages(shop)
    assert (len(found), len(set(found)), total) == (rows, unique, 60)
    assert acted(shop)[0] > 0


def _order(shop, number):
    offers = list(shop.state.market.supply["vast"].offers)
    return InstanceSpec(offers[number], image="ubuntu")


def test_rows_can_come_twice(shop):
    number = shop.rent()
    shop.fault("list", "dup_rows", count=1)
    assert shop.ids() == [number, number]


def test_foreign_instances_have_labels_that_nearly_match(shop):
    number = shop.rent("gs1-mine")
    shop.fault("list", "foreign", "9")
    rows = shop.listed()["instances"]
    labels = [row["label"] for row in rows if row["id"] != number]
    assert len(labels) == 9
    assert "gs1-mine" not in labels
    assert len([label for label in labels if label and "mine" in label.lower()]) >= 5
    assert len(shop.ids()) == 10
    assert sum(row["foreign"] for row in shop.ledger()["instances"]) == 9


@pytest.mark.parametrize(
    ("word", "arg", "status"),
    [("status", "410", 410), ("status", "503", 503), ("status", "404", 404), ("auth404", None, 404)],
)
@pytest.mark.parametrize("call", ["list", "any"])
def test_list_refusals(shop, call, word, arg, status):
    shop.fault(call, word, arg, count=1)
    answer = shop.call("GET", "/api/v1/instances/")
    assert answer.status_code == status
    assert ("auth_error" in answer.text) is (word == "auth404")
    assert shop.call("GET", "/api/v1/instances/").status_code == 200


def test_get_faults(shop):
    number = shop.rent()
    shop.clock.pass_seconds(60)
    shop.fault("get", "null", count=1)
    assert shop.shown(number) is None
    shop.fault("get", "404", count=1)
    assert shop.call("GET", f"/api/v0/instances/{number}/").status_code == 404
    shop.fault("get", "stale", "59", count=1)
    assert shop.shown(number)["actual_status"] == "loading"
    shop.fault("get", "stale", "61", count=1)
    assert shop.shown(number) is None
    shop.fault("get", "status_word", "frozen", count=1)
    assert shop.shown(number)["actual_status"] == "frozen"
    shop.fault("get", "no_field", "actual_status", count=1)
    assert "actual_status" not in shop.shown(number)
    shop.fault("list", "status_word", "odd", count=1)
    assert shop.listed()["instances"][0]["actual_status"] == "odd"
    assert shop.shown(number)["actual_status"] == "running"


DESTROYS = [
    # word, arg, status, transport, gone now, effect
    ("ack_noop", None, 200, None, False, "none"),
    ("delay", "90s", 200, None, False, "gone_later"),
    ("500_done", None, 500, None, True, "gone"),
    ("404_alive", None, 404, None, False, "none"),
    ("404_gone", None, 404, None, True, "gone"),
    ("stop_instead", None, 200, None, False, "stopped"),
    ("zombie", "45m", 200, None, True, "gone_for_a_while"),
    ("needs_min_age", "30m", 400, None, False, "none"),
    ("hang", None, 503, "hang", False, "none"),
]


@pytest.mark.parametrize(("word", "arg", "status", "transport", "gone", "effect"), DESTROYS)
def test_destroy_faults_have_their_reply_and_effect(shop, word, arg, status, transport, gone, effect):
    number = shop.rent()
    shop.fault("destroy", word, arg, count=1)
    answer = shop.destroy(number)
    assert (answer.status_code, answer.headers.get(HEADER)) == (status, transport)
    assert (not shop.instance(number).exists) is gone
    assert [row["outcome"]["effect"] for row in shop.ledger()["destroys"]] == [effect]
    assert acted(shop) == [1]
    shop.state.faults.clear()
    shop.destroy(number)
    assert not shop.instance(number).exists


def test_ack_noop_acknowledges_n_destroys_without_effect(shop):
    number = shop.rent()
    shop.fault("destroy", "ack_noop", "3")
    told = [(shop.destroy(number).status_code, shop.instance(number).exists) for _ in range(4)]
    assert told == [(200, True), (200, True), (200, True), (200, False)]


def test_a_delayed_destroy_bills_until_it_takes_effect(shop):
    number = shop.rent()
    shop.fault("destroy", "delay", "90s")
    shop.destroy(number)
    shop.clock.pass_seconds(600)
    made = shop.instance(number)
    assert (made.phase, made.meter.storage_us, made.ended_by) == ("gone", 90_000_000, "api")


def test_a_zombie_returns_running_and_billing(shop):
    number = shop.rent()
    shop.clock.pass_seconds(60)
    shop.instance(number)
    shop.fault("destroy", "zombie", "45m", count=1)
    shop.destroy(number)
    assert shop.ids() == []
    before = shop.instance(number).meter.gpu_us
    shop.clock.pass_seconds(45 * 60 + 10)
    assert shop.ids() == [number]
    assert shop.instance(number).meter.gpu_us == before + 10_000_000
    assert shop.ledger()["instances"][0]["ended_at"] is None
    shop.destroy(number)
    assert shop.ledger()["instances"][0]["ended_by"] == "api"


def test_needs_min_age_refuses_to_destroy_young_instances(shop):
    number = shop.rent()
    shop.fault("destroy", "needs_min_age", "30m")
    shop.clock.pass_seconds(1790)
    assert "try again in 11 seconds" in shop.destroy(number).text
    shop.clock.pass_seconds(11)
    assert shop.destroy(number).status_code == 200


def test_a_fault_with_a_selector_ignores_calls_that_name_no_instance(shop):
    number = shop.rent()
    shop.fault("any", "reset", instance=str(number))
    assert shop.ids() == [number]
    assert shop.call("GET", f"/api/v0/instances/{number}/").headers.get(HEADER) == "reset"
    assert acted(shop) == [1]
