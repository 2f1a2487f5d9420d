"""A session on a real ssh server, told of by a peer that answers as the daemon does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.paths import Home
from gpushopper.remote.instance_access import InstanceAccess
from tests.cli.ran import Ran
from tests.ssh_hosts import Host
from tests.test_client import Peer, reply

SESSION, ATTEMPT, NAME = "session1", "attempt1", "train"
LIMIT_S = 120


class Stage:
    """The home, the host, and what the daemon was asked."""

    def __init__(self, home: Path) -> None:
        self.home = Home(home, home)
        self.remote = InstanceAccess(self.home)
        self.host = Host(Path(tempfile.mkdtemp(prefix="gs-host-")))
        self.host.prepare(self.remote.public_key(SESSION))
        self.peer = Peer(self.home.socket)
        self.peer.scripts = [self._answer]
        self.stage = ""
        self.refusal: dict[str, Any] | None = None
        self.done_refusal: dict[str, Any] | None = None
        self.is_simulated = False
        self.path = ""
        self.carrier = ""
        self.health = "ok"
        self.deadline_at = 0
        self.after_run = ""
        self.asked: list[str] = []

    def start(self, *arguments: str) -> Stage:
        """Start the host and pin its key, as the daemon has once the session is ready."""
        self.host.start(*arguments)
        self.remote.probe(self.login, None, 60)
        return self

    @property
    def login(self) -> SshTarget:
        return SshTarget(SESSION, ATTEMPT, "127.0.0.1", self.host.port)

    def close(self) -> None:
        self.remote.forget_attempt(ATTEMPT)
        self.host.stop()
        shutil.rmtree(self.host.top, ignore_errors=True)
        self.peer.close()

    def _answer(self, channel: Any, request: bytes) -> None:
        method, target = request.decode().split(" ")[:2]
        path = target.partition("?")[0].removeprefix("/api/v1/")
        self.asked.append(f"{method} {path}")
        channel.sendall(self._body(method, path))

    def _body(self, method: str, path: str) -> bytes:
        if path.endswith("/connection"):
            if self.refusal:
                return reply({"error": self.refusal}, status=409)
            return reply(self.connection())
        if method == "POST" and path.endswith("/done") and self.done_refusal:
            return reply({"error": self.done_refusal}, status=500)
        if method == "POST" and path.endswith("/done"):
            self.stage = "off"
            return reply({"sessions": [SESSION], "event": 1, "text": ""}, status=202)
        if path.endswith("/landed"):
            return reply({"counts": False, "session": self.session()})
        if method == "PUT":
            self.stage = "off"  # as if the instance had ended itself after the run
        if path == "sessions":
            return reply({"sessions": [self.session()]})
        return reply({"alarms": []} if path == "alarms" else self.session())

    def session(self) -> dict[str, Any]:
        limits = {"after_run": self.after_run, "unwatched": "", "grace_us": 0, "failed_us": 60_000_000}
        landing = {"reason": "", "pulled_at": None}
        where = {
            "cloud": "vast", "provider": "vast", "rate": 100_000, "limits": limits, "pulls": [], "landing": landing,
            "done_command": "gpu-shopper-done",
        }  # fmt: skip
        ends = {"deadline_at": self.deadline_at, "ended_at": None, "guard_deadline_at": None, "guard_in_sync": True}
        state = {"end_stage": self.stage, "accrued": 0, "max_cost": 1_720_000, "attempts": [], "status": "running"}
        return {"id": SESSION, "name": NAME, **state, **ends, **where}

    def connection(self) -> dict[str, Any]:
        common = {
            "session": SESSION,
            "name": NAME,
            "attempt": ATTEMPT,
            "health": self.health,
            "is_simulated": self.is_simulated,
        }
        if self.is_simulated:
            return {**common, "user": "", "host": "", "port": 0, "options": []}
        way = self.remote.connection(self.login)
        where = {"user": way.user, "host": way.host, "port": way.port, "options": list(way.options)}
        paths = {"key": str(way.key), "known_hosts": str(way.known_hosts), "control": str(way.control)}
        return {**common, **where, **paths}

    def __call__(self, *words: str, stdin: str = "", cwd: Path | None = None, **variables: str) -> Ran:
        done = subprocess.run(
            self.argv(*words), env={**os.environ, **variables}, input=stdin, capture_output=True, text=True,
            timeout=LIMIT_S, cwd=cwd, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    @staticmethod
    def argv(*words: str) -> list[str]:
        return [sys.executable, "-m", "gpushopper.cli", *words]

    def runs(self) -> list[Path]:
        return sorted((self.host.home / ".gpu-shopper" / "runs").iterdir())


def refused(code: str, message: str) -> dict[str, Any]:
    return json.loads(json.dumps({"code": code, "message": message, "hint": "", "exit": 6, "request_id": "r"}))
