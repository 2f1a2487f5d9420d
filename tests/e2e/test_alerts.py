"""A real daemon tells real receivers: down, hanging, dripping, redirecting, endless; none delays it, each gets it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

MODES = ("fine", "down", "hangs", "drips", "redirects", "endless")
WAIT_S = 240


class Receiver:
    """One port of this computer. `got` are the messages that it has taken, `answered` to how many it gave a status."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []
        self.is_over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.paths.append(self.path)
                if receiver.mode in ("fine", "endless"):
                    receiver.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
                answer = getattr(receiver, f"_{receiver.mode}")
                answer(self)

            def log_message(self, *_words: object) -> None:
                pass

        self._handler = Handler
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.server_bind()
        if mode != "down":
            self.open()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{self.mode}"

    def open(self) -> None:
        """Listen; until then connections are refused."""
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.is_open = True

    def recover(self) -> None:
        was_down, self.mode = self.mode == "down", "fine"
        if was_down:
            self.open()

    def close(self) -> None:
        self.is_over.set()
        if getattr(self, "is_open", False):
            self.server.shutdown()
        self.server.server_close()

    def _fine(self, handler: Any) -> None:
        handler.send_response(204)
        handler.end_headers()

    def _hangs(self, _handler: Any) -> None:
        self.is_over.wait(60)

    def _drips(self, handler: Any) -> None:
        """A header that never ends, a byte now and then: no wait for one byte is long."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.is_over.wait(0.2):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return

    def _redirects(self, handler: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()

    def _endless(self, handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not self.is_over.is_set():
            try:
                handler.wfile.write(b"x" * 65536)
            except OSError:
                return


@pytest.fixture
def receivers() -> Iterator[dict[str, Receiver]]:
    made = {mode: Receiver(mode) for mode in MODES}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def sandbox() -> Iterator[SandboxHome]:
    with sandbox_home(Path(tempfile.mkdtemp(prefix="gs-")) / "h", 7, "--paper") as made:
        yield made


def add(sandbox: SandboxHome, name: str, address: str) -> str:
    """Add a webhook as a script does; its signing key."""
    words = sandbox.command("notify", "add", name, "--kind", "webhook", "--file", "--json")
    done = subprocess.run(
        words, env=sandbox.variables, input=f"{address}\n", capture_output=True, text=True, timeout=60, check=True
    )
    return str(json.loads(done.stdout)["signing_key"])


def waiting(sandbox: SandboxHome, name: str) -> int:
    found: dict[str, Any] = json.loads(sandbox.must("notify", "ls", "--json"))
    return next(int(row["waiting"]) for row in found["channels"] if row["name"] == name)


def texts(receiver: Receiver) -> list[str]:
    return [str(json.loads(body)["data"]["text"]) for _, body in receiver.got]


def is_signed(key: str, headers: dict[str, str], body: bytes) -> bool:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(base64.b64decode(key.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_hostile_receivers_delay_nothing_and_get_each_alert_once(
    sandbox: SandboxHome, receivers: dict[str, Receiver], wait_until: Callable[..., None]
) -> None:
    sandbox.must("status")
    keys = {name: add(sandbox, name, receiver.address) for name, receiver in receivers.items()}
    sandbox.must("provision", "--gpu", "RTX 4090", "--hours", "1", "--name", "fox", "--yes")
    sandbox.must("shutdown", "fox", "--yes")  # waits until it is off
    fine = receivers["fine"]
    wait_until(lambda: any("fox has ended" in text for text in texts(fine)), timeout_s=WAIT_S)
    status = json.loads(sandbox.must("status", "--json"))["status"]
    assert status["sessions_open"] == 0
    ended = next(at for at, kind in sandbox.changes() if kind == "ended")
    proven = next(at for at, kind in sandbox.changes() if kind == "closed")
    assert abs(ended - proven) < 1_000_000, "the end is written when it is proven, whoever is told of it"
    wait_until(lambda: waiting(sandbox, "fine") == waiting(sandbox, "endless") == 0, timeout_s=WAIT_S)
    assert all(waiting(sandbox, name) > 0 for name in ("down", "hangs", "drips"))

    assert sandbox.kill_daemon()
    for name in ("down", "hangs", "drips"):
        receivers[name].recover()
    sandbox.must("status")
    told = [text for text in texts(fine) if "do not arrive" not in text]
    for name in ("down", "hangs", "drips", "endless"):
        receiver = receivers[name]
        wait_until(lambda r=receiver: len(r.got) >= len(told), timeout_s=WAIT_S)
        ids = [headers["webhook-id"] for headers, _ in receiver.got]
        assert len(ids) == len(set(ids)) and [text for text in texts(receiver) if "do not arrive" not in text] == told
        assert all(is_signed(keys[name], headers, body) for headers, body in receiver.got)
    assert set(receivers["redirects"].paths) == {"/redirects"}, "no redirect is followed, not to the same host either"
    log = (sandbox.home / "daemon.log").read_text()
    assert not any(receiver.address in log for receiver in receivers.values()) and "Traceback" not in log
