"""A market that comes back at another address takes its running daemon along: nothing there bills on unseen."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from gpushopper.cli.process.daemon_process import is_alive
from tests.cli.conftest import Shell


@pytest.mark.proofs
def test_a_sandbox_whose_port_was_taken_gets_another_and_its_daemon_uses_it(gs: Shell, wait_until: Callable[..., None]):
    try:
        assert gs("sandbox", "start").code == 0
        ran = gs("--sandbox", "provision", "--gpu", "RTX 4090", "--hours", "1", "--name", "held", "--yes")
        assert ran.code == 0, ran.err
        daemon = gs("--sandbox", "daemon", "status", "--json").json["pid"]
        before = gs("sandbox", "status", "--json").json
        os.kill(before["pid"], signal.SIGKILL)
        wait_until(lambda: not is_alive(before["pid"]), timeout_s=60)
        url = before["dialects"]["vast"]["url"]
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", urlsplit(url).port))
            other.listen()
            started = gs("sandbox", "start")
            assert (started.code, f"{url} was taken by another program" in started.err) == (0, True), started.err
            ended = gs("--sandbox", "shutdown", "held", "--yes", "--wait", "proven")
        assert ended.code == 0, ended.err
        assert gs("--sandbox", "daemon", "status", "--json").json["pid"] == daemon
        assert [row["state"] for row in gs("sandbox", "ledger", "--json").json["instances"]] == ["gone"]
    finally:
        gs("sandbox", "stop")


@pytest.mark.proofs
def test_a_sandbox_keeps_the_keys_of_further_accounts_and_does_not_run_where_it_cannot(gs: Shell):
    try:
        assert gs("sandbox", "start").code == 0
        config, keys = (gs.home / "sandbox" / name for name in ("config.toml", "keys.toml"))
        config.write_text(config.read_text() + '[accounts.tl]\ncloud = "tensordock"\n')
        kept = '[tl]\napi_token = "0123456789abcdef0123456789abcdef"\n'
        keys.write_text(keys.read_text() + "\n" + kept)
        assert gs("sandbox", "stop").code == 0 and gs("sandbox", "start").code == 0
        assert kept in keys.read_text()
        assert gs("sandbox", "stop").code == 0
        keys.write_text("[tl\n")
        refused = gs("sandbox", "start")
        assert (refused.code, keys.read_text()) == (4, "[tl\n") and "by hand" in refused.err
        assert gs("sandbox", "status").code == 5, "else the next start would find it running, and write no keys"
    finally:
        gs("sandbox", "stop")
