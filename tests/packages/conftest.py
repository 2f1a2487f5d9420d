"""The packages, built once for all that look at them."""

from __future__ import annotations

import pytest

from tests.packages.built import Packages, build


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Wheel and sdist."""
    return build(tmp_path_factory.mktemp("dist"))
