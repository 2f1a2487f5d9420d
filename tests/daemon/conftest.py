"""A real daemon process in the test's own home, and plain HTTP requests to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gpushopper.paths import Home, find_home
from tests.forked import Forked, Forks

COMMAND = [sys.executable, "-m", "gpushopper.daemon"]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("daemon", timeout=timeout_s)
        self._socket_path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._socket_path))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    json: Any

    @property
    def error(self) -> dict[str, Any]:
        return self.json["error"]


@dataclass
class Running:
    """One daemon process."""

    home: Home
    process: subprocess.Popen[str] | Forked

    def ask(self, method: str, path: str, body: Any = None, timeout_s: float = 60, **headers: str) -> Answer:
        connection = _UnixConnection(self.home.socket, timeout_s)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, data, sent)
            reply = connection.getresponse()
            return Answer(reply.status, dict(reply.headers), json.loads(reply.read()))
        finally:
            connection.close()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; exit status and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.home.log.read_text().splitlines()]


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Where daemons and jobs are started without importing the product again."""
    server = Forks()
    yield server
    server.close()


@pytest.fixture
def start(home: Path, forks: Forks) -> Iterator[Callable[..., Running]]:
    """Start daemons; those that still run at the end are killed. `from_nothing`: in a new interpreter."""
    started: list[subprocess.Popen[str] | Forked] = []

    def run(*, ready: bool = True, from_nothing: bool = False, **environ: str) -> Running:
        variables = {**os.environ, **environ}
        if from_nothing:
            process: subprocess.Popen[str] | Forked = subprocess.Popen(
                [*COMMAND, "run"], env=variables, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        else:
            process = forks.start("gpushopper.daemon", "run", env=variables, stderr=True)
        started.append(process)
        running = Running(find_home(), process)
        if ready:
            assert process.stderr is not None
            line = process.stderr.readline()
            while line.startswith("warning:"):
                line = process.stderr.readline()
            assert "is watching" in line, line + process.stderr.read()
        return running

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


@pytest.fixture
def fail_to_start(home: Path, forks: Forks) -> Callable[..., tuple[int, str]]:
    """Run a daemon that is expected to give up: exit status and stderr. `before` goes in front of the command."""

    def run(*before: str, **environ: str) -> tuple[int, str]:
        variables = {**os.environ, **environ}
        if not before:
            code, _, said = forks.run("gpushopper.daemon", "run", env=variables, given="", timeout_s=30)
            return code, said
        done = subprocess.run(
            [*before, *COMMAND, "run"], env=variables, text=True, capture_output=True, timeout=30, check=False
        )
        return done.returncode, done.stderr

    return run


@pytest.fixture
def once(home: Path, forks: Forks) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a job; exit status and its JSON line."""

    def run(*arguments: str, given: str = "", **environ: str) -> tuple[int, dict[str, Any]]:
        words = ("gpushopper.daemon", "once", *arguments)
        code, told, said = forks.run(*words, env={**os.environ, **environ}, given=given, timeout_s=60)
        assert said == ""
        (line,) = told.splitlines()
        return code, json.loads(line)

    return run
