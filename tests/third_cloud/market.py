"""Nimbus itself, in memory and on simulated time: a WSGI application, its machines, keys, volumes and bills.

It shares no code with the adapter and none with the sandbox.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

SECOND = 1_000_000
GPU_HOUR, DISK_GB_MONTH = 2.0, 0.1
PAGE = 2
CREDENTIAL = ("org-client", "s3cret-of-nimbus-0123456789")


@dataclass
class Machine:
    """Times in wall µs; `gone_at` is None while it exists."""

    id: str
    spec: dict[str, Any]
    created: int
    ends: int | None
    volume: str
    gone_at: int | None = None


@dataclass
class Thing:
    """A key or a volume."""

    id: str
    name: str
    created: int
    spec: dict[str, Any] = field(default_factory=dict)
    gone_at: int | None = None
    machine: str | None = None


class Nimbus:
    """The market. `boots_s`: from the create to the address, from which on the GPU bills."""

    def __init__(self, now: Callable[[], int], boots_s: float = 40.0) -> None:
        self.now = now
        self.boots_s = boots_s
        self.machines: dict[str, Machine] = {}
        self.keys: dict[str, Thing] = {}
        self.volumes: dict[str, Thing] = {}
        self.tokens: dict[str, int] = {}
        self.replays: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: dict[tuple[str, str], list[str]] = {}
        """By method and kind of thing, such as `("DELETE", "volumes")`: words for the next calls, `*` for ever.

        `500`: refused. `lost`: carried out, and the connection is cut. `cut`: not carried out, and cut.
        """
        self.refuse_creates = ""
        """Why every create is refused; empty: none is."""
        self.organisation = "org-1"
        self.credit = 1000.0
        """Dollars; it falls only where a test lets it."""
        self.minimum_s = 600
        self.hides_machines = False
        """Whether its lists are far behind: they lack every machine."""
        self.create_times: list[int] = []
        self._count = 0

    def fault(self, method: str, what: str, *words: str) -> None:
        self.faults[method, what] = list(words)

    # ---- the truth

    def settle(self) -> None:
        """End the machines whose time has come; volumes stay."""
        for machine in self.machines.values():
            if machine.gone_at is None and machine.ends is not None and machine.ends <= self.now():
                self._end(machine, machine.ends)

    def _end(self, machine: Machine, at: int) -> None:
        machine.gone_at = at
        self.volumes[machine.volume].machine = None

    def existing(self, things: dict[str, Any]) -> list[Any]:
        self.settle()
        return [one for one in things.values() if one.gone_at is None]

    def bill(self) -> float:
        """Dollars: machines in whole minutes and for at least ten, from their address on; volumes to the second."""
        self.settle()
        total = 0.0
        for one in self.machines.values():
            used = (self.now() if one.gone_at is None else one.gone_at) - one.created - self.boots_s * SECOND
            if used > 0:
                total += max(math.ceil(used / SECOND / 60) * 60, self.minimum_s) / 3600 * GPU_HOUR
        for volume in self.volumes.values():
            span = (self.now() if volume.gone_at is None else volume.gone_at) - volume.created
            total += span / SECOND / 3600 * DISK_GB_MONTH * max(volume.spec["gb"] - 10, 0) / 730
        return total

    # ---- the wire

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.settle()
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))
        if (method, path) == ("POST", "/v1/machines"):
            self.create_times.append(self.now())
        word = self._next_fault(method, path)
        if word == "500":
            status, answer = 500, {"error": "internal"}
        elif word == "cut":
            status, answer = 502, {}
        else:
            status, answer = self._answer(environ, method, path, body)
        headers = [("Content-Type", "application/json"), ("Date", formatdate(self.now() / SECOND, usegmt=True))]
        if word in ("lost", "cut"):
            headers.append(("X-Sandbox-Transport", "reset"))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [b"" if status == 204 else json.dumps(answer).encode()]

    def _next_fault(self, method: str, path: str) -> str:
        words = self.faults.get((method, ([*path.split("/"), "", ""])[2]), [])
        if not words:
            return ""
        return words[0].rstrip("*") if words[0].endswith("*") else words.pop(0)

    def _answer(self, environ: dict[str, Any], method: str, path: str, body: str) -> tuple[int, Any]:
        if path == "/oauth2/token":
            return self._token(parse_qs(body))
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.now():
            return 401, {"error": "expired"}
        what, _, item = path.removeprefix("/v1/").partition("/")
        given = json.loads(body) if body else {}
        if what == "organisation":
            return 200, {"id": self.organisation, "credit": self.credit}
        if what == "types":
            row = {"id": "type-1", "gpu": "H100 SXM", "gpus": 1, "vram_gb": 80, "price_hour": GPU_HOUR, "stock": 5}
            return 200, {"types": [{**row, "storage_gb_month": DISK_GB_MONTH, "disk_max_gb": 1000}]}
        if what == "machines":
            return self._machines(method, item, given, environ)
        return self._things({"keys": self.keys, "volumes": self.volumes}[what], what, method, item, given, environ)

    def _token(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        if (form["client_id"][0], form["client_secret"][0]) != CREDENTIAL:
            return 401, {"error": "invalid_client"}
        self._count += 1
        token = f"token-{self._count}-of-nimbus-abcdefgh"
        self.tokens[token] = self.now() + 900 * SECOND
        return 200, {"access_token": token, "expires_in": 900}

    def _page(self, rows: list[Any], what: str, environ: dict[str, Any]) -> tuple[int, Any]:
        start = int(parse_qs(environ.get("QUERY_STRING", "")).get("cursor", ["0"])[0])
        more = start + PAGE
        return 200, {what: rows[start:more], "next": str(more) if more < len(rows) else None}

    def _machines(self, method: str, item: str, given: Any, environ: dict[str, Any]) -> tuple[int, Any]:
        if method == "POST":
            return self._create(given)
        if not item:
            return self._page(
                [] if self.hides_machines else [self._row(one) for one in self.existing(self.machines)],
                "machines",
                environ,
            )
        machine = self.machines.get(item)
        if machine is None or machine.gone_at is not None:
            return 404, {"error": "not_found"}
        if method == "DELETE":
            self._end(machine, self.now())
            return 204, None
        if method == "PATCH":
            machine.spec["tags"] = given.get("tags", machine.spec["tags"])
            machine.ends = round(given["ends"] * SECOND) if "ends" in given else machine.ends
        return 200, self._row(machine)

    def _create(self, given: Any) -> tuple[int, Any]:
        token = given.get("token", "")
        if token in self.replays and self.now() < self.machines[self.replays[token]].created + 900 * SECOND:
            return 200, self._row(self.machines[self.replays[token]])
        if given.get("key") not in {one.id for one in self.existing(self.keys)}:
            return 422, {"error": "invalid", "detail": "no such key"}
        if self.refuse_creates:
            return 422, {"error": self.refuse_creates}
        self._count += 1
        volume = Thing(f"vol-{self._count}", given["volume_name"], self.now(), {"gb": given["disk_gb"]})
        ends = None if given["ends"] is None else round(given["ends"] * SECOND)
        machine = Machine(f"m-{self._count}", given, self.now(), ends, volume.id)
        volume.machine = machine.id
        self.volumes[volume.id], self.machines[machine.id] = volume, machine
        if token:
            self.replays[token] = machine.id
        return 201, self._row(machine)

    def _row(self, one: Machine) -> dict[str, Any]:
        is_up = self.now() >= one.created + self.boots_s * SECOND
        return {
            "id": one.id, "state": "up" if is_up else "starting", "type": one.spec["type"], "image": one.spec["image"],
            "tags": one.spec["tags"], "price_hour": GPU_HOUR, "created": one.created / SECOND,
            "ends": None if one.ends is None else one.ends / SECOND, "host": "198.51.100.7" if is_up else None,
            "disk_gb": one.spec["disk_gb"],
        }  # fmt: skip

    def _things(
        self, things: dict[str, Thing], what: str, method: str, item: str, given: Any, environ: dict[str, Any]
    ) -> tuple[int, Any]:
        if method == "POST":
            same = [one for one in self.existing(things) if one.name == given["name"]]
            self._count += 1
            made = same[0] if same else Thing(f"key-{self._count}", given["name"], self.now(), given)
            things[made.id] = made
            return 201, {"id": made.id, "name": made.name}
        if not item:
            rows = [{"id": t.id, "name": t.name, "machine": t.machine} for t in self.existing(things)]
            return self._page(rows, what, environ)
        found = things.get(item)
        if found is None or found.gone_at is not None:
            return 404, {"error": "not_found"}
        if found.machine is not None:
            return 409, {"error": "in_use"}
        found.gone_at = self.now()
        return 204, None


def label_of(name: str) -> str:
    """Our label in a name, by its form alone."""
    found = re.search(r"gs2-[a-z2-7]{10}-[a-z2-7]{16}-[a-z2-7]{8}", name)
    return found[0] if found else ""
