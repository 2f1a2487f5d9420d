"""What `audit` says of accounts that it could not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.cli import main
from tests.test_client import Peer, reply


@pytest.mark.parametrize(
    ("unavailable", "said"),
    [
        ({}, "No instances on the accounts.\n"),
        # The other account was read, and has none.
        ({"lab": "no key"}, "No instances on the accounts that could be read.\nlab could not be read: no key\n"),
    ],
)
def test_an_account_that_cannot_be_read_is_not_all_of_them(
    home: Path, capsys: pytest.CaptureFixture[str], unavailable: dict[str, str], said: str
):
    peer = Peer(home / "run" / "daemon.sock")
    health = {"ok": True, "version": "", "pid": 1}
    audited = {"rows": [], "unavailable": unavailable, "problems": len(unavailable)}
    peer.scripts = [reply(health), reply(audited), reply({"alarms": []})]
    try:
        assert main(["audit"]) == (9 if unavailable else 0)
    finally:
        peer.close()
    assert capsys.readouterr().err.startswith(said)
