"""A sandbox with the TensorDock dialect in-process, called as a plain HTTP client would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gpushopper.sandbox.dialects import BUILT_IN
from gpushopper.sandbox.market.model import Instance
from gpushopper.sandbox.persistence import SandboxState
from gpushopper.sandbox.requests.app import create_app
from tests.sandbox.conftest import HandClock

KEY = "ssh-ed25519 AAAAC3Nza ops"
RTX_4090 = "geforcertx4090-pcie-24gb"
FORWARD_22 = {"internal_port": 22, "external_port": 20500}


@dataclass
class Dock:
    """The dialect in-process; `auth` is the header that each call carries, None for none."""

    clock: HandClock
    state: SandboxState
    http: FlaskClient
    auth: str | None

    def call(self, method: str, path: str, body: Any = None) -> TestResponse:
        headers = {} if self.auth is None else {"Authorization": self.auth}
        return self.http.open(f"/api/v2{path}", method=method, json=body, headers=headers)

    def fault(self, call: str, word: str, arg: str | None = None, **more: Any) -> Any:
        return self.state.faults.add("tensordock", call, word, arg, **more)

    def locations(self) -> list[dict[str, Any]]:
        return self.call("GET", "/locations").get_json()["data"]["locations"]

    def location(self, city: str) -> str:
        return next(place["id"] for place in self.locations() if place["city"] == city)

    def create(self, name: str = "gs2-a", **more: Any) -> TestResponse:
        resources = {"vcpu_count": 8, "ram_gb": 32, "storage_gb": 100, "gpus": {RTX_4090: {"count": 1}}}
        given = {"name": name, "type": "virtualmachine", "image": "ubuntu2404", "resources": resources}
        given |= {"useDedicatedIp": True, "ssh_key": KEY}
        if "hostnode_id" not in more:
            given["location_id"] = self.location("Chubbuck")
        given = {field: value for field, value in (given | more).items() if value is not None}
        return self.call("POST", "/instances", {"data": {"type": "virtualmachine", "attributes": given}})

    def rent(self, name: str = "gs2-a", **more: Any) -> str:
        return self.create(name, **more).get_json()["data"]["id"]

    def get(self, cloud_id: str) -> Any:
        return self.call("GET", f"/instances/{cloud_id}").get_json()

    def listed(self) -> list[Any]:
        return self.call("GET", "/instances").get_json()["data"]

    def names(self) -> list[str]:
        return [row["name"] for row in self.listed()]

    def instance(self, cloud_id: str) -> Instance:
        self.state.market.settle()
        found = self.state.market.named(cloud_id)
        assert found is not None
        return found

    def boot(self) -> None:
        self.clock.pass_seconds(10)
        self.state.market.settle()


def serve(state: SandboxState, clock: HandClock) -> Dock:
    app = create_app(BUILT_IN["tensordock"], state.market, state.faults, state.rate_limiter)
    return Dock(clock, state, app.test_client(), f"Bearer {state.market.keys_of('tensordock')[0]}")


def size(vcpus: int = 8, ram: int = 32, storage: int = 100, gpus: int = 1) -> dict[str, Any]:
    return {"vcpu_count": vcpus, "ram_gb": ram, "storage_gb": storage, "gpus": {RTX_4090: {"count": gpus}}}
