"""An open store in the test's home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.store.database import Store
from tests.new_database import lay_down
from tests.store.samples import NOW


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    home.mkdir()
    lay_down(home / "gpu-shopper.db")
    opened = Store.open(home / "gpu-shopper.db", now_wall=NOW)
    yield opened
    opened.close()
