"""The local API over the real engine and database: validation, error responses, idempotency."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpushopper.clock import SystemClock
from gpushopper.config.alert_channels import AlertChannel
from gpushopper.core.alerts.alert import Alert
from gpushopper.core.alerts.delivery import DELIVERED, Outcome
from gpushopper.core.policy import PAPER
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.daemon.api.routes.costs import sum_up
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import Service
from gpushopper.daemon.metrics.exposition import Exposition
from gpushopper.daemon.periodic_jobs import Schedule
from gpushopper.daemon.supervision.loops import Loops
from gpushopper.engine.alerts.dispatch import AlertDispatch
from gpushopper.engine.context import AccountSetup, Context
from gpushopper.engine.engine import Engine
from gpushopper.engine.executor import ThreadExecutor
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.errors import NotReady, Refused
from gpushopper.paths import find_home
from gpushopper.store import installation
from gpushopper.store.database import Store
from gpushopper.wire import PROTOCOL, CostRow, Costs, ProvisionRequest
from tests.daemon.stand_ins import OFFER, EmptyAccount, KnownKeys
from tests.new_database import lay_down


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """The default log draws tracebacks for people, which takes longer than all requests here."""
    structlog.configure([structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


class WatchedHandle:
    """An engine's handle that calls `on_use`, which may wait or raise, whenever a request reaches for the accounts."""

    def __init__(self, handle: EngineHandle, on_use: Callable[[], object]) -> None:
        self.ctx, self.offers, self.calls, self.notify = handle.ctx, handle.offers, handle.calls, handle.notify
        self._reconcilers, self._on_use = handle.reconcilers, on_use

    @property
    def reconcilers(self) -> Any:
        self._on_use()
        return self._reconcilers


def nobody_told(name: str, channel: AlertChannel, alert: Alert) -> Outcome:
    return DELIVERED


@contextmanager
def serving(connection: Any) -> Iterator[Service]:
    """The parts of a daemon, none of them running: requests are decided by the engine's rooms alone."""
    with engine_and_service(connection) as (_, service):
        yield service


@contextmanager
def engine_and_service(connection: Any) -> Iterator[tuple[Engine, Service]]:
    """Also the engine, for a test that steps it."""
    where, clock = find_home(), SystemClock()
    where.data.mkdir(mode=0o700)
    lay_down(where.database)
    store = Store.open(where.database, now_wall=clock.now().wall)
    found = installation.check(where, store)
    executor, schedule, metrics = ThreadExecutor(), Schedule([], clock), Exposition()
    keyless = () if connection else ("missing", "run: gpu-shopper keys set vast")
    problem = "no key for vast" if keyless else ""
    setup = AccountSetup("vast", connection, problem, "", "http://127.0.0.1:9", True, *keyless)
    limits = SpendingLimits(open_sessions=1000)
    ctx = Context(store, clock, PAPER, limits, found, where, observe_call=metrics.calls.observe)
    engine = Engine(ctx, executor, [setup])
    yield engine, Service(
        handle=engine.handle, clock=clock, home=where, version="0.1.0", pid=1, uid=os.geteuid(), started_at=5,
        installation=found.id, policy="paper", schedule=schedule, keys=KnownKeys(),
        alerts=AlertDispatch(ctx, executor, dict, nobody_told), metrics=metrics,
        loops=Loops(clock, schedule, {"engine": lambda: engine.turned_boot}),
        request_stop=lambda: None,
    )  # fmt: skip
    executor.close()
    store.close()


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    """Without a key."""
    with serving(None) as found:
        yield found


@pytest.fixture
def renting(home: Path, wait_until: Callable[..., None]) -> Iterator[FlaskClient]:
    """With an account that has been reconciled: sessions may start, though nothing ever acts on them."""

    def step() -> bool:
        engine.step()
        return engine.is_ready()

    with engine_and_service(EmptyAccount()) as (engine, service):
        wait_until(step)
        yield build_app(service).test_client()


@pytest.fixture
def api(service: Service) -> FlaskClient:
    return build_app(service).test_client()


def provision(**changes: Any) -> dict[str, Any]:
    return {**asdict(ProvisionRequest(offers=[OFFER], disk_gb=20)), **changes}


