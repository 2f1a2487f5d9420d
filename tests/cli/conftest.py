"""Run real commands as child processes; a market and a daemon are shared by the tests that need them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.copies import CARRIERS, Way
from tests.cli.far_side import Far
from tests.cli.in_process import Inside
from tests.cli.ran import Ran
from tests.cli.ssh_stage import Stage
from tests.forked import Forks
from tests.ssh_hosts import has_namespaces, limit

LIMIT_S = 180
IMPORTED = (
    "gpushopper.cli",
    "gpushopper.cli.commands.rent.plan",
    "gpushopper.cli.output.json_output",
    "gpushopper.cli.process.daemon_client",
    "gpushopper.cli.process.sandbox_process",
    "gpushopper.client",
    "rich.console",
    "rich.table",
)


class Shell:
    """Runs `gpu-shopper` in one home, without a terminal; from nothing where folder or variables are given."""

    def __init__(self, home: Path, *first: str, forks: Forks | None = None) -> None:
        self.forks = forks
        self.home = home
        self.first = first

    def __call__(self, *words: str, stdin: str = "", cwd: Path | None = None, **variables: str) -> Ran:
        environ = {**os.environ, "GPU_SHOPPER_HOME": str(self.home), **variables}
        if self.forks is not None and cwd is None and not variables:
            command = ("gpushopper.cli", *self.first, *words)
            return Ran(*self.forks.run(*command, env=environ, given=stdin, timeout_s=LIMIT_S))
        done = subprocess.run(
            [sys.executable, "-m", "gpushopper.cli", *self.first, *words],
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            cwd=cwd,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def cli_forks() -> Iterator[Forks]:
    """Where commands are started without importing theirs again."""
    server = Forks(IMPORTED)
    yield server
    server.close()


@pytest.fixture
def gs(home: Path, cli_forks: Forks) -> Iterator[Shell]:
    """Commands in this test's own, empty home."""
    shell = Shell(home, forks=cli_forks)
    yield shell
    if (home / "run").exists():
        shell("daemon", "stop")


@pytest.fixture(scope="session")
def market(cli_forks: Forks) -> Iterator[Shell]:
    """Commands with --sandbox, in a home whose market and daemon all tests share; the spending limits are wide."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    shell = Shell(top, "--sandbox", forks=cli_forks)
    try:
        started = shell("sandbox", "start")
        assert started.code == 0, started.err
        with (top / "sandbox" / "config.toml").open("a") as settings:
            settings.write("[brakes]\nopen_sessions = 50\ncreates_per_hour = 500\ndollars_per_hour = 500\n")
        # By a process: one that a test's own process started would be its child for ever.
        assert shell("daemon", "start").code == 0
        yield shell
    finally:
        shell("sandbox", "stop")
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture
def inside(market: Shell) -> Inside:
    """What starts no daemon, waits for no signal and has no pipe needs no process of its own."""
    return Inside(market.home, *market.first)


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    """A session whose instance is a real ssh server."""
    if not has_namespaces():
        pytest.skip("no namespaces here: nothing of an instance runs outside them")
    made = Stage(home).start()
    yield made
    made.close()


@pytest.fixture
def started(stage: Stage) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start commands that stay, for `LIMIT_S` at most; those that still run at the end are killed.

    Their words are not read to the end: a shared connection may hold the other side of the pipe.
    """
    running: list[tuple[subprocess.Popen[bytes], threading.Timer]] = []

    def start(*words: str, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            stage.argv(*words), env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append((process, limit(process, LIMIT_S)))
        return process

    yield start
    for process, timer in running:
        process.kill()
        process.wait(30)
        timer.cancel()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture(params=["up", "down"])
def direction(request: pytest.FixtureRequest) -> str:
    """Which way a copy goes."""
    return str(request.param)


@pytest.fixture(params=CARRIERS)
def way(request: pytest.FixtureRequest, direction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """A copy by each carrier in each direction, to and from a stand-in for an instance."""
    far = Far(tmp_path, request.param)
    monkeypatch.setenv("PATH", f"{far.bin}:/usr/bin:/bin")
    return Way(far, direction == "up")
