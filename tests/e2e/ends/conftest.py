"""A live sandbox for each story: real daemon, boot script, guard, upkeep and agent; a minute takes a second."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.sandbox_home import SandboxHome, sandbox_home


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 13, "--live") as made:
        yield made
    shutil.rmtree(top, ignore_errors=True)
