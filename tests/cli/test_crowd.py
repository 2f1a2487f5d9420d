"""A crowd at one daemon: twenty rentals at once, and connections that drip a byte every two seconds (F100)."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.cli.bad_days import Home, fault
from tests.sandbox_home import kill_groups

pytestmark = pytest.mark.proofs

AT_ONCE = 20
DRIPPING = 16
RENT = "provision -g 4090 -t 1 --yes --no-wait --retries 9 --name"
WIDE = "+[brakes]\nopen_sessions = 50\ncreates_per_hour = 500\ndollars_per_hour = 500\n"


@pytest.fixture
def market() -> Iterator[Home]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    home = Home(top / "m", "--sandbox", inner="sandbox")
    try:
        home.must("sandbox", "start", "--seed", "11")
        home.write({"config.toml": WIDE})
        home.must("ls")
        yield home
    finally:
        kill_groups(top)
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def dripping(market: Home) -> Iterator[None]:
    """Connections that begin a request and add a byte every two seconds; an ended one is begun again."""
    stop = threading.Event()

    def drip() -> None:
        while not stop.is_set():
            with socket.socket(socket.AF_UNIX) as channel, suppress(OSError):
                channel.connect(str(market.home / "run" / "daemon.sock"))
                channel.sendall(b"GET / HTTP/1.1\r\nX: ")
                while not stop.wait(2):
                    channel.sendall(b"x")

    threads = [threading.Thread(target=drip) for _ in range(DRIPPING)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(10)


@pytest.mark.usefixtures("dripping")
def test_twenty_rentals_at_once_are_all_served(market: Home):
    with ExitStack() as all_of_them:
        # Each search takes its time, so that more want one than may search at once.
        all_of_them.enter_context(fault(market, "search", "slow", "2s"))
        begun = [all_of_them.enter_context(market.begin(*RENT.split(), f"crowd{number}")) for number in range(AT_ONCE)]
        ended = [(process.wait(120), process.stderr.read() if process.stderr else "") for process in begun]
    assert [code for code, _ in ended] == [0] * AT_ONCE, ended
    names = {each["name"] for each in json.loads(market.must("ls", "-a", "--json"))["sessions"]}
    assert {f"crowd{number}" for number in range(AT_ONCE)} == names
    assert market("shutdown", "--all", "--yes", "--timeout", "5m").code == 0
