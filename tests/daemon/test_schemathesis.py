"""Requests that schemathesis makes from the OpenAPI document: the answers are those that the document states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode, checks
from schemathesis.specs.openapi.checks import negative_data_rejection, response_headers_conformance

from gpushopper.daemon.api.dispatch import table, types_of
from gpushopper.daemon.api.openapi import document
from gpushopper.daemon.api.server import build_app
from tests.daemon.stand_ins import EmptyAccount
from tests.daemon.test_api import engine_and_service

pytestmark = pytest.mark.proofs

CHECKS = [
    checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_schema_conformance, response_headers_conformance, negative_data_rejection,
]  # fmt: skip
"""Not that every valid request succeeds: most name sessions that are not there."""
DOCUMENT = document("1.2.3")
lenient = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def local_api(home: Path, wait_until: Callable[..., None]) -> Iterator[schemathesis.BaseSchema]:
    with engine_and_service(EmptyAccount()) as (engine, service):

        def step() -> bool:
            engine.step()
            return engine.is_ready()

        wait_until(step)
        loaded = schemathesis.openapi.from_dict(DOCUMENT)
        loaded.app = build_app(service)
        yield loaded


CASES = [
    (name, mode)
    for name, row in table().items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or row.method != "GET" or types_of(row).query is not None
]
"""A GET without a query cannot be wrong."""


@pytest.mark.parametrize(("name", "mode"), CASES, ids=lambda part: getattr(part, "value", part))
def test_answers_are_those_that_the_document_states(
    local_api: schemathesis.BaseSchema, name: str, mode: GenerationMode
):
    operation = local_api[table()[name].path][table()[name].method]

    @lenient
    @given(operation.as_strategy(generation_mode=mode))
    def validate(case: Case) -> None:
        case.call_and_validate(checks=CHECKS)

    validate()