def assert_error(reply: Any, status: int, code: str, exit_code: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    assert set(reply.json) == {"error"}
    error: dict[str, Any] = reply.json["error"]
    assert set(error) == {"code", "message", "hint", "request_id", "exit"}
    assert (error["code"], error["exit"]) == (code, exit_code)
    assert error["message"]
    assert error["request_id"] == reply.headers["X-Request-ID"]
    return error


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "exit_code"),
    [
        ("GET", "/nowhere", 404, "no_such_path", 2),
        ("GET", "/api/v1/shutdown", 405, "no_such_method", 2),
        ("GET", "/api/v1/sessions/zebra", 404, "session_not_found", 3),
        ("DELETE", "/api/v1/sessions/zebra", 404, "session_not_found", 3),
        ("POST", "/api/v1/sessions/zebra/extend", 404, "session_not_found", 3),
        ("GET", "/api/v1/events?session=zebra", 404, "session_not_found", 3),
        ("GET", "/api/v1/sessions?opne=1", 400, "bad_request", 2),
        ("GET", "/api/v1/sessions?open=perhaps", 400, "bad_request", 2),
        ("GET", "/api/v1/sessions?open=1&open=0", 400, "bad_request", 2),
        ("GET", "/api/v1/events?after=many", 400, "bad_request", 2),
        ("GET", f"/api/v1/events?after={10**30}", 400, "bad_request", 2),
        ("GET", "/api/v1/inventory?min_cuda=nan", 400, "bad_request", 2),
        ("GET", "/api/v1/inventory?gpu=%00", 400, "bad_request", 2),
        ("GET", "/api/v1/inventory?regions=EU&regions=US", 424, "no_key", 4),
        ("POST", "/api/v1/sessions", 400, "bad_request", 2),
    ],
)
def test_every_error_has_one_form_and_its_http_status(
    api: FlaskClient, method: str, path: str, status: int, code: str, exit_code: int
):
    assert_error(api.open(path, method=method), status, code, exit_code)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "JSON"),
        (b"[]", "body"),
        (b"null", "body"),
        (json.dumps(provision(retries="2")).encode(), "retries"),
        (json.dumps(provision(retries=True)).encode(), "retries"),
        (b"[" * 100_000, "body"),
        (json.dumps({**provision(), "zebra": 1}).encode(), "zebra"),
        (json.dumps(provision(offers=[{**asdict(OFFER), "zebra": 1}])).encode(), "offers.0"),
        (json.dumps(provision(disk_gb=10**400)).encode(), "disk_gb"),
        (json.dumps(provision(duration_us=2**63)).encode(), "duration_us"),
        (json.dumps(provision(disk_gb=float("inf"))).encode(), "disk_gb"),
        (json.dumps(provision(name="a\x1b[31mb")).encode(), "name"),
        (json.dumps(provision(image="x" * 5000)).encode(), "image"),
        (json.dumps(provision(environment={"A": "x\ny"})).encode(), "environment"),
        (b'{"offers": [], "disk_gb": "\\ud800"}', "JSON"),
    ],
)
def test_an_invalid_body_is_refused_naming_its_field(api: FlaskClient, body: bytes, word: str):
    reply = api.post("/api/v1/sessions", data=body, content_type="application/json")
    assert word in assert_error(reply, 400, "bad_request", 2)["message"]


def test_a_body_that_is_not_declared_as_json_is_refused(api: FlaskClient):
    assert_error(api.post("/api/v1/plan", data=b"{}", content_type="text/plain"), 400, "not_json", 2)


def test_a_body_that_is_too_large_is_refused(api: FlaskClient):
    reply = api.post("/api/v1/plan", data=b" " * 1_000_001, content_type="application/json")
    assert_error(reply, 413, "too_large", 2)


def test_an_alarm_is_named_by_a_number_alone(api: FlaskClient):
    for wrong in (False, "1", 1.5):
        assert_error(api.post("/api/v1/alarms/ack", json={"alarm_id": wrong}), 400, "bad_request", 2)


def test_an_offer_is_shown_by_its_id(renting: FlaskClient):
    found = renting.get("/api/v1/inventory/vast:1?disk_gb=40")
    assert found.status_code == 200, found.text
    assert (found.json["key"], found.json["storage_rate"]) == ("vast:1", 8334)
    assert_error(renting.get("/api/v1/inventory/vast:2"), 404, "offer_gone", 7)
    assert_error(renting.get("/api/v1/inventory/zebra"), 404, "offer_not_found", 3)


def test_a_refused_value_is_never_repeated(api: FlaskClient):
    reply = api.post("/api/v1/alarms/ack", json={"alarm_id": "c4n4ry"})
    assert "c4n4ry" not in reply.text and "alarm_id" in reply.text


