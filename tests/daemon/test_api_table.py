"""The table of the local API: every row is served as it says, and requested by the client."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import gpushopper.client
from gpushopper.core.model.attempt import State
from gpushopper.core.model.ends.landed import LandingProgress
from gpushopper.daemon.api.dispatch import table, types_of
from gpushopper.daemon.api.request_validation import parts_as_sent
from gpushopper.daemon.api.routes import SERVED
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import Service
from gpushopper.store import sessions
from tests.daemon.test_api import assert_error, serving
from tests.store.samples import attempt, session

ROWS = table()
FOR_SCRIPTS = {"READY", "OPENAPI", "OFFER", "METRICS"}
"""Routes that no command needs."""


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(None) as found:
        yield found


@pytest.fixture
def api(service: Service) -> FlaskClient:
    return build_app(service).test_client()


def test_every_row_has_one_handler_and_every_path_a_row(service: Service):
    assert Counter(id(each.route) for each in SERVED) == Counter(id(row) for row in ROWS.values())
    rules = [rule for rule in build_app(service).url_map.iter_rules() if rule.endpoint != "static"]
    assert len(rules) == len(ROWS)


def test_every_row_is_requested_by_the_client():
    folder = Path(gpushopper.client.__file__).parent
    used = {name for path in folder.glob("*.py") for name in re.findall(r"routes\.([A-Z_]+)", path.read_text())}
    assert used - {"READ_LIMIT_S"} == set(ROWS) - FOR_SCRIPTS


@pytest.mark.parametrize("name", ROWS)
def test_what_a_row_takes_refuses_unknown_fields(name: str):
    types = types_of(ROWS[name])
    assert is_dataclass(types.answer) or name in ("OPENAPI", "METRICS")
    for kind in (types.query, types.body):
        assert kind is None or kind.__pydantic_config__ == {"extra": "forbid"}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.method == "GET"])
def test_an_unknown_parameter_is_refused(api: FlaskClient, name: str):
    assert_error(api.get(ROWS[name].path + "?zebra=1"), 400, "bad_request", 2)


def test_a_field_is_refused_where_nothing_is_taken(api: FlaskClient):
    assert_error(api.post("/api/v1/costs/rebuild", json={"zebra": 1}), 400, "bad_request", 2)
    assert_error(api.post("/api/v1/consumers", json={"name": "lab", "zebra": 1}), 400, "bad_request", 2)
    assert api.post("/api/v1/costs/rebuild", json={}).status_code == 200


def test_readiness_names_the_accounts_that_are_not(api: FlaskClient):
    assert (api.get("/ready").status_code, api.get("/ready").json) == (200, {"ready": True, "waiting": []})


def test_health_names_what_a_restart_would_make_begin_again(service: Service):
    ctx, api = service.handle.ctx, build_app(service).test_client()
    assert api.get("/health").json["in_progress"] == []
    with ctx.store.transaction():
        sessions.insert_session(ctx.store, session("s1", name="one"))
        sessions.insert_session(ctx.store, session("s2", name="two"))
        sessions.insert_attempt(ctx.store, attempt("a1", "s1", state=State.SENT))
        sessions.insert_attempt(ctx.store, attempt("a2", "s2", state=State.RUNNING))
    ctx.pulls_under_way["s2"] = LandingProgress()
    assert api.get("/health").json["in_progress"] == ["one is being created", "results of two are being pulled"]


ENDS = "/api/v1/sessions/{ref}/run-ends/{run}"


@pytest.mark.parametrize(
    ("sent", "parts"),
    [
        ("/api/v1/sessions/a/run-ends/b", {"ref": "a", "run": "b"}),
        ("/api/v1/sessions/a%2Fb/run-ends/c%20d/?x=/y", {"ref": "a/b", "run": "c d"}),
        ("http://daemon/api/v1/sessions/a%252Fb/run-ends/c", {"ref": "a%2Fb", "run": "c"}),
        ("", {"ref": "routed", "run": "routed"}),
        ("/api/v1/sessions/run-ends/a/b", {"ref": "routed", "run": "routed"}),
    ],
)
def test_the_parts_of_a_path_are_read_as_they_were_sent(service: Service, sent: str, parts: dict[str, Any]):
    with build_app(service).test_request_context("/", environ_overrides={"REQUEST_URI": sent}):
        assert parts_as_sent(ENDS, {"ref": "routed", "run": "routed"}) == parts
