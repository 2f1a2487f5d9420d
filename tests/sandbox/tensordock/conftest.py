"""Fixture: a new market of TensorDock on a clock that the test moves."""

from __future__ import annotations

import pytest

from gpushopper.sandbox.persistence import new_state
from tests.sandbox.conftest import HandClock
from tests.sandbox.tensordock.dock import Dock, serve


@pytest.fixture
def dock(clock: HandClock) -> Dock:
    return serve(new_state(clock, seed=1, boot_seconds=4.0), clock)
