"""The way to an instance, refused over the real socket: what the daemon says, and what `ssh NAME` makes of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.client.http_exchange import exchange
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

LIMIT_S = 60


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxHome]:
    """A paper sandbox with a session of each kind; the daemon runs."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    with sandbox_home(top / "h", 29) as made:
        rent(made, "flat")
        rent(made, "over")
        made.must("shutdown", "over", "--yes", "--wait", "proven")
        yield made
    shutil.rmtree(top, ignore_errors=True)


def rent(sandbox: SandboxHome, name: str, *words: str) -> None:
    sandbox.must("provision", "--gpu", "RTX 4090", "--for", "30m", "--name", name, "--yes", *words)


def ask(sandbox: SandboxHome, ref: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The status, the body and the headers."""
    path, socket = f"/api/v1/sessions/{ref}/connection", str(sandbox.home / "run" / "daemon.sock")
    answer = exchange(socket, "GET", path, {"X-Request-ID": "asked-7"}, None, LIMIT_S)
    return answer.status, json.loads(answer.content), {name.lower(): text for name, text in answer.headers.items()}


def assert_refused(sandbox: SandboxHome, ref: str, *told: object) -> None:
    """Over the socket one form; from `ssh` 125, because what it passes on otherwise is the status of a command."""
    status, body, headers = ask(sandbox, ref)
    error = body["error"]
    assert set(body) == {"error"} and set(error) == {"code", "message", "hint", "request_id", "exit"}
    assert (status, error["code"], error["exit"]) == told
    assert error["request_id"] == headers["x-request-id"] == "asked-7"
    assert ref in error["message"] and "gpu-shopper" in error["hint"]
    assert_told(sandbox, ref, error["code"])


def assert_told(sandbox: SandboxHome, ref: str, code: str) -> None:
    done = sandbox.run("ssh", ref, "--json", "--", "true")
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, done.stdout, error["code"], error["exit"]) == (125, "", code, 125)
    plain = sandbox.run("ssh", ref, "--", "true")
    assert (plain.returncode, plain.stdout) == (125, "") and plain.stderr.startswith("error: ")
    assert ref in plain.stderr and len(plain.stderr.splitlines()) == 2


def test_an_unknown_session(sandbox: SandboxHome) -> None:
    assert_refused(sandbox, "zebra", 404, "session_not_found", 3)


def test_a_session_that_has_ended(sandbox: SandboxHome) -> None:
    assert_refused(sandbox, "over", 409, "ending", 6)


def test_a_session_that_is_not_ready_yet(sandbox: SandboxHome) -> None:
    sandbox.fault("create", "stuck_loading")
    rent(sandbox, "stuck", "--no-wait")
    assert_refused(sandbox, "stuck", 409, "not_ready", 6)
    sandbox.must("sandbox", "fault", "clear")
    sandbox.must("shutdown", "stuck", "--yes", "--no-wait")
    assert ask(sandbox, "stuck")[1]["error"]["code"] == "ending", "as soon as its end is requested"


def test_a_paper_instance_has_no_connection(sandbox: SandboxHome) -> None:
    status, body, _ = ask(sandbox, "flat")
    assert (status, body["is_paper"], body["name"], body["health"]) == (200, True, "flat", "ok")
    assert (body["host"], body["port"], body["options"], body["key"]) == ("", 0, [], "")
    assert_told(sandbox, "flat", "paper")
