"""The names of the wire: each is found where it is said to be, and importing the package makes no dataclass."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gpushopper import wire


def test_every_name_is_found():
    found = {name: getattr(wire, name) for name in wire.__all__}
    assert {name: one.__name__ for name, one in found.items() if isinstance(one, type) and one.__name__ != name} == {}


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = wire.Nothing


def test_the_modules_of_names_that_nobody_asked_for_are_not_imported():
    program = "import sys\nfrom gpushopper.wire import PROTOCOL, Plan\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert "gpushopper.wire.plan" in done.stdout.split()
    assert not {"gpushopper.wire.responses", "gpushopper.wire.requests"} & set(done.stdout.split())
