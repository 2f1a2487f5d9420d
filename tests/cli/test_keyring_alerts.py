"""Addresses of alerts in the system's keyring: stored, used by the daemon, forgotten; a locked one is said (F105).

Everything goes through the installed command, over real buses with a real keyring.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.cli.keyrings import SOURCE, Bus, Home, homes, needs_keyring, session_in, short_folder

pytestmark = [pytest.mark.proofs, needs_keyring]


@pytest.fixture
def top() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.fixture
def bus(top: Path) -> Iterator[Bus]:
    with session_in(top) as found:
        yield found


@pytest.fixture
def make(top: Path) -> Iterator[Callable[..., Home]]:
    with homes(top, "http://127.0.0.1:9") as build:
        yield build


@pytest.fixture
def got() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a receiver, and what it has taken."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/SECRET-PART", taken
    server.shutdown()
    server.server_close()


def test_an_address_is_kept_there_used_and_forgotten(
    make: Callable[..., Home], bus: Bus, got: tuple[str, list[dict[str, Any]]]
):
    address, taken = got
    bus.log_in()
    home = make(bus)
    added = home("notify", "add", "team", "--kind", "slack", stdin=f"{address}\n")
    assert added.code == 0 and f"its address is in {SOURCE}" in added.out, added
    assert bus.entries() == f"['alert.team@{home.folder}']"
    assert not (home.folder / "keys.toml").exists()
    assert home.must("notify", "test", "team") == "team: taken\n"
    assert taken == [{"text": "GPU Shopper (sandbox): This is a test of the channel team.", "mrkdwn": False}]
    for file in home.folder.iterdir():
        assert not file.is_file() or b"SECRET-PART" not in file.read_bytes(), file
    bus.lock()
    locked = home("notify", "test", "team")
    assert locked.code == 9 and "is locked" in locked.out and "SECRET" not in locked.out + locked.err, locked
    bus.unlock()
    assert home.must("notify", "test", "team") == "team: taken\n"
    home.must("notify", "rm", "team")
    assert bus.entries() == "[]"


def test_without_a_keyring_the_file_is_never_taken_by_itself(make: Callable[..., Home]):
    home = make()
    done = home("notify", "add", "team", "--kind", "slack", stdin="https://hooks.example.org/SECRET-PART\n")
    assert done.code == 4 and "notify add team" in done.err and "--file" in done.err, done
    assert not (home.folder / "keys.toml").exists() and "alerts" not in (home.folder / "config.toml").read_text()
    assert "SECRET" not in done.out + done.err
