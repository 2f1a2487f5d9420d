"""Secrets planted in a real day: files, backups, answers, argument lists, metrics and a crash hold none (I21, F110).

On a live sandbox, under the most open umask: rent, refuse, tell, back up, crash, start again, end. The search is tried
on what it must find, too. What a cloud and an instance receive is in test_no_secret_sent.py.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from gpushopper.wire.api import routes
from tests.canaries import Canary, found_in_files, found_in_texts, open_to_others
from tests.daemon.conftest import _UnixConnection
from tests.e2e.secret_search import ArgumentWatch
from tests.sandbox_home import SandboxHome, sandbox_home

pytestmark = pytest.mark.proofs

MARKET = "sandbox/market/"
"""The simulated clouds' own records: what a cloud was sent."""
INSTANCES = "sandbox/market/live/"
"""The disks of live instances, which are not ours."""
SENT = Canary("a variable of a file", "c4n4ry-variable-6f1c", ("variables",))
"""Over ssh, to the instance alone: it is kept nowhere."""
VALUE = "told-with-the-create-28bb"
"""No secret: with `-e` a user has typed it, and it is in the records; the search must find it there."""
LOGIN = Canary("a registry's password", "c4n4ry-login-77aa31", ("sandbox/keys.toml",))
ADDRESS = Canary("a channel's address", "c4n4ry-address-0d5e", ("sandbox/keys.toml",))
REFUSED = Canary("a key that was refused", "c4n4ry-refused-key-0123456789abcdef0123456789abcdef")


@dataclass
class Day:
    """What a day has left: the home, and all that was printed or answered."""

    sandbox: SandboxHome
    texts: dict[str, str]
    watch: ArgumentWatch
    cores: list[str]

    @property
    def canaries(self) -> list[Canary]:
        status = json.loads(self.texts["sandbox status --json"])
        key = status["dialects"]["vast"]["keys"]["api_key"]
        token = (self.sandbox.home / "metrics-token").read_text().strip()
        made = (Canary("the account's key", key, ("sandbox/keys.toml", MARKET)),
                Canary("the metrics' token", token, ("sandbox/metrics-token",)))  # fmt: skip
        keys = (path.read_text().splitlines()[3] for path in (self.sandbox.home / "ssh").glob("*.key"))
        private = [Canary("a private ssh key", line, ("sandbox/ssh/",)) for line in keys]
        assert private, "no session has a key"
        return [SENT, LOGIN, ADDRESS, REFUSED, *made, *private]


@pytest.fixture(scope="module")
def day() -> Iterator[Day]:
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    former = os.umask(0)
    try:
        (top / "h").mkdir(mode=0o700)
        with sandbox_home(top / "h", 23, "--live", config=f"[metrics]\nport = {free_port()}\n") as sandbox:
            yield live(sandbox)
    finally:
        os.umask(former)
        shutil.rmtree(top, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def live(sandbox: SandboxHome) -> Day:
    """The day."""
    texts: dict[str, str] = {}

    def say(*words: str, given: str | None = None) -> None:
        done = subprocess.run(
            sandbox.command(*words), env=sandbox.variables, input=given or "", capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        texts[" ".join(words)] = done.stdout + done.stderr

    with ArgumentWatch() as watch:
        variables = sandbox.write("variables", f"TOKEN={SENT.secret}\n")
        say("keys", "set", "registry.example", "--user", "me", "--file", given=f"{LOGIN.secret}\n")
        say("keys", "set", "vast", "--file", given=f"{REFUSED.secret}\n")
        closed = f"http://127.0.0.1:{free_port()}/{ADDRESS.secret}"
        say("notify", "add", "desk", "--kind", "webhook", "--file", given=f"{closed}\n")
        rent = ("provision", "--gpu", "RTX 4090", "--for", "20m", "--name", "train", "--yes", "-e", f"TEAM={VALUE}")
        say(*rent, "--env-file", str(variables))
        say("notify", "test", "desk")
        sandbox.fault("list", "status", "401", "--for", "2s")
        for words in (("ls",), ("get", "train"), ("status",), ("doctor",), ("report", "train"), ("custody", "train"),
                      ("keys",), ("notify", "ls"), ("why", "train"), ("backup", "make"),
                      ("backup", "make", str(sandbox.top / "mine.db")), ("daemon", "logs", "-n", "500")):  # fmt: skip
            say(*words)
        texts |= answered(sandbox, "train")
        os.kill(sandbox.daemon_pid(), 6)  # SIGABRT: what would dump a core
        say("daemon", "start")
        say("shutdown", "train", "--yes")
        for words in (("events", "--json"), ("audit", "log", "--json"), ("alarms",), ("sandbox", "status", "--json")):
            say(*words)
        say("daemon", "stop")
    return Day(sandbox, texts, watch, [path.name for path in sandbox.top.rglob("core*") if path.is_file()])


def answered(sandbox: SandboxHome, ref: str) -> dict[str, str]:
    """What each GET route of the API answers, with its headers."""
    found = {}
    paths = {value.path for value in vars(routes).values() if getattr(value, "method", "") == "GET"}
    for path in sorted(paths):
        connection = _UnixConnection(sandbox.home / "run" / "daemon.sock", 60)
        connection.request("GET", path.replace("{ref}", ref).replace("{name}", "train").replace("{id}", "1"))
        reply = connection.getresponse()
        found[f"GET {path}"] = f"{reply.headers}{reply.read().decode()}"
        connection.close()
    return found


def test_no_file_holds_a_secret_where_it_must_not_be(day: Day) -> None:
    assert found_in_files(day.sandbox.top, day.canaries) == {}
    assert day.cores == []


def test_each_secret_was_planted_and_is_found_where_it_may_be(day: Day) -> None:
    bare = [Canary(each.name, each.secret) for each in day.canaries if each is not REFUSED]
    found = found_in_files(day.sandbox.top, bare)
    assert set(found) == {each.name for each in bare}
    (told,) = found_in_files(day.sandbox.top, [Canary("", VALUE)]).values()
    assert any("backups/" in name for name in told) and {"mine.db", "sandbox/gpu-shopper.db"} <= set(told)


def test_no_answer_and_nothing_printed_holds_a_secret(day: Day) -> None:
    told = {name: text for name, text in day.texts.items() if name != "sandbox status --json"}
    assert found_in_texts(told, day.canaries) == {}
    assert len([name for name in told if name.startswith("GET ")]) > 20
    assert "train" in told["GET /api/v1/sessions"] and "gpu_sessions" in told["GET /metrics"]
    assert 'loop="compaction"' in told["GET /metrics"], "the daemon does not compact"
    assert '"kind": "created"' in told["audit log --json"]


def test_no_argument_list_held_a_secret(day: Day) -> None:
    lists = {str(number): line.decode(errors="replace") for number, line in enumerate(day.watch.ours)}
    assert day.watch.rounds > 100 and found_in_texts(lists, day.canaries) == {}
    assert any(VALUE in line for line in lists.values()), "the lists were not read"


def test_everything_that_was_made_is_private_whatever_the_umask(day: Day) -> None:
    top = day.sandbox.top
    others = (str(top / "variables"), str(top / INSTANCES))  # this test's own, and what instances make
    found = {path: mode for path, mode in open_to_others(top).items() if not path.startswith(others)}
    assert found == {}
