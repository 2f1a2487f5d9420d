"""An instance has terminals of its own: what is written to any of them inside reaches nobody outside (S28)."""

from __future__ import annotations

import os
import pty
import select
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.live.conftest import wait
from tests.sandbox.live.live_sandbox import LiveSandbox, remove
from tests.sandbox.live.test_containment import OTHER_UID, as_user

pytestmark = pytest.mark.proofs

MANY = 40
"""Terminals that are open outside: so many that every number inside is one of theirs too."""
CANARY = "for the terminals of this instance"
TERMINALS = "/dev/pts/[0-9]* /dev/ptmx /dev/tty /dev/console /dev/tty[0-9]*"
TO_ALL = f"for t in {TERMINALS}; do echo {CANARY} >$t; done 2>/dev/null; :"


@pytest.fixture(scope="module", params=["root", "user"])
def market(request: pytest.FixtureRequest, containable: None) -> Iterator[LiveSandbox]:
    """A market of each kind of user."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    how = as_user(top) if request.param == "user" else {}
    made = LiveSandbox(top, wait, "--live", "--boot-seconds", "0.3", **how)  # type: ignore[arg-type]
    made.outside_uid = OTHER_UID if how else os.geteuid()  # type: ignore[attr-defined]
    yield made
    made.kill(15)
    remove(top)


@pytest.fixture
def outside(market: LiveSandbox) -> Iterator[list[int]]:
    """Terminals of the very user who runs the market: nothing but their being out of sight protects them."""
    pairs = [pty.openpty() for _ in range(MANY)]
    for _, theirs in pairs:
        os.fchmod(theirs, 0o622)
        if os.geteuid() == 0:
            os.fchown(theirs, market.outside_uid, -1)  # type: ignore[attr-defined]
    yield [ours for ours, _ in pairs]
    for ends in pairs:
        for end in ends:
            os.close(end)


def test_what_is_written_to_every_terminal_inside_stays_inside(market, outside):
    rented = market.rent(f"sleep 1; {TO_ALL}")
    seen = rented.ssh(options=("-tt",), stdin=f"tty; {TO_ALL}; exit 3\n")
    assert seen.returncode == 3 and "/dev/pts/" in seen.stdout
    assert f"\n{CANARY}" in seen.stdout, "a terminal inside hears what is written to it"
    assert rented.says("ls /dev/pts") == "ptmx", "no terminal of anybody else's is shown"
    rented.says(TO_ALL)
    told = [ours for ours in outside if select.select([ours], [], [], 0)[0]]
    assert told == []
