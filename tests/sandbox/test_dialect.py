"""The simulated Vast API: search, paging, keys, rate limits, rows (vastai.md 3, 5, 11-14)."""

from __future__ import annotations

import pytest


def test_search_never_gives_more_than_64(shop):
    query = {"gpu_name": {"eq": "RTX 4090"}, "num_gpus": {"eq": "1"}}
    first = shop.offers(**query, limit=3000, order=[["dph_total", "asc"]])
    assert len(first) == 64
    rest = shop.offers(**query, dph_total={"gt": first[-1]["dph_total"]}, order=[["dph_total", "asc"]])
    assert rest
    assert not {o["id"] for o in first} & {o["id"] for o in rest}


@pytest.mark.parametrize(
    ("query", "some"),
    [
        ({"gpu_name": {"eq": "RTX 4090"}}, True),
        ({"gpu_name": {"eq": "RTX_4090"}}, False),
        ({"gpu_ram": {"gte": "80000"}}, True),
        ({"geolocation": {"eq": "US"}}, True),
        ({"geolocation": {"eq": "Texas, US"}}, False),
        ({"verified": {"eq": True}, "external": {"eq": False}}, True),
        ({"no_such_field": {"eq": 1}}, False),
    ],
)
def test_filters_compare_as_vast_does(shop, query, some):
    assert bool(shop.offers(**query)) is some


def test_a_filter_on_id_matches_nothing(shop):
    offer = shop.free_offer()
    assert shop.offers(id={"eq": offer}) == []
    assert [o["id"] for o in shop.offers(ask_contract_id={"eq": offer})] == [offer]


def test_total_price_contains_the_asked_disk(shop):
    offer = shop.free_offer()
    small, large = (shop.offers(ask_contract_id={"eq": offer}, allocated_storage=gb)[0] for gb in (10, 730))
    assert small["dph_base"] == large["dph_base"]
    difference = large["dph_total"] - small["dph_total"]
    assert difference == pytest.approx(small["storage_cost"], abs=2e-6)


def test_each_search_refuses_the_other_ones_body(shop):
    assert shop.call("POST", "/api/v0/bundles/", {"q": {}}).status_code == 400
    flat = shop.call("PUT", "/api/v0/search/asks/", {"rentable": {"eq": True}})
    assert (flat.status_code, flat.get_json()["msg"]) == (400, "rentable: Extra inputs are not permitted")
    assert shop.call("PUT", "/api/v0/search/asks/", {"select_cols": ["*"], "q": {}}).get_json()["offers"]
    assert shop.call("GET", "/api/v0/bundles/", q={"num_gpus": {"eq": 8}}).get_json()["offers"]


def test_replies_are_plain_json_with_the_markets_date(shop):
    answer = shop.call("POST", "//api/v0/bundles/", {})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Date"] == "Thu, 29 Oct 2026 18:53:20 GMT"


def test_pages_hold_25_and_end_in_null(shop):
    ids = [shop.rent(f"gs1-{n}") for n in range(30)]
    first = shop.listed()
    assert (len(first["instances"]), first["total_instances"]) == (25, 30)
    second = shop.listed(after_token=first["next_token"])
    assert second["next_token"] is None
    assert [row["id"] for row in first["instances"] + second["instances"]] == sorted(ids)
    assert len(shop.listed(limit="0")["instances"]) == 5
    assert len(shop.listed(limit="90")["instances"]) == 25


def test_list_filters_orders_and_picks_columns(shop):
    shop.rent("a")
    shop.rent("b")
    shop.rent("c")
    found = shop.listed(
        select_filters={"label": {"in": ["a", "c", None]}},
        order_by=[{"col": "label", "dir": "desc"}],
        select_cols=["label", "nonsense"],
    )
    assert found["instances"] == [{"label": "c", "nonsense": None}, {"label": "a", "nonsense": None}]
    assert found["total_instances"] == 2


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"select_filters": {"dph_total": {"lt": 1}}}, "invalid_request"),
        ({"select_filters": "nonsense"}, "invalid_request"),
        ({"after_token": "nonsense"}, "invalid_token"),
        ({"limit": "many"}, "invalid_request"),
    ],
)
def test_bad_list_queries_are_refused(shop, query, error):
    answer = shop.call("GET", "/api/v1/instances/", **query)
    assert (answer.status_code, answer.get_json()["error"]) == (400, error)


def test_the_old_list_is_gone(shop):
    answer = shop.call("GET", "/api/v0/instances/")
    assert (answer.status_code, answer.get_json()["error"]) == (410, "deprecated_endpoint")


