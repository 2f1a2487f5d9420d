"""A sandbox and a daemon as real processes in a home of their own, driven by the real command line.

Shared by tests/daemon, tests/e2e and tests/bench. Everything that was started ends with `end`, however the test went.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gpushopper.cli.output import json_output
from gpushopper.cli.process import sandbox_process
from gpushopper.client import Client
from gpushopper.errors import DaemonUnreachable
from gpushopper.paths import Home

COMMAND_LIMIT_S = 180


def processes_under(folder: Path) -> list[int]:
    """Ids of living processes that name this folder in their arguments or variables; a zombie names nothing."""
    mark, found = os.fsencode(folder), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            known = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if mark in known:
            found.append(int(entry.name))
    return found


def kill_groups(folder: Path) -> None:
    """Kill every process group that works in this folder: detached ones lead groups of their own."""
    for pid in processes_under(folder):
        try:
            group = os.getpgid(pid)
            if group == os.getpgrp():
                os.kill(pid, signal.SIGKILL)
            else:
                os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


class SandboxHome:
    """One user's home with `--sandbox` in front of every command. `top` must be short: sockets live under it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.home = top / "sandbox"
        self.variables = {**os.environ, "GPU_SHOPPER_HOME": str(top), "HOME": str(top), "TMPDIR": str(top)}
        self.begun: list[subprocess.Popen[str]] = []

    # ---- commands

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gpushopper.cli", "--sandbox", *words]

    def run(self, *words: str, timeout_s: float = COMMAND_LIMIT_S) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever its exit status."""
        return subprocess.run(
            self.command(*words), env=self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip

    def must(self, *words: str) -> str:
        """Run a command that has to succeed; what it printed."""
        done = self.run(*words)
        assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a shell would."""
        process = subprocess.Popen(
            self.command(*words), env=self.variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.begun.append(process)
        return process

    # ---- sandbox

    def start(self, seed: int, *words: str, config: str = "") -> None:
        """Start the sandbox, with more settings for its home; the first command that needs the daemon starts it."""
        self.must("sandbox", "start", "--seed", str(seed), *words)
        with (self.home / "config.toml").open("a") as file:
            file.write(config)

    def write(self, name: str, text: str) -> Path:
        """A file of the user's own."""
        path = self.top / name
        path.write_text(text)
        return path

    def fault(self, call: str, word: str, *more: str) -> None:
        """Add a fault to the sandbox."""
        self.must("sandbox", "fault", "add", "vast", call, word, *more)

    # What tests wait for is asked for over the two sockets: a command takes a third of a second of a core each time.

    def ledger(self) -> dict[str, Any]:
        """The sandbox's ledger: what really happened."""
        return dict(sandbox_process.read_ledger(self.paths))

    def session(self, name: str) -> dict[str, Any]:
        """A session as `get --json` tells it; that command starts the daemon where none runs."""
        try:
            return dict(json_output.to_json_fields(Client(self.paths).session(name)))
        except DaemonUnreachable:
            return dict(json.loads(self.must("get", name, "--json"))["session"])

    @property
    def paths(self) -> Home:
        return Home(self.home, self.home)

    def sessions(self) -> list[dict[str, Any]]:
        """Every session as the command line tells it."""
        return json.loads(self.must("sessions", "--all", "--json"))["sessions"]

    # ---- daemon

    def daemon_pid(self) -> int:
        """The process id that the lock's holder wrote; 0 when there is none."""
        try:
            return int(json.loads((self.home / "daemon.lock").read_text())["pid"])
        except (OSError, ValueError):
            return 0

    def kill_daemon(self) -> bool:
        """kill -9; whether there was one to kill."""
        pid = self.daemon_pid()
        try:
            is_ours = b"gpushopper.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            is_ours = False
        if is_ours:
            os.kill(pid, signal.SIGKILL)
        return is_ours

    def attempts(self) -> list[tuple[str, str]]:
        """Id and state of every attempt, oldest first, read from the database file, for reports only."""
        return self.read("SELECT id, state FROM attempts ORDER BY prepared_at, ordinal")

    def changes(self) -> list[tuple[int, str]]:
        """Time (wall µs) and kind of every event, read from the database file, for reports only."""
        return self.read("SELECT at, kind FROM events ORDER BY id")

    def read(self, query: str) -> list[Any]:
        """Rows of the database file, read without the daemon; none while there is no database."""
        try:
            with closing(sqlite3.connect(f"file:{self.home / 'gpu-shopper.db'}?mode=ro", uri=True, timeout=5)) as file:
                return file.execute(query).fetchall()
        except sqlite3.OperationalError:  # not there yet, or without its tables yet
            return []

    # ---- end

    def end(self) -> None:
        """Stop the sandbox, then kill whatever is left."""
        try:
            self.run("sandbox", "stop", timeout_s=60)
        except subprocess.TimeoutExpired:
            pass
        finally:
            kill_groups(self.top)
            for process in self.begun:
                if process.returncode is None:
                    process.communicate()


@contextmanager
def sandbox_home(top: Path, seed: int, *words: str, config: str = "") -> Iterator[SandboxHome]:
    """A started sandbox, stopped afterwards with its daemon."""
    top.mkdir(parents=True, exist_ok=True)
    made = SandboxHome(top)
    try:
        made.start(seed, *words, config=config)
        yield made
    finally:
        made.end()
