"""A fake provider on loopback with one instance; tests check the calls it received."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gpushopper.core.model.guard_recipe import GuardCall, SelfDestroy

INSTANCE = "4711"
KEY = "c4n4ry-0123456789abcdef"
PATH = f"/api/v0/instances/{INSTANCE}/"


@dataclass(frozen=True)
class Call:
    at: int
    """Unix time by the provider's own clock."""
    what: str
    outcome: int


class Provider:
    """Serve read, destroy and stop of one instance to its own key.

    `scope` is what the key may do, `behaviour` how every call ends: well, cut (no egress), a status code, `noop`
    (acknowledged, nothing done), `portal` (a foreign page with status 200). `leaks` are the command lines
    that carried the key while a call was under way.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.reset()
        handler = type("ProviderHandler", (ProviderHandler,), {"provider": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        """Know the instance as it was just rented."""
        self.now: Callable[[], int] = lambda: 0
        self.scope = {"see", "destroy", "stop"}
        self.behaviour: str | int = "well"
        self.there, self.stopped = True, False
        self.shown = INSTANCE
        self.calls: list[Call] = []
        self.leaks: list[str] = []

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def recipe(self, *last_resort: str, stop: bool = True) -> SelfDestroy:
        return SelfDestroy(
            endpoint=self.endpoint,
            id_variable="CONTAINER_ID",
            key_variable="CONTAINER_API_KEY",
            read=GuardCall("GET", "/api/v0/instances/$ID/?owner=me"),
            destroy=(GuardCall("DELETE", "/api/v0/instances/$ID/", "{}"),),
            stop=GuardCall("PUT", "/api/v0/instances/$ID/", '{"state":"stopped"}') if stop else None,
            last_resort=last_resort,
        )

    def did(self, what: str, outcome: int = 200) -> list[int]:
        return [call.at for call in self.calls if (call.what, call.outcome) == (what, outcome)]

    def asked(self, what: str) -> list[int]:
        return [call.at for call in self.calls if call.what == what]

    def answer(self, what: str) -> tuple[int, dict[str, Any]]:
        if isinstance(self.behaviour, int):
            return self.behaviour, {"error": "trouble"}
        if self.behaviour == "portal":
            return 200, {"page": "welcome to our network"}
        if what not in self.scope:
            return 401, {"success": False, "error": "auth_error"}
        if what == "see":
            return 200, {"instances": {"machine_id": 9, "id": int(self.shown), "label": "x"} if self.there else None}
        if not self.there:
            return 404, {"success": False, "error": "no_such_instance"}
        if self.behaviour != "noop":
            self.there, self.stopped = what != "destroy" and self.there, what == "stop" or self.stopped
        return 200, {"success": True}


class ProviderHandler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"

    def handle_call(self) -> None:
        provider = self.provider
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if KEY in line:
                provider.leaks.append(line)
        wanted = {
            ("GET", PATH + "?owner=me"): "see",
            ("DELETE", PATH): "destroy",
            ("PUT", PATH): "stop" if body == b'{"state":"stopped"}' else "other",
        }
        what = wanted.get((self.command, self.path), f"{self.command} {self.path}")
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            what = f"{what} with {self.headers.get('Authorization')}"
        if provider.behaviour == "cut":
            provider.calls.append(Call(provider.now(), what, 0))
            self.close_connection = True
            return
        code, reply = provider.answer(what)
        provider.calls.append(Call(provider.now(), what, code))
        text = json.dumps(reply).encode()
        self.send_response_only(code)
        self.send_header("Date", formatdate(provider.now(), usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_DELETE = do_POST = handle_call

    def log_message(self, *_: Any) -> None:
        pass