def test_a_row_lives_through_the_states(shop):
    number = shop.rent()
    young = shop.shown(number)
    assert (young["actual_status"], young["intended_status"]) == (None, "running")
    assert "ports" not in young
    assert young["extra_env"] == [["GS_LABEL", "gs1-a"]]
    shop.clock.pass_seconds(60)
    old = shop.shown(number)
    assert old["actual_status"] == "running"
    assert old["public_ipaddr"].endswith("\n")
    shop.call("PUT", f"/api/v0/instances/{number}/", {"state": "stopped"})
    stopped = shop.shown(number)
    assert stopped["actual_status"] == "exited"
    assert {stopped[name] for name in ("intended_status", "cur_state", "next_state")} == {"stopped"}
    assert shop.destroy(number).get_json() == {"success": True}
    assert shop.shown(number) is None
    assert shop.ids() == []


def test_direct_ssh_and_asked_ports_are_mapped_while_running(shop):
    number = shop.rent(runtype="ssh_direc ssh_proxy", env={"-p 8081:8081": "1", "-p 5000:5000/udp": "1"})
    shop.clock.pass_seconds(60)
    ports = shop.shown(number)["ports"]
    assert set(ports) == {"22/tcp", "8081/tcp", "5000/udp"}
    assert isinstance(ports["22/tcp"][0]["HostPort"], str)


def test_the_price_of_a_row_is_what_the_ledger_charges(shop):
    number = shop.rent(disk=100)
    row, made = shop.shown(number), shop.instance(number)
    assert row["dph_total"] == pytest.approx((made.gpu_rate + made.storage_rate) / 1e6)


@pytest.mark.parametrize(
    "body",
    [
        {"image": None},
        {"image": "u", "disk": 7},
        {"image": "u", "label": "x" * 257},
        {"image": "u", "env": {"K": "v" * 257}},
        {"image": "u", "onstart": "x" * 4049},
        {"image": "u", "price": 200},
    ],
)
def test_an_invalid_create_body_rents_nothing(shop, body):
    answer = shop.call("PUT", f"/api/v0/asks/{shop.free_offer()}/", body)
    assert answer.status_code == 400
    assert shop.state.market.instances == {}


def test_a_low_bid_makes_a_stopped_instance_that_bills_disk(shop):
    answer = shop.create(price=0.001)
    told = answer.get_json()
    assert (answer.status_code, told["success"]) == (400, False)
    shop.clock.pass_seconds(3600)
    made = shop.instance(told["new_contract"])
    assert (made.phase, made.meter.gpu_us, made.meter.storage_us) == ("stopped", 0, 3600_000_000)


def test_which_api_keys_are_accepted(shop):
    assert shop.http.get("/api/v0/users/current").status_code == 403
    assert shop.http.get("/api/v0/users/current/?api_key=" + shop.key).get_json()["credit"] == 100.0
    shop.rent()
    other = shop.state.market.keys_of("vast")[1]
    mine, shop.key = shop.key, other
    assert shop.call("GET", "/api/v0/users/current").get_json()["id"] == 7002
    assert shop.ids() == []
    shop.state.market.keys[other].revoked = True
    assert shop.call("GET", "/api/v0/users/current").status_code == 401
    shop.key = "wrong"
    wrong = shop.call("DELETE", "/api/v0/instances/33400001/", {})
    assert (wrong.status_code, wrong.get_json()["error"]) == (404, "auth_error")
    shop.key = mine
    assert shop.ids() == [33400001]


def test_a_key_without_the_permission_is_refused(shop):
    number = shop.rent()
    shop.state.market.add_key(7001, "reader", scopes=["instance_read"])
    shop.key = "reader"
    assert shop.ids() == [number]
    assert shop.destroy(number).status_code == 403
    assert shop.instance(number).exists


def test_an_instances_key_ends_that_instance_only(shop):
    first, second = shop.create("a").get_json(), shop.create("b").get_json()
    shop.key = first["instance_api_key"]
    assert shop.destroy(second["new_contract"]).status_code == 401
    assert shop.call("GET", "/api/v1/instances/").status_code == 401
    assert shop.call("GET", "/api/v0/users/current").status_code == 401
    assert shop.shown(first["new_contract"])["id"] == first["new_contract"]
    assert shop.destroy(first["new_contract"]).status_code == 200
    made, other = shop.instance(first["new_contract"]), shop.instance(second["new_contract"])
    assert (made.ended_by, other.exists) == ("instance_key", True)
    assert shop.ledger()["destroys"][0]["by"] == "instance_key"


def test_a_start_stays_queued_until_a_stop(shop):
    number = shop.rent()
    shop.call("PUT", f"/api/v0/instances/{number}/", {"state": "stopped"})
    host = shop.state.market.offer_of(shop.instance(number)).host
    shop.state.market.offline_hosts[host.id] = None
    answer = shop.call("PUT", f"/api/v0/instances/{number}/", {"state": "running"})
    assert (answer.status_code, answer.get_json()["success"]) == (200, False)
    assert shop.shown(number)["intended_status"] == "running"
    shop.call("PUT", f"/api/v0/instances/{number}/", {"state": "stopped"})
    assert shop.shown(number)["intended_status"] == "stopped"


