"""The sandbox process: ready line, control socket, kill -9, a second process, the ledger while stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest

from gpushopper.cli.process.sandbox_process import STOP_LIMIT_S
from tests.forked import Forks

CREATE = {"image": "ubuntu:22.04", "disk": 40, "label": "gs1-x", "env": {"GS_LABEL": "gs1-x"}}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


class Process:
    """A sandbox process of one home."""

    def __init__(self, forks, home, *options):
        self.home = home
        words = ("gpushopper.sandbox", "--home", str(home), *options)
        self.child = forks.start(*words, env=os.environ, stdout=True, stderr=True)
        line = self.child.stdout.readline()
        self.ready = json.loads(line) if line else None

    def control(self, method, path, body=None):
        connection = UnixConnection(self.home / "market" / "control.sock")
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def vast(self, method, path, body=None):
        place = self.ready["dialects"]["vast"]
        connection = http.client.HTTPConnection(place["url"].removeprefix("http://"), timeout=10)
        headers = {"Authorization": f"Bearer {place['keys']['api_key']}"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def rent(self):
        query = {"rentable": {"eq": True}, "limit": 1}
        offer = self.vast("POST", "/api/v0/bundles/", query)["offers"][0]["id"]
        return self.vast("PUT", f"/api/v0/asks/{offer}/", CREATE)["new_contract"]

    def kill(self, number=signal.SIGKILL):
        if self.child.poll() is None:
            self.child.send_signal(number)
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out, err


@pytest.fixture(scope="module")
def forks():
    """Where sandboxes are started without importing theirs again; a command starts one from nothing."""
    server = Forks(["gpushopper.sandbox.server"])
    yield server
    server.close()


@pytest.fixture
def start(home, forks):
    started = []

    def run(*options):
        process = Process(forks, home, *options)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def offline_ledger(home, forks):
    """Print the ledger without a server: exit status, stdout, stderr."""
    words = ("gpushopper.sandbox", "ledger", "--home", str(home))
    return lambda: forks.run(*words, env=os.environ, given="", timeout_s=60)


def test_status_is_the_ready_line(start, home):
    server = start("--seed", "3", "--rate-gaps", "on")
    status = server.control("GET", "/status")
    assert server.ready["ready"] is True
    assert (status["schema"], status["home"], status["seed"]) == (1, str(home), 3)
    assert status["dialects"] == server.ready["dialects"]
    assert set(status["dialects"]["vast"]) == {"url", "keys"}
    dock = status["dialects"]["tensordock"]
    assert dock["url"].endswith("/api/v2") and set(dock["keys"]) >= {"authorization_id", "api_token"}
    assert httpx.get(f"{dock['url']}/locations").status_code == 200
    answer = httpx.get(f"{dock['url']}/instances", headers={"Authorization": f"Bearer {dock['keys']['api_token']}"})
    assert answer.json() == {"data": []}
    assert status["rate_gaps"] == "on"


def test_the_control_socket_is_private(start, home):
    start()
    assert stat.S_IMODE((home / "market").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "market" / "control.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "market" / "market.json").stat().st_mode) == 0o600


def test_kill_loses_nothing_and_the_port_stays(start, home, offline_ledger):
    server = start("--boot-seconds", "0.2")
    number = server.rent()
    server.control("POST", "/faults", {"provider": "vast", "call": "list", "word": "empty200", "count": 2})
    assert server.vast("GET", "/api/v1/instances/")["instances"] == []
    server.control("POST", "/advance", {"by": "1h"})
    server.kill()
    ledger = json.loads(offline_ledger()[1])
    assert [(row["id"], row["state"]) for row in ledger["instances"]] == [(str(number), "running")]
    assert 3590 < ledger["instances"][0]["gpu_seconds"] < 3660
    again = start()
    assert again.ready["dialects"] == server.ready["dialects"]
    assert again.control("GET", "/faults")["faults"][0]["acted"] == 1
    assert again.vast("GET", "/api/v1/instances/")["instances"] == []
    assert [row["id"] for row in again.vast("GET", "/api/v1/instances/")["instances"]] == [number]


def test_the_port_stays_with_connections_that_the_market_closed(start):
    """What it closed first lingers in the system for a minute, and held the port of a killed market."""
    server = start()
    port = int(server.ready["dialects"]["vast"]["url"].rpartition(":")[2])
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /api/v0/gpu_names/unique/ HTTP/1.0\r\n\r\n")
            while connection.recv(65536):
                pass
    server.kill()
    assert start().ready["dialects"] == server.ready["dialects"]


def test_a_new_market_stays_clear_of_the_ports_of_outgoing_connections(start):
    port = int(start().ready["dialects"]["vast"]["url"].rpartition(":")[2])
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert port < first or first <= 20_000


def test_a_port_that_others_took_is_given_up(start):
    server = start()
    server.kill()
    port = int(server.ready["dialects"]["vast"]["url"].rpartition(":")[2])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        moved = start().ready["dialects"]["vast"]["url"]
    assert moved != server.ready["dialects"]["vast"]["url"]


def test_stop_is_graceful_and_the_ledger_stays_readable(start, home, offline_ledger):
    server = start()
    number = server.rent()
    assert server.control("POST", "/stop") == {"schema": 1, "stopping": True}
    assert server.child.wait(timeout=STOP_LIMIT_S) == 0  # as long as `sandbox stop` waits
    assert not (home / "market" / "control.sock").exists()
    (row,) = json.loads(offline_ledger()[1])["instances"]
    assert (row["id"], row["label"], row["env_label"]) == (str(number), "gs1-x", "gs1-x")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_quietly(start, number):
    assert start().kill(number) == (0, "", "")


def test_a_second_sandbox_in_the_same_home_is_refused(start, home):
    start()
    code, _, err = start().kill()
    assert (code, err) == (1, f"a sandbox is already running in {home}\n")


def test_a_home_keeps_its_seed(start, home):
    start("--seed", "5").kill(signal.SIGTERM)
    code, _, err = start("--seed", "6").kill()
    assert (code, "has seed 5" in err) == (1, True)


def test_a_broken_market_file_is_left_alone(start, home):
    start().kill(signal.SIGTERM)
    path = home / "market" / "market.json"
    path.write_text("{")
    code, _, err = start().kill()
    assert (code, "cannot be read" in err, path.read_text()) == (1, True, "{")


def test_no_market_no_ledger(home, offline_ledger):
    code, out, err = offline_ledger()
    assert (code, out, "no market in" in err) == (1, "", True)


def test_revise_does_what_an_operator_may_do(start):
    server = start("--boot-seconds", "0.1")
    foreign = server.control("POST", "/launch", {"provider": "vast", "label": "theirs"})
    mine = server.rent()
    server.control("POST", "/advance", {"by": "60s"})
    revised = server.control("POST", "/revise", {"instance": str(mine), "action": "outbid"})
    assert revised == {"schema": 1, "id": str(mine), "state": "stopped"}
    server.control("POST", "/revise", {"instance": foreign["id"], "action": "host_destroy"})
    rows = {row["id"]: row for row in server.control("GET", "/ledger")["instances"]}
    assert (rows[foreign["id"]]["foreign"], rows[foreign["id"]]["ended_by"]) == (True, "host")
    assert (rows[str(mine)]["stopped_by"], rows[str(mine)]["ended_by"]) == ("outbid", None)


def test_settings_of_the_control_surface(start):
    server = start()
    assert server.control("POST", "/credit", {"provider": "vast", "usd": 2.5})["usd"] == 2.5
    assert server.vast("GET", "/api/v0/users/current")["credit"] == 2.5
    key = server.ready["dialects"]["vast"]["keys"]["api_key"]
    server.control("POST", "/keys", {"secret": key, "revoked": True})
    assert server.vast("GET", "/api/v0/users/current")["error"] == "auth_error"
    server.control("POST", "/keys", {"secret": key, "revoked": False})
    server.control("POST", "/pacing", {"enabled": True, "form": "detail", "retry_after": 9})
    assert "instances" in server.vast("GET", "/api/v1/instances/")
    assert "too frequent" in server.vast("GET", "/api/v1/instances/")["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"provider": "vast", "call": "list", "word": "explode"}),
        ("/faults", {"provider": "vast", "call": "list", "word": "lag", "arg": "10m", "colour": "red"}),
        ("/faults", {"provider": "vast", "call": "search", "word": "stale_stock"}),
        ("/faults", {"provider": "tensordock", "call": "list", "word": "page_cut"}),
        ("/faults", {"provider": "tensordock", "call": "create", "word": "slow", "arg": "9s-2s"}),
        ("/launch", {"provider": "nobody"}),
        ("/advance", {"by": "-5"}),
        ("/advance", {}),
        ("/revise", {"instance": "1", "action": "destroy"}),
        ("/pacing", {"form": "sonnet"}),
    ],
)
def test_bad_requests_are_refused_and_change_nothing(start, path, body):
    server = start()
    before = server.control("GET", "/status")["clock_offset_us"]
    answer = server.control("POST", path, body)
    assert answer["error"]["code"] == "refused"
    assert answer["error"]["message"]
    assert server.control("GET", "/status")["clock_offset_us"] == before
    assert server.control("GET", "/faults")["faults"] == []


def test_too_long_a_home_is_refused_in_one_line(tmp_path, forks):
    home = tmp_path / ("x" * 120)
    ran = Process(forks, home).kill()
    assert (ran[0], ran[2].count("\n"), "too long" in ran[2]) == (1, 1, True)
    assert os.listdir(tmp_path)
