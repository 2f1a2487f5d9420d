"""A virtual machine, whose power-off bills on, marks its early end; the daemon destroys it (ends.md E4, E9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import IDLE, Rented, at, receipt
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


def test_where_power_off_bills_on_it_marks_its_end_and_the_daemon_destroys(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    """A virtual machine, whose login is an ordinary user with sudo (E4, E9)."""
    words = ("--gpu", "RTX 4090", "--provider", "tensordock", "--allow-unguarded", "--for", "10m", "--yes")
    sandbox.must("provision", "--name", "machine", *words, *IDLE.split())
    machine = Rented(sandbox, "machine", wait_until)
    number = machine.number
    machine.until_watched()
    assert machine.says("id -un; sudo cat /root/.gs-guard/limits").split()[0] == "user"
    assert not machine.session["limits"]["acts_itself"]
    session = machine.until_proven()
    assert (session["reason"], receipt(machine)["reason"]) == ("idle", "idle")
    assert machine.row(number)["ended_by"] == "api"
    print(f"\nmachine: {at(machine.row(number)['ended_at']) - at(session['ending_at']):+.1f} s from its announced end")