def test_destroying_many_ends_them_and_reports_each(shop):
    ids = [shop.rent("a"), shop.rent("b")]
    shop.call("DELETE", "/api/v0/instances/", {"instance_ids": [*ids, 5]})
    assert shop.ids() == []
    assert [row["outcome"]["effect"] for row in shop.ledger()["destroys"]] == ["gone", "gone", "none"]


def test_labels_and_attached_keys(shop):
    number = shop.rent()
    shop.call("PUT", f"/api/v0/instances/{number}/", {"label": "new"})
    assert shop.shown(number)["label"] == "new"
    assert shop.call("PUT", f"/api/v0/instances/{number}/", {"label": "x" * 1025}).status_code == 400
    shop.call("POST", f"/api/v0/instances/{number}/ssh/", {"ssh_key": "ssh-ed25519 AAAA u@h"})
    keys = shop.call("GET", f"/api/v0/instances/{number}/ssh/").get_json()["ssh_keys"]
    assert isinstance(keys, str)
    assert "ssh-ed25519 AAAA u@h" in keys


def test_charges_survive_the_instance(shop):
    number = shop.rent()
    shop.clock.pass_seconds(3600)
    shop.destroy(number)
    day = {"day": {"gte": 0, "lte": 2_000_000_000}}
    (row,) = shop.call("GET", "/api/v0/charges/", select_filters=day).get_json()["results"]
    assert row["amount"] == pytest.approx(float(shop.ledger()["instances"][0]["usd"]), abs=0.001)
    assert shop.call("GET", "/api/v0/charges/").status_code == 400
    shop.rent()
    pages = []
    for token in (None, "1"):
        more = {"after_token": token} if token else {}
        pages.append(shop.call("GET", "/api/v0/charges/", select_filters=day, limit="1", **more).get_json())
    assert [(page["count"], page["total"], page["next_token"]) for page in pages] == [(1, 2, "1"), (1, 2, None)]
    assert len({page["results"][0]["source"] for page in pages}) == 2
    for wrong in ({"limit": "501"}, {"after_token": "x"}):
        assert shop.call("GET", "/api/v0/charges/", select_filters=day, **wrong).status_code == 400


def test_rate_limits_refuse_early_calls_and_delay_early_creates_further(shop):
    shop.state.rate_limiter.enabled = True
    offers = [o["id"] for o in shop.offers(order=[["dph_total", "asc"]])]
    assert shop.create(offer=offers[0]).status_code == 200
    shop.clock.pass_seconds(4.4)
    assert shop.create(offer=offers[1]).status_code == 429
    shop.clock.pass_seconds(11.9)
    assert shop.create(offer=offers[1]).status_code == 429
    shop.clock.pass_seconds(12)
    assert shop.create(offer=offers[1]).status_code == 200
    assert len(shop.state.market.instances) == 2
    assert shop.ids()
    assert shop.call("GET", "/api/v1/instances/").status_code == 429
    shop.clock.pass_seconds(1)
    assert shop.call("GET", "/api/v1/instances/").status_code == 200


@pytest.mark.parametrize(
    ("form", "kind", "text"),
    [
        ("message", "application/json", '"code": "429 Too Many Requests"'),
        ("plain", "text/plain", "API requests too frequent: endpoint threshold=1"),
        ("detail", "application/json", '"detail"'),
        ("success_false", "application/json", "rate_limit_exceeded"),
        ("search_quota", "application/json", "search_quota_exceeded"),
    ],
)
def test_all_five_bodies_of_429(shop, form, kind, text):
    shop.fault("list", "429", f"1,{form},7")
    answer = shop.call("GET", "/api/v1/instances/")
    assert (answer.status_code, answer.content_type) == (429, kind)
    assert text in answer.text
    assert answer.headers["Retry-After"] == "7"
    assert ("X-RateLimit-Reset" in answer.headers) is (form == "search_quota")
    assert shop.call("GET", "/api/v1/instances/").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/v0/asks/1/", {"image": "u", "args": "ls"}),
        ("PUT", "/api/v0/instances/", {"ids": ["x", None, {}]}),
        ("DELETE", "/api/v0/instances/", {"instance_ids": "all"}),
        ("DELETE", "/api/v0/instances/", {}),
        ("POST", "/api/v0/bundles/", {"num_gpus": 4}),
        ("POST", "/api/v0/bundles/", {"num_gpus": {"near": 4}}),
        ("POST", "/api/v0/bundles/", {"type": "stolen"}),
        ("PATCH", "/api/v0/bundles/", {}),
        ("GET", "/api/v0/nowhere/", None),
    ],
)
def test_malformed_requests_are_refused_as_json(shop, method, path, body):
    answer = shop.call(method, path, body)
    assert 400 <= answer.status_code < 500
    assert answer.get_json()["success"] is False


def test_text_that_is_no_json_is_refused(shop):
    headers = {"Authorization": f"Bearer {shop.key}"}
    answer = shop.http.put("/api/v0/asks/1/", data="{nonsense", headers=headers)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
