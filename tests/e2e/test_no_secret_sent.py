"""No secret in an argument list, in a byte that the cloud received, or in what is kept here (I21, F93, F103, D15).

One session on a live sandbox: the daemon and the guard reach the sandbox through a proxy, and the argument lists of all
processes are read again and again. What is planted on purpose is found by the same search.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.e2e.recording_proxy import RecordingProxy, Request, split
from tests.e2e.secret_search import ArgumentWatch, holds
from tests.e2e.test_live_use import places_of
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

AT_RENT, AT_RUN = "s3cr3t-given-when-it-was-rented", "s3cr3t-given-to-one-run-alone"
PLANTED = "c4n4ry-that-anybody-may-see"
TOLD = 'printf %s "${}" | sha256sum'


@dataclass
class Day:
    """What was seen of a session from its plan to its proven end."""

    sandbox: SandboxHome
    proxy: RecordingProxy
    watch: ArgumentWatch
    received: list[Request]
    outputs: list[str]
    events: str

    @property
    def account_key(self) -> bytes:
        status = json.loads(self.sandbox.must("sandbox", "status", "--json"))
        return str(status["dialects"]["vast"]["keys"]["api_key"]).encode()

    def key_parts(self) -> list[bytes]:
        """What is private of each session's ssh key: the lines of its file, and the number they all stand for."""
        parts = []
        for path in (self.sandbox.home / "ssh").glob("*.key"):
            lines = path.read_bytes().splitlines()[1:-1]
            whole = base64.b64decode(b"".join(lines))
            private, public = (whole.rpartition(b"\0\0\0\x40")[2][at : at + 32] for at in (0, 32))
            assert len(lines) == 5 and whole.count(public) == 3
            parts += [*lines, private]
        return parts


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    with sandbox_home(top / "h", 19, "--live") as sandbox:
        settings = sandbox.home / "config.toml"
        proxy = RecordingProxy(re.findall(r'endpoint = "(.*)"', settings.read_text())[0])
        settings.write_text(re.sub(r'endpoint = ".*"', f'endpoint = "{proxy.url}"', settings.read_text(), count=1))
        sandbox.variables |= {"TOKEN": AT_RENT, "OTHER": AT_RUN}
        yield live(sandbox, proxy)
        proxy.close()
    shutil.rmtree(top, ignore_errors=True)


def live(sandbox: SandboxHome, proxy: RecordingProxy) -> Day:
    """Rent, use and end one instance."""
    script = sandbox.top / "setup.sh"
    script.write_text(TOLD.format("TOKEN") + " >/root/told\n")
    with ArgumentWatch() as watch:
        sandbox.must(
            "provision", "--gpu", "RTX 4090", "--for", "20m", "--name", "work", "--yes", "--setup", str(script),
            "--env", f"TEAM={PLANTED}", "--secret-env", "TOKEN",
        )  # fmt: skip
        outputs = [sandbox.must("ssh", "work", "--", "cat /root/told")]
        outputs += [sandbox.must("run", "work", "--secret-env", "OTHER", "--", TOLD.format("OTHER"))]
        sandbox.must("run", "work", "--detach", "--", f"exec tail -f /dev/null {PLANTED}")
        watch.wait_for(PLANTED.encode())
        sandbox.must("extend", "work", "--for", "5m", "--yes")
        sandbox.run("audit")
        sandbox.must("shutdown", "work", "--yes", "--wait", "proven")
    events = sandbox.must("events", "--json")
    return Day(sandbox, proxy, watch, proxy.received(), outputs, events)


# ---- argument lists


def test_no_argument_list_held_a_secret(day: Day) -> None:
    assert day.watch.rounds > 100
    secrets = [AT_RENT.encode(), AT_RUN.encode(), day.account_key, *day.key_parts()]
    assert [line for line in day.watch.ours | day.watch.inside if any(holds(line, each) for each in secrets)] == []


def test_what_was_planted_in_argument_lists_was_seen_on_both_sides(day: Day) -> None:
    for lines in (day.watch.ours, day.watch.inside):
        assert any(PLANTED.encode() in line for line in lines)


def test_the_secrets_arrived_in_the_environment_of_programs_there(day: Day) -> None:
    wanted = [sha256(text.encode()).hexdigest() for text in (AT_RENT, AT_RUN)]
    assert [told.split()[0] for told in day.outputs] == wanted


# ---- what is kept


def test_no_file_order_or_event_holds_a_secret(day: Day) -> None:
    for secret in (AT_RENT, AT_RUN):
        assert places_of(secret.encode(), day.sandbox.top) == []
        assert secret not in day.events
    state_file = day.sandbox.home / "market" / "market.json"
    assert state_file in places_of(PLANTED.encode(), day.sandbox.top), "the sandbox's copy of the request was not read"
    assert not holds(state_file.read_bytes(), AT_RENT.encode()) and holds(state_file.read_bytes(), PLANTED.encode())


# ---- what the cloud received


def places(received: list[Request], secret: bytes) -> set[str]:
    """Where a secret stands in what the sandbox received; an account key belongs into one line of the head alone."""
    allowed = re.compile(rb"(?im)^authorization: bearer " + re.escape(secret) + rb"\r?$")
    found = set()
    for head, body in received:
        if holds(allowed.sub(b"", head), secret):
            found.add("head")
        if holds(body, secret):
            found.add("body")
        if allowed.search(head):
            found.add("authorization")
    return found


def test_no_byte_the_cloud_received_holds_a_secret(day: Day) -> None:
    started = [body for head, body in day.received if head.startswith(b"PUT /api/v0/asks/")]
    assert len(started) == 1 and holds(started[0], b"gs2-") and holds(started[0], b"ssh-ed25519")
    assert holds(started[0], b"via_python3"), "the guard's text was not unpacked"
    assert [places(day.received, text.encode()) for text in (AT_RENT, AT_RUN)] == [set(), set()]
    assert {place for part in day.key_parts() for place in places(day.received, part)} == set()
    assert places(day.received, day.account_key) == {"authorization"}


def test_the_guard_and_the_daemon_both_used_the_proxy(day: Day) -> None:
    bearers = {name for head, _ in day.received for name in re.findall(rb"(?im)^authorization: bearer (\S+)", head)}
    assert day.account_key in bearers and len(bearers) == 2, "daemon, and the instance's own key"


def test_what_is_planted_in_a_request_is_found(day: Day) -> None:
    assert places(day.received, PLANTED.encode()) == {"body"}, "--env is no secret: it is in the order"
    secrets = [day.account_key, *day.key_parts(), AT_RENT.encode()]
    channel = http.client.HTTPConnection(day.proxy.url.removeprefix("http://"), timeout=30)
    for secret in secrets:
        text = base64.b64encode(b"#!/bin/sh\necho " + secret).decode()
        channel.request("PUT", "/api/v0/instances/1/", json.dumps({"onstart": f"base64 -d <<E\n{text}\nE\n"}))
        channel.getresponse().read()
        channel.request("GET", "/api/v0/instances/", headers={"X-Note": secret.hex()})
        channel.getresponse().read()
    channel.close()
    for secret in secrets:
        assert places(day.proxy.received(), secret) >= {"head", "body"}


def test_a_request_that_is_cut_off_is_read_all_the_same() -> None:
    whole = b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nc4n4ry-1-"
    assert split(whole + whole[:-3]) == [*split(whole), Request(whole[:33], b"c4n4ry")]
    assert places(split(whole[:20]), b"HTTP/1.1") == {"head"}
