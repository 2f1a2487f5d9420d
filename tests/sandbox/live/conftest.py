"""Fixtures: one sandbox with live instances per file; skipped with the reason where none can be contained."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox.live.live_sandbox import LiveSandbox, Rented, remove
from tests.waiting import wait_until


def wait(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """As the fixture wait_until, for fixtures that live longer than one test."""
    wait_until(condition, timeout_s, every_s=0.05)


@pytest.fixture(scope="package")
def containable() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gs-probe-"))
    reason = containment_problem(folder)
    remove(folder)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def folder(containable: None) -> Iterator[Path]:
    """A short folder of the file's own: sockets live under it."""
    made = Path(tempfile.mkdtemp(prefix="gs-"))
    yield made
    remove(made)


@pytest.fixture(scope="module")
def market(folder: Path) -> Iterator[LiveSandbox]:
    # Two that must never be seen inside: a setting that our own processes keep, and a key of the user's.
    variables = {**os.environ, "TMPDIR": str(folder), "VAST_API_KEY": "canary-of-the-user"}
    made = LiveSandbox(folder, wait, "--live", "--boot-seconds", "0.3", variables=variables)
    yield made
    made.kill(15)


@pytest.fixture(scope="module")
def rented(market: LiveSandbox) -> Rented:
    """One instance that the tests of a file share; whoever ends one rents another."""
    return market.rent("env >/root/seen-by-onstart", env={"TEAM": "alpha", "-p 8081:8081": "1"})


@pytest.fixture(autouse=True)
def without_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "market" in request.fixturenames:
        market = request.getfixturevalue("market")
        if market.child.poll() is None:
            market.control("DELETE", "/faults")
