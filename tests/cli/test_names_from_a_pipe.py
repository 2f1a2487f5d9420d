"""Names that come through a pipe may be those of the sandbox: they end nothing of the real home by mistake."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.in_process import Inside
from tests.test_client import Peer, reply

SAYS = "came through a pipe, and is open in the sandbox, too"


def view(name: str) -> dict[str, object]:
    landing = {"reason": "", "pulled_at": None}
    return {
        "id": f"id-of-{name}", "name": name, "end_stage": "", "gpu": "RTX 4090", "gpu_count": 1, "provider": "vast",
        "cloud": "vast", "accrued": 0, "max_cost": 0, "ended_at": None, "ready_at": 1, "status": "running",
        "least_billed_us": 0, "pulls": [], "ssh_host": None, "attempts": [], "landing": landing,
    }  # fmt: skip


class Home:
    """A daemon that knows these sessions, and notes what was to be ended."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.ended: list[str] = []
        self.names = names
        self.peer = Peer(folder / "run" / "daemon.sock")
        self.peer.scripts = [self._answer]

    def _answer(self, channel: socket.socket, request: bytes) -> None:
        method, target = request.decode().split(" ")[:2]
        path = target.partition("?")[0].removeprefix("/api/v1/")
        if method == "POST":
            self.ended.append(path.split("/")[1])
            channel.sendall(reply({"sessions": [], "event": 1, "text": ""}, status=202))
        elif path == "sessions":
            channel.sendall(reply({"sessions": [view(name) for name in self.names]}))
        elif path.startswith("sessions/"):
            name = path.split("/")[1].removeprefix("id-of-")
            channel.sendall(reply(view(name) | {"end_stage": "proven" if self.ended else ""}))
        else:
            channel.sendall(reply({"alarms": [], "providers": []}))


@pytest.fixture
def real(home: Path) -> Iterator[Home]:
    made = Home(home, "twin", "alone")
    yield made
    made.peer.close()


@pytest.fixture
def practice(home: Path) -> Iterator[Home]:
    (home / "sandbox").mkdir(mode=0o700, parents=True)
    made = Home(home / "sandbox", "twin", "other")
    yield made
    made.peer.close()


def test_a_name_that_is_open_in_the_sandbox_too_is_not_ended_by_a_pipe(home: Path, real: Home, practice: Home):
    """`gpu-shopper --sandbox ls -q | gpu-shopper shutdown - --yes`: the second command forgot its --sandbox."""
    ran = Inside(home)("shutdown", "-", "--yes", "--no-wait", stdin="twin\nalone\n")
    assert ran.code == 2 and real.ended == ["id-of-alone"] and practice.ended == []
    assert f"twin {SAYS}" in ran.err and "not ended: twin" in ran.err, ran
    alone = Inside(home)("shutdown", "-", "--yes", "--no-wait", "--json", stdin="twin\n")
    assert alone.code == 2 and real.ended == ["id-of-alone"], alone
    hint = json.loads(alone.err.splitlines()[-1])["error"]["hint"]
    assert hint == "that one: gpu-shopper --sandbox shutdown twin, this one: gpu-shopper shutdown twin"


def test_a_name_that_is_typed_is_ended(home: Path, real: Home, practice: Home):
    assert Inside(home)("shutdown", "twin", "--yes", "--no-wait").code == 0
    assert real.ended == ["id-of-twin"]


def test_without_a_sandbox_that_runs_a_pipe_ends_what_it_names(home: Path, real: Home):
    assert Inside(home)("shutdown", "-", "--yes", "--no-wait", stdin="twin\n").code == 0
    assert real.ended == ["id-of-twin"]


def test_a_sandbox_that_cannot_be_used_keeps_nothing_from_ending(home: Path, real: Home):
    (home / "sandbox").write_text("")
    assert Inside(home)("shutdown", "-", "--yes", "--no-wait", stdin="twin\n").code == 0
    assert real.ended == ["id-of-twin"]
