"""A sandbox with live instances as a process, used through its API and the real OpenSSH client."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

START_LIMIT_S = 60
READY_S = 60
SSH_OPTIONS = (
    "-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
    "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "BatchMode=yes",
)  # fmt: skip


class Control(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def make_key(folder: Path, name: str = "id") -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pids_inside(pid: int) -> list[int]:
    """The processes of a container, by its PID 1 as seen from here."""
    space, found = os.readlink(f"/proc/{pid}/ns/pid"), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") == space:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


class LiveSandbox:
    """One market process. `prefix` goes before the command, to run it as somebody else."""

    def __init__(
        self,
        top: Path,
        wait: Callable[..., None],
        *options: str,
        prefix: Sequence[str] = (),
        python: Sequence[str] = (sys.executable,),
        variables: dict[str, str] | None = None,
    ) -> None:
        self.top = top
        self.home = top / "home"
        self.wait = wait
        self.key = make_key(top) if not (top / "id").exists() else top / "id"
        self.public_key = self.key.with_suffix(".pub").read_text().strip()
        self._prefix, self._python = tuple(prefix), tuple(python)
        self._variables = variables
        self.start(*options)

    def start(self, *options: str) -> None:
        """Start the process, or start it again."""
        command = [*self._prefix, *self._python, "-m", "gpushopper.sandbox", "--home", str(self.home), *options]
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd="/",
            env=self._variables,
        )  # fmt: skip
        line = self.child.stdout.readline()
        if not line:
            raise AssertionError(self.child.communicate()[1])
        self.status = json.loads(line)

    # Asking

    def control(self, method: str, path: str, body: Any = None) -> Any:
        connection = Control(self.home / "market" / "control.sock")
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def api(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        place = self.status["dialects"]["vast"]
        connection = http.client.HTTPConnection(place["url"].removeprefix("http://"), timeout=30)
        headers = {"Authorization": f"Bearer {key or place['keys']['api_key']}"}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def fault(self, word: str, arg: str | None = None, **more: Any) -> Any:
        return self.control("POST", "/faults", {"provider": "vast", "call": "host", "word": word, "arg": arg, **more})

    def row(self, number: int) -> Any:
        return self.api("GET", f"/api/v0/instances/{number}/")["instances"]

    def ledger(self, number: int) -> dict[str, Any]:
        return next(row for row in self.control("GET", "/ledger")["instances"] if row["id"] == str(number))

    def live(self, number: int) -> dict[str, Any] | None:
        return next((one for one in self.control("GET", "/status")["live"] if one["id"] == str(number)), None)

    # Renting

    def rent(self, onstart: str = "", image: str = "ubuntu:22.04", **more: Any) -> Rented:
        """Rent an instance that takes our key from its start-up script, and wait until it answers."""
        mine = f"mkdir -p /root/.ssh; echo '{self.public_key}' >/root/.ssh/authorized_keys\n"
        rented = self.create(mine + onstart, image, **more)
        rented.until_ready()
        return rented

    def create(self, onstart: str | None = None, image: str = "ubuntu:22.04", **more: Any) -> Rented:
        offers = self.api("POST", "/api/v0/bundles/", {"rentable": {"eq": True}, "limit": 1})["offers"]
        body = {"image": image, "disk": 20, "runtype": "ssh_direc ssh_proxy", "onstart": onstart, **more}
        made = self.api("PUT", f"/api/v0/asks/{offers[0]['id']}/", body)
        return Rented(self, made["new_contract"], made["instance_api_key"])

    # Ending

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.child.poll() is None:
            self.child.send_signal(number)
        self.child.communicate(timeout=60)


class Rented:
    """One instance."""

    def __init__(self, market: LiveSandbox, number: int, secret: str) -> None:
        self.market = market
        self.id = number
        self.secret = secret
        self.port = 0

    def until_ready(self) -> None:
        """Wait until the market says running and the start-up script has let our key in."""
        self.market.wait(self.answers, timeout_s=READY_S)

    def answers(self) -> bool:
        row = self.market.row(self.id)
        if row is None or row["actual_status"] != "running" or not row["ssh_port"]:
            return False
        self.port = row["ssh_port"]
        return self.ssh("true").returncode == 0

    def until(self, status: str) -> None:
        self.market.wait(lambda: self.market.row(self.id)["actual_status"] == status, timeout_s=READY_S)

    def ssh(self, *words: str, options: Sequence[str] = (), key: Path | None = None, stdin: str = "") -> Any:
        """Log in with the real client; a key that nobody else can read."""
        command = ["ssh", *SSH_OPTIONS, "-i", str(key or self.market.key), "-p", str(self.port), *options]
        return subprocess.run(
            [*command, "root@127.0.0.1", *words], input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def says(self, command: str) -> str:
        """What a command prints that has to succeed."""
        done = self.ssh(command)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    @property
    def facts(self) -> dict[str, Any]:
        found = self.market.live(self.id)
        assert found is not None
        return found

    @property
    def disk(self) -> Path:
        return self.market.home / "market" / "live" / str(self.id) / "disk"

    def destroy(self) -> Any:
        return self.market.api("DELETE", f"/api/v0/instances/{self.id}/", {})


def remove(top: Path) -> None:
    shutil.rmtree(top, ignore_errors=True)
