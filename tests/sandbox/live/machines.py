"""Virtual machines of a live sandbox, rented through TensorDock's API and used with the real OpenSSH client."""

from __future__ import annotations

import http.client
import json
import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.live.live_sandbox import READY_S, SSH_OPTIONS, LiveSandbox


def call(market: LiveSandbox, method: str, path: str, body: Any = None) -> Any:
    """One request to the API; None for a body that is no JSON object."""
    place = market.status["dialects"]["tensordock"]
    connection = http.client.HTTPConnection(urlsplit(place["url"]).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {place['keys']['api_token']}"}
    connection.request(method, f"/api/v2{path}", None if body is None else json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


class Machine:
    """One machine, from its create on."""

    def __init__(self, market: LiveSandbox, cloud_init: dict[str, Any] | None = None) -> None:
        self.market = market
        place = call(market, "GET", "/locations")["data"]["locations"][0]
        gpus = {place["gpus"][0]["v0Name"]: {"count": 1}}
        attributes = {
            "name": "gs2-vm",
            "image": "ubuntu2404",
            "location_id": place["id"],
            "resources": {"vcpu_count": 4, "ram_gb": 16, "storage_gb": 100, "gpus": gpus},
            "useDedicatedIp": True,
            "ssh_key": market.public_key,
            "cloud_init": cloud_init,
        }
        made = call(market, "POST", "/instances", {"data": {"type": "virtualmachine", "attributes": attributes}})
        self.id = made["data"]["id"]
        self.until_ready()

    @property
    def row(self) -> Any:
        return call(self.market, "GET", f"/instances/{self.id}")

    @property
    def facts(self) -> Any:
        return self.market.live(self.id)

    def until_ready(self) -> None:
        try:
            self.market.wait(lambda: self.facts is not None and self.ssh("true").returncode == 0, timeout_s=READY_S)
        except pytest.fail.Exception as failed:
            raise AssertionError(f"{failed}\n{self.row}\n{self.facts}\n{self.logs()}") from failed

    def logs(self) -> str:
        """What it and its supervisor have printed."""
        folder = self.market.home / "market" / "live" / str(self.id)
        return "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in folder.glob("*log") if path.is_file())

    def ssh(self, *words: str, user: str = "user", options: tuple[str, ...] = ()) -> Any:
        forwards = {one["internal_port"]: one["external_port"] for one in self.row["portForwards"]}
        command = ["ssh", *SSH_OPTIONS, "-i", str(self.market.key), "-p", str(forwards.get(22, 1)), *options]
        return subprocess.run(
            [*command, f"{user}@127.0.0.1", *words],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def says(self, command: str, user: str = "user") -> str:
        done = self.ssh(command, user=user)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def finished(self) -> None:
        """Wait until cloud-init is done."""
        self.market.wait(lambda: self.ssh("cloud-init status").stdout.strip() == "status: done", timeout_s=READY_S)

    def post(self, what: str) -> Any:
        return call(self.market, "POST", f"/instances/{self.id}/{what}", {})
