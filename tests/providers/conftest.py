"""A new simulated provider for each adapter."""

from __future__ import annotations

import pytest

from tests.providers.stage import NAMES, Stage, make_stage


@pytest.fixture(params=NAMES)
def stage(request: pytest.FixtureRequest) -> Stage:
    return make_stage(request.param)
