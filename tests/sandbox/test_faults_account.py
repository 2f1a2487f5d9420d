"""Faults of account and network, and how faults are matched, counted and validated."""

from __future__ import annotations

import pytest

HEADER = "X-Sandbox-Transport"


def acted(shop):
    return [fault.acted for fault in shop.state.faults.faults]


def there(shop):
    return len(shop.state.market.existing_instances())


def test_a_revoked_key_is_refused_everywhere_but_on_instances(shop):
    number = shop.rent()
    secret = shop.instance(number).secret
    shop.fault("account", "revoke", duration="10m")
    assert shop.call("GET", "/api/v1/instances/").get_json()["error"] == "auth_error"
    assert shop.destroy(number).status_code == 404
    mine, shop.key = shop.key, secret
    assert shop.shown(number)["id"] == number
    shop.key = mine
    shop.clock.pass_seconds(600)
    assert shop.ids() == [number]


def test_an_instances_own_key_can_be_left_with_less_than_is_documented(shop):
    number, other = shop.rent("gs1-a"), shop.rent("gs1-b")
    mine = shop.key
    shop.key = shop.instance(number).secret
    path = f"/api/v0/instances/{number}/"

    def codes():
        calls = (("GET", None), ("PUT", {"state": "running"}), ("DELETE", {}), ("PUT", {"state": "stopped"}))
        return [shop.call(method, path, body).status_code for method, body in calls]

    shop.fault("host", "key_scope", "none", instance=str(number))
    assert codes() == [401, 401, 401, 401]
    shop.state.faults.clear()
    fault = shop.fault("host", "key_scope", "stop", instance=str(number))
    assert codes() == [200, 401, 401, 200]
    assert fault.acted == 2
    shop.key = shop.instance(other).secret
    assert shop.destroy(other).status_code == 200, "another instance's key is whole"
    shop.key = mine
    assert shop.destroy(number).status_code == 200, "the account's key is whole"


def test_zero_balance_stops_running_instances_and_refuses_creates(shop):
    number = shop.rent()
    shop.clock.pass_seconds(60)
    assert shop.shown(number)["actual_status"] == "running"
    fault = shop.fault("account", "zero_balance")
    assert shop.call("GET", "/api/v0/users/current").get_json()["credit"] == 0
    assert shop.shown(number)["actual_status"] == "exited"
    assert shop.create().get_json()["error"] == "insufficient_credit"
    shop.state.faults.clear(fault.id)
    assert shop.create().status_code == 200


def test_balance_lag_reports_an_old_credit(shop):
    shop.rent()
    shop.clock.pass_seconds(7200)
    now = shop.call("GET", "/api/v0/users/current").get_json()["credit"]
    shop.clock.pass_seconds(3600)
    assert shop.call("GET", "/api/v0/users/current").get_json()["credit"] < now
    shop.fault("account", "balance_lag", "1h")
    assert shop.call("GET", "/api/v0/users/current").get_json()["credit"] == pytest.approx(now, abs=2e-6)


def test_the_fault_429_refuses_n_calls(shop):
    shop.fault("any", "429", "3")
    codes = [shop.call("GET", "/api/v1/instances/").status_code for _ in range(4)]
    assert codes == [429, 429, 429, 200]
    shop.fault("search", "429_plain_text", "1")
    assert shop.call("POST", "/api/v0/bundles/", {}).content_type == "text/plain"


def test_fields_can_be_renamed_or_change_type(shop):
    shop.fault("create", "schema_change", "new_contract", count=1)
    told = shop.create("a").get_json()
    assert set(told) == {"success", "new_contract_v2", "instance_api_key"}
    shop.fault("list", "schema_change", "id:text", count=1)
    assert shop.ids() == [str(told["new_contract_v2"])]


NETWORK = [
    ("hang", None, "hang", 0),
    ("dns", None, "dns", 0),
    ("blackhole", None, "blackhole", 0),
    ("reset", None, "reset", 0),
    ("offline", "5m", "offline", 0),
    ("captive_portal", None, None, 0),
    ("drip", None, "drip", 1),
    ("huge", "500", "huge=500", 1),
    ("slow", "6m", "delay=360", 1),
]


