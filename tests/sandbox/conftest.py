"""Fixtures: a sandbox on a clock that the test moves, with the Vast API in-process, and the same over TCP."""

from __future__ import annotations

import http.client
import io
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gpushopper.sandbox.clock import SandboxClock
from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.faulty_server import FaultyServer
from gpushopper.sandbox.market.ground_truth import build_ledger
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.persistence import SandboxState, new_state
from gpushopper.sandbox.requests.app import create_app
from gpushopper.sandbox.timing import SECOND, Clock

START = 1_793_300_000 * SECOND


class HandClock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@dataclass
class Shop:
    """The dialect in-process, with the few calls tests make again and again."""

    clock: HandClock
    state: SandboxState
    http: FlaskClient
    key: str

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.key}"}
        params = {k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()}
        return self.http.open(path, method=method, json=body, headers=headers, query_string=params)

    def fault(self, call: str, word: str, arg: str | None = None, **more: Any) -> Any:
        return self.state.faults.add("vast", call, word, arg, **more)

    def offers(self, **query: Any) -> list[dict[str, Any]]:
        return self.call("POST", "/api/v0/bundles/", {"rentable": {"eq": True}, **query}).get_json()["offers"]

    def free_offer(self) -> int:
        return self.offers(order=[["dph_total", "asc"]], limit=1)[0]["id"]

    def create(self, label: str = "gs1-a", offer: int | None = None, **more: Any) -> TestResponse:
        body = {"image": "ubuntu:22.04", "disk": 40, "label": label, "env": {"GS_LABEL": label}, **more}
        return self.call("PUT", f"/api/v0/asks/{offer or self.free_offer()}/", body)

    def rent(self, label: str = "gs1-a", **more: Any) -> int:
        return self.create(label, **more).get_json()["new_contract"]

    def listed(self, **query: Any) -> Any:
        return self.call("GET", "/api/v1/instances/", **query).get_json()

    def ids(self) -> list[int]:
        return [row["id"] for row in self.listed()["instances"]]

    def shown(self, number: int) -> Any:
        return self.call("GET", f"/api/v0/instances/{number}/").get_json()["instances"]

    def destroy(self, number: int) -> TestResponse:
        return self.call("DELETE", f"/api/v0/instances/{number}/", {})

    def instance(self, number: int) -> Instance:
        self.state.market.settle()
        return self.state.market.instances[number]

    def ledger(self) -> dict[str, Any]:
        return build_ledger(self.state.market)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def shop(clock: HandClock) -> Shop:
    state = new_state(clock, seed=1, boot_seconds=4.0)
    app = create_app(BUILT_IN["vast"], state.market, state.faults, state.rate_limiter)
    return Shop(clock, state, app.test_client(), state.market.keys_of("vast")[0])


@dataclass
class Request:
    """One request a server saw."""

    method: str
    path: str
    body: Any
    at: int


@dataclass
class Tcp:
    """The dialect on a real port and real time, with every request it saw."""

    state: SandboxState
    port: int
    key: str
    seen: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request past the record and return its JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.key}"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        self.seen.pop()
        return answer

    def free_offers(self, many: int) -> list[int]:
        query = {"rentable": {"eq": True}, "order": [["dph_total", "asc"]], "limit": many}
        return [offer["id"] for offer in self.call("POST", "/api/v0/bundles/", query)["offers"]]

    def rent(self, offer: int | None = None, label: str | None = None) -> int:
        body = {"image": "ubuntu:22.04", "disk": 40, "label": label, "runtype": "ssh_direc ssh_proxy"}
        offer = offer or self.free_offers(1)[0]
        return self.call("PUT", f"/api/v0/asks/{offer}/", body)["new_contract"]

    def instance(self, number: int) -> Instance:
        self.state.market.settle()
        return self.state.market.instances[number]

    def sent(self, method: str, path: str) -> list[Request]:
        return [request for request in self.seen if request.method == method and request.path.startswith(path)]


def _recorder(app: Any, seen: list[Request], clock: Clock) -> Any:
    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        raw = environ["wsgi.input"].read(size)
        environ["wsgi.input"] = io.BytesIO(raw)
        body = json.loads(raw) if raw else None
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        seen.append(Request(method, path, body, clock()))
        return app(environ, start_response)

    return serve


@pytest.fixture
def tcp(tmp_path):
    (tmp_path / "market").mkdir()
    clock = SandboxClock(tmp_path / "market")
    state = new_state(clock, seed=1, boot_seconds=0.4)
    seen: list[Request] = []
    server = FaultyServer(
        0, _recorder(create_app(BUILT_IN["vast"], state.market, state.faults, state.rate_limiter), seen, clock)
    )
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield Tcp(state, server.bind_addr[1], state.market.keys_of("vast")[0], seen)
    server.stop()
    thread.join()
