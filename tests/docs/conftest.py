"""A folder for those who type what documents say."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import kill_groups


@pytest.fixture
def top() -> Iterator[Path]:
    """A short folder in which live instances can be contained; what works in it ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(folder)
    if reason is None:
        yield folder
        kill_groups(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if reason is not None:
        pytest.skip(reason)