def test_a_request_id_is_echoed_or_made(api: FlaskClient):
    assert api.get("/health", headers={"X-Request-ID": "my-id.7"}).headers["X-Request-ID"] == "my-id.7"
    for bad in ("", "with space", "x" * 65, "ü"):
        made = api.get("/health", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert made not in ("", bad)
    assert api.get("/health").headers["X-Gpu-Shopper-Version"] == "0.1.0"
    assert api.get("/health").json["protocol"] == PROTOCOL


def test_another_user_is_refused(api: FlaskClient):
    reply = api.get("/health", environ_base={"X_REMOTE_UID": "12345"})
    assert_error(reply, 403, "not_yours", 6)
    assert api.get("/health", environ_base={"X_REMOTE_UID": str(os.geteuid())}).status_code == 200


def test_an_unexpected_error_is_logged_and_not_shown(service: Service, caplog: pytest.LogCaptureFixture):
    app = build_app(service)

    @app.get("/boom")
    def boom() -> str:
        raise ZeroDivisionError("c4n4ry")

    reply = app.test_client().get("/boom")
    error = assert_error(reply, 500, "internal", 1)
    assert "c4n4ry" not in reply.text and error["request_id"] in error["hint"]


def test_a_repeated_request_gets_the_stored_response_and_a_different_one_is_refused(api: FlaskClient):
    key = {"Idempotency-Key": "0123456789"}
    first = api.post("/api/v1/shutdown", json={"reason": "a"}, headers=key)
    assert first.status_code == 202
    assert api.post("/api/v1/shutdown", json={"reason": "a"}, headers=key).json == first.json
    reply = api.post("/api/v1/shutdown", json={"reason": "b"}, headers=key)
    assert_error(reply, 422, "idempotency_mismatch", 2)


@pytest.mark.parametrize("key", ["short", "with a space", "x" * 129])
def test_a_malformed_idempotency_key_is_refused(api: FlaskClient, key: str):
    assert_error(api.post("/api/v1/shutdown", json={}, headers={"Idempotency-Key": key}), 400, "bad_request", 2)


def test_without_a_key_nothing_is_rented(api: FlaskClient):
    assert_error(api.post("/api/v1/sessions", json=provision()), 424, "no_key", 4)
    assert api.get("/api/v1/sessions").json == {"sessions": []}


def test_a_repeated_provision_is_one_session(renting: FlaskClient):
    key = {"Idempotency-Key": "0123456789"}
    first = renting.post("/api/v1/sessions", json=provision(name="one"), headers=key)
    assert first.status_code == 202, first.text
    again = renting.post("/api/v1/sessions", json=provision(name="one"), headers=key)
    assert again.json == first.json
    (session,) = renting.get("/api/v1/sessions?open=1").json["sessions"]
    assert (session["name"], session["status"]) == ("one", "pending")
    other = renting.post("/api/v1/sessions", json=provision(name="two"), headers=key)
    assert_error(other, 422, "idempotency_mismatch", 2)
    ended = renting.delete("/api/v1/sessions/one", headers={"Idempotency-Key": "another-key"})
    assert ended.json["sessions"] == [session["id"]]
    assert renting.get("/api/v1/events").json["events"]


@pytest.mark.parametrize(("error", "status"), [(NotReady("wait"), 503), (Refused("brake", code="open_sessions"), 409)])
def test_errors_that_may_pass_have_another_status_than_those_that_do_not(service: Service, error: Any, status: int):
    def fail() -> None:
        raise error

    service.handle = WatchedHandle(service.handle, fail)  # type: ignore[assignment]
    reply = build_app(service).test_client().post("/api/v1/sessions", json=provision())
    assert_error(reply, status, error.code, 6)


def test_a_summary_adds_up_its_rows():
    row = CostRow("s", "n", "me", "vast", "RTX 4090", 5, 1, 0, 0, 6, 4, 10, False)
    found = sum_up(Costs([row, row], 12, 20))
    assert (found.accrued, found.max_cost, found.sessions) == (12, 20, 2)
    assert found.by_gpu == {"RTX 4090": 12} and found.by_consumer == {"me": 12}


def test_status_tells_what_the_daemon_is(api: FlaskClient):
    found = api.get("/api/v1/status").json
    assert (found["protocol"], found["policy"], found["sessions_open"]) == (PROTOCOL, "paper", 0)
    assert [each["state"] for each in found["providers"]] == ["keyless"]
    (row,) = found["providers"]
    assert (row["detail"], row["key_hint"]) == ("no key for vast", "run: gpu-shopper keys set vast")
    health = api.get("/health").json
    assert (health["ok"], health["problems"]) == (False, ["no cloud has a key"])


POSTS = [
    "/api/v1/plan", "/api/v1/sessions", "/api/v1/sessions/x/done", "/api/v1/sessions/x/extend", "/api/v1/shutdown",
    "/api/v1/alarms/ack", "/api/v1/keys/reload",
]  # fmt: skip
GETS = ["/api/v1/inventory", "/api/v1/sessions", "/api/v1/costs", "/api/v1/costs/summary", "/api/v1/events"]

leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
names = st.sampled_from([*provision(), *asdict(OFFER), "search", "reason", "alarm_id", "add_us", "deadline_at", "open",
                         "session", "consumer", "start", "end", "after", "limit", "sort", "regions"])  # fmt: skip
near_miss = st.dictionaries(names, anything, max_size=4).map(lambda some: provision(**some))
offers = st.dictionaries(st.sampled_from(list(asdict(OFFER))), leaf, max_size=3).map(
    lambda some: provision(offers=[{**asdict(OFFER), **some}])
)
lenient = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@lenient
@given(st.sampled_from(POSTS), anything | near_miss | offers | st.dictionaries(names, anything, max_size=3))
def test_no_body_is_an_internal_error(renting: FlaskClient, path: str, body: Any):
    reply = renting.post(path, data=json.dumps(body), content_type="application/json")
    assert reply.status_code < 500, reply.text


numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.sampled_from([0, 1, -1, 0.5, 1e300])
numeric = ["disk_gb", "max_rate", "duration_us", "deadline_at", "retries", "max_duration_us"]
prices = ["gpu_rate", "storage_gb_month", "rate", "gpu_count", "vram_mb", "seen_at", "ends_at", "reliability"]


@lenient
@given(
    st.dictionaries(st.sampled_from(numeric), numbers | st.none(), max_size=3),
    st.dictionaries(st.sampled_from(prices), numbers, max_size=2),
)
def test_no_number_is_an_internal_error(renting: FlaskClient, changes: dict[str, Any], offer: dict[str, Any]):
    body = provision(offers=[{**asdict(OFFER), **offer}], **changes)
    reply = renting.post("/api/v1/sessions", data=json.dumps(body), content_type="application/json")
    assert reply.status_code < 500, reply.text
    for path in GETS:
        assert renting.get(path).status_code == 200


@lenient
@given(st.dictionaries(st.sampled_from(["add_us", "deadline_at"]), numbers | st.none()))
def test_no_extension_is_an_internal_error(renting: FlaskClient, body: dict[str, Any]):
    renting.post("/api/v1/sessions", json=provision(name="one"))
    reply = renting.post("/api/v1/sessions/one/extend", data=json.dumps(body), content_type="application/json")
    assert reply.status_code < 500, reply.text


@lenient
@given(st.sampled_from(POSTS), st.binary(max_size=200))
def test_no_bytes_are_an_internal_error(api: FlaskClient, path: str, body: bytes):
    assert api.post(path, data=body, content_type="application/json").status_code < 500


@lenient
@given(st.sampled_from(GETS), st.dictionaries(names, st.text(max_size=20) | st.integers().map(str), max_size=4))
def test_no_query_is_an_internal_error(renting: FlaskClient, path: str, query: dict[str, str]):
    assert renting.get(path, query_string=query).status_code < 500


@lenient
@given(st.text(max_size=30))
def test_no_name_is_an_internal_error(api: FlaskClient, name: str):
    ref = quote(name.encode("utf-8", "surrogatepass"), safe="")
    assert api.get(f"/api/v1/sessions/{ref}").status_code < 500


def test_budgets_are_set_shown_and_removed(api: FlaskClient):
    made = api.put("/api/v1/budgets/lab", json={"daily": 3_000_000, "at_100": "stop"})
    assert made.status_code == 200 and made.json["limits"][0]["left_micros"] == 3_000_000
    assert [each["name"] for each in api.get("/api/v1/budgets").json["budgets"]] == ["lab"]
    assert api.get("/api/v1/budgets/lab").json["at_100"] == "stop"
    assert api.delete("/api/v1/budgets/lab").json["name"] == "lab"
    assert_error(api.get("/api/v1/budgets/lab"), 404, "not_found", 3)


@pytest.mark.parametrize(
    "body",
    [{"daily": -1}, {"daily": 2**60}, {"at_100": "kill"}, {"scope_kind": "team"}, {"weekly": 3}, {}],
)
def test_a_budget_that_makes_no_sense_is_refused(api: FlaskClient, body: dict[str, Any]):
    refused = api.put("/api/v1/budgets/lab", json=body)
    assert refused.status_code == 400 and refused.json["error"]["exit"] == 2
    assert api.get("/api/v1/budgets").json == {"budgets": []}


def test_a_channel_that_is_not_there_cannot_be_tried(api: FlaskClient):
    assert api.get("/api/v1/channels").get_json() == {"channels": []}
    assert api.post("/api/v1/channels/team/test").status_code == 404
