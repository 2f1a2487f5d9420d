"""The OpenAPI document is valid, and docs/ has it; requests that go into the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask.testing import FlaskClient
from openapi_spec_validator import validate

from gpushopper.clock import SystemClock
from gpushopper.daemon.api.openapi import MEANINGS, document
from gpushopper.daemon.api.server import SLOW_S, build_app
from gpushopper.daemon.api.service import Service
from tests.daemon.api_reference import DOCUMENT, GUIDE, document_text, guide_text
from tests.daemon.test_api import serving


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(None) as found:
        yield found


@pytest.fixture
def api(service: Service) -> FlaskClient:
    return build_app(service).test_client()


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return document("1.2.3")


def test_the_document_is_valid(found: dict[str, Any]):
    validate(found)


def test_the_daemon_serves_it(api: FlaskClient, found: dict[str, Any]):
    assert api.get("/openapi.json").json["paths"] == found["paths"]


def test_the_docs_have_it():
    """If this fails: python -m tests.daemon.api_reference"""
    assert DOCUMENT.read_text(encoding="utf-8") == document_text()
    assert GUIDE.read_text(encoding="utf-8") == guide_text()


def test_every_status_has_a_meaning(found: dict[str, Any]):
    stated = {status for path in found["paths"].values() for each in path.values() for status in each["responses"]}
    assert {status for status in stated if int(status) >= 400} == {str(status) for status in MEANINGS}


def test_texts_below_fields_and_limits_of_values_are_in_it(found: dict[str, Any]):
    schemas = found["components"]["schemas"]
    assert schemas["PlanRequest"]["properties"]["consumer"]["description"].startswith("Whom that provision charges")
    assert schemas["PlanRequest"]["properties"]["retries"]["minimum"] == 0
    assert min(each.get("minimum", 0) for each in schemas["ExtendRequest"]["properties"]["add_us"]["anyOf"]) < 0


class Timed(SystemClock):
    """Each reading is `step_s` after the one before."""

    def __init__(self, step_s: float) -> None:
        super().__init__()
        self._now, self._step_s = 0.0, step_s

    def monotonic(self) -> float:
        self._now += self._step_s
        return self._now


@pytest.mark.parametrize(
    ("method", "path", "step_s", "logged"),
    [
        ("GET", "/health", 0.001, []),
        ("GET", "/health", SLOW_S, [("GET", "/health", 200, 5000)]),
        ("POST", "/api/v1/keys/reload", 0.001, [("POST", "/api/v1/keys/reload", 200, 1)]),
        ("DELETE", "/api/v1/sessions/zebra", 0.001, [("DELETE", "/api/v1/sessions/zebra", 404, 1)]),
    ],
)
def test_commands_and_slow_requests_are_logged(
    service: Service, method: str, path: str, step_s: float, logged: list[tuple[Any, ...]]
):
    service.clock = Timed(step_s)
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        build_app(service).test_client().open(path, method=method, headers={"X-Request-ID": "mine"})
    found = [line for line in lines if line["event"] == "request"]
    assert [(each["method"], each["path"], each["status"], each["took_ms"]) for each in found] == logged
    assert {each["request_id"] for each in found} <= {"mine"}