@pytest.mark.parametrize("call", ["create", "any"])
@pytest.mark.parametrize(("word", "arg", "transport", "made"), NETWORK)
def test_network_faults_apply_before_or_after_the_call_has_acted(shop, call, word, arg, transport, made):
    offer = shop.free_offer()
    shop.fault(call, word, arg, duration=None if word == "offline" else "5m")
    answer = shop.create(offer=offer)
    assert answer.headers.get(HEADER) == transport
    assert (there(shop), acted(shop)) == (made, [1])
    if word == "captive_portal":
        assert (answer.status_code, answer.content_type) == (200, "text/html")
    shop.clock.pass_seconds(300)
    assert HEADER not in shop.call("GET", "/api/v1/instances/").headers


def test_faults_act_in_the_order_of_adding_and_skip_calls_by_after(shop):
    shop.fault("create", "commit_then_hang", count=1)
    shop.fault("create", "reject", "no_such_ask", after=1)
    first, second = shop.create("a"), shop.create("b")
    assert first.headers.get(HEADER) == "hang"
    assert "no_such_ask" in second.text


def test_chance_is_seeded(shop):
    shop.fault("list", "status", "503", chance=30)
    codes = [shop.call("GET", "/api/v1/instances/").status_code for _ in range(60)]
    assert 5 < codes.count(503) < 30
    assert acted(shop) == [codes.count(503)]


@pytest.mark.parametrize(
    ("call", "word", "arg"),
    [
        ("create", "explode", None),
        ("deploy", "hang", None),
        ("list", "commit_then_500", None),
        ("create", "late", "soon"),
        ("create", "label_cut", "some"),
        ("create", "stranger_id", "mine"),
        ("get", "no_field", None),
        ("host", "key_scope", "destroy"),
    ],
)
def test_an_invalid_fault_is_refused(shop, call, word, arg):
    with pytest.raises(ValueError, match=r"\w"):
        shop.fault(call, word, arg)
    assert shop.state.faults.faults == []


def test_a_fault_prints_as_a_line_that_adds_it_again(shop):
    fault = shop.fault("list", "omit", "3m", count=2, instance="gs1-a")
    assert fault.line() == "vast list omit 3m --count 2 --instance gs1-a"


def test_a_price_change_bills_from_now_on_only(shop):
    number = shop.rent()
    shop.clock.pass_seconds(60)
    made = shop.instance(number)
    rate, since = made.gpu_rate, made.history[-1][0]
    shop.clock.pass_seconds(3600)
    shop.fault("account", "price_change", "3", instance=str(number))
    shop.ids()
    old = (shop.clock.now - since) * rate
    assert (made.meter.gpu_units, made.gpu_rate) == (old, 3 * rate)
    shop.clock.pass_seconds(10)
    assert shop.instance(number).meter.gpu_units == old + 10_000_000 * 3 * rate


def test_the_balance_is_zero_from_now_on_only(shop):
    number = shop.rent()
    shop.clock.pass_seconds(60)
    shop.instance(number)
    shop.clock.pass_seconds(3600)
    shop.fault("account", "zero_balance")
    shop.ids()
    made = shop.instance(number)
    assert made.history[-1] == (shop.clock.now, "stopped")
    assert made.meter.gpu_us > 3600_000_000


def test_a_bill_can_be_wrong_for_one_instance_and_for_the_account(shop):
    right, wrong = shop.rent("gs1-a"), shop.rent("gs1-b")
    shop.clock.pass_seconds(3600)
    shop.fault("charges", "misbill", "x2", instance=str(wrong))
    day = {"day": {"gte": 0, "lte": 2_000_000_000}}
    rows = {
        row["source"]: row for row in shop.call("GET", "/api/v0/charges/", select_filters=day).get_json()["results"]
    }
    truth = {row["id"]: float(row["usd"]) for row in shop.ledger()["instances"]}
    billed = {number: rows[f"instance-{number}"]["amount"] for number in (right, wrong)}
    assert billed[right] == pytest.approx(truth[str(right)], abs=0.001)
    assert 1.5 * truth[str(wrong)] < billed[wrong] < 2 * truth[str(wrong)], "the GPU alone is billed twice"
    before = shop.call("GET", "/api/v0/users/current").get_json()["credit"]
    shop.fault("account", "misbill", "x3")
    assert shop.call("GET", "/api/v0/users/current").get_json()["credit"] < before
