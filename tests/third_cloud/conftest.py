"""A world in which Nimbus can be rented on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.policy import REAL
from tests.third_cloud.world import NimbusWorld, install, installed


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[NimbusWorld]:
    """With the policy that a test names as its parameter, or the real one."""
    with installed(monkeypatch, install(tmp_path / "site")):
        home = tmp_path / "home"
        home.mkdir(mode=0o700)
        made = NimbusWorld(home, getattr(request, "param", REAL))
        made.start().ready()
        yield made
        made.kill()
