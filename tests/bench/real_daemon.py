"""Real processes: a daemon with sessions, our commands and the official client beside each other, watchers, idling."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.report import Row, p95, spread
from tests.sandbox import official_client
from tests.sandbox.official_client import Client
from tests.sandbox_home import SandboxHome

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
GPUS = ("RTX 4090", "RTX 3090")
WIDE_LIMITS = "\n[brakes]\nopen_sessions = 200\ncreates_per_hour = 2000\ndollars_per_hour = 2000\n"
TICKS = os.sysconf("SC_CLK_TCK")


class Lap(NamedTuple):
    """One command run to its end."""

    ms: float
    busy_ms: float
    mb: float
    code: int


@dataclass
class SandboxBench:
    """A sandbox whose daemon polls as in real use, and the official client beside it."""

    sandbox: SandboxHome
    client: Client

    @classmethod
    def start(cls, sandbox: SandboxHome) -> SandboxBench:
        """Start the sandbox and give its home real times and wide spending limits."""
        sandbox.start(7, config=WIDE_LIMITS)
        config = sandbox.home / "config.toml"
        config.write_text(config.read_text().replace('"drill"', '"paper"'))
        dialect = json.loads(sandbox.must("sandbox", "status", "--json"))["dialects"]["vast"]
        home = sandbox.top / "official"
        home.mkdir()
        return cls(sandbox, Client(official_client.program(), home, dialect["url"], dialect["keys"]["api_key"]))

    def variables(self) -> dict[str, str]:
        """Of a user whose home this is: no `--sandbox`, no question to the market before the command."""
        return {**self.sandbox.variables, "GPU_SHOPPER_HOME": str(self.sandbox.home)}

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [str(BIN / "gpu-shopper"), *words]
        return subprocess.run(
            argv, env=self.variables(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def statuses(self) -> dict[str, str]:
        """Status by name, as the timed command tells it."""
        answer = json.loads(self.command("sessions", "--all", "--json").stdout)
        return {row["name"]: row["status"] for row in answer["sessions"]}

    def rent(self, many: int) -> None:
        """Fill the account; Vast's gap between creates makes it five seconds each, and an offer may be taken."""
        number = 0
        while (short := many - self.running()) > 0:
            for _ in range(short):
                gpu, number = GPUS[number % len(GPUS)], number + 1
                words = ("provision", "--gpu", gpu, "--retries", "9", "--yes", "--no-wait", "--name", f"s{number}")
                done = self.sandbox.run(*words)
                # 7: these offers are all taken, the next kind may have some.
                assert done.returncode in (0, 7), done.stderr
            until(lambda: not {"pending", "provisioning"} & set(self.statuses().values()), 60 + 15 * short)

    def running(self) -> int:
        return list(self.statuses().values()).count("running")

    # ---- measures

    def measure_ready(self) -> Row:
        """From the moment the sandbox's ledger says running to the moment ours says ready."""
        market = json.loads((self.sandbox.home / "market" / "market.json").read_text())
        ran = {str(row["id"]): row["created_at"] + sum(row["boot_us"]) for row in market["instances"]}
        query = "SELECT instance_id, ready_at FROM attempts WHERE ready_at IS NOT NULL"
        waits = [(at - ran[instance]) / 1e6 for instance, at in self.sandbox.read(query)]
        return Row("running to ready, daemon", p95(waits), "s", 2, f"p95 of {len(waits)}, polls as in real use")

    def commands(self, rounds: int, many: int) -> list[Row]:
        """Whole processes in turns: ours, the official client's, a bare interpreter, in whose time each is judged."""
        ours = {**self.variables(), "COLUMNS": "160"}
        theirs = {**ours, **self.client_variables()}
        tool, official = str(BIN / "gpu-shopper"), [str(self.client.program), "--url", self.client.url]
        asked = [
            ("gpu-shopper --version", [tool, "--version"], ours, 5),
            ("gpu-shopper --help", [tool, "--help"], ours, None),
            (f"gpu-shopper sessions --json, {many}", [tool, "sessions", "--json"], ours, 8),
            (f"gpu-shopper sessions, {many}", [tool, "sessions"], ours, 8),
            (f"vastai show instances, {many}", [*official, "--api-key", self.client.key, "show", "instances"],
             theirs, None),
            ("python -c pass", [sys.executable, "-c", "pass"], ours, None),
        ]  # fmt: skip
        laps = stopwatch(rounds, [(argv, env) for _, argv, env, _ in asked])
        for (what, *_), taken in zip(asked, laps, strict=True):
            assert all(lap.code == 0 for lap in taken), what
        rows = [beside(what, taken, laps[-1], limit) for (what, _, _, limit), taken in zip(asked, laps, strict=True)]
        peak = max(lap.mb for taken in laps[2:4] for lap in taken)
        rows.append(Row("sessions, peak memory", peak, "MB", 35))
        ratios = ", ".join(f"{rows[4].judged / rows[place].judged:.1f}x ({rows[place].what})" for place in (2, 3))
        return [*rows, Row("official client beside ours", rows[4].judged / rows[2].judged, "x", None, ratios)]

    def client_variables(self) -> dict[str, str]:
        home = self.client.home
        places = {f"XDG_{name.upper()}_HOME": str(home / name) for name in ("config", "cache", "state")}
        return {**places, "HOME": str(home), "VASTAI_NO_UPDATE_CHECK": "1"}

    def truth(self, many: int) -> Row:
        """Nothing is remembered between two commands: an end shows in the very next answer, of both clients."""
        before = self.statuses()
        assert list(before.values()).count("running") >= many, before
        assert len(json.loads(self.client.run("show", "instances", "--raw").out)) == many
        ended = next(name for name, status in before.items() if status == "running")
        done = self.command("shutdown", ended, "--yes", "--wait", "off")
        assert done.returncode == 0, done.stderr
        assert self.statuses()[ended] != "running"
        assert len(json.loads(self.client.run("show", "instances", "--raw").out)) == many - 1
        return Row("no answer from a cache", 0, "", 0, f"{ended} ended between two calls, both clients said so at once")

    def idle(self, seconds: float) -> list[Row]:
        """The daemon's memory, and its share of a core while sessions run and there are no requests."""
        pid = self.sandbox.daemon_pid()
        before = cpu_ticks(pid)
        threading.Event().wait(seconds)
        share = (cpu_ticks(pid) - before) / TICKS / seconds * 100
        return [
            Row("daemon idle, memory", resident_mb(pid), "MB", 100),
            Row("daemon idle, share of a core", share, "%", 0.5, f"over {seconds:g} s, sessions running"),
        ]

    def watched(self, many: int, watchers: int) -> list[Row]:
        """`shutdown` while fifty watchers poll: how long the daemon takes to accept it, as a whole command."""
        socket = str(self.sandbox.home / "run" / "daemon.sock")
        argv = [sys.executable, "-m", "tests.bench.watchers", socket, str(watchers)]
        crowd = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.variables())
        try:
            assert crowd.stdout is not None and crowd.stdout.readline() == "ready\n"
            names = [name for name, status in self.statuses().items() if status == "running"][:many]
            taken = [self.timed_shutdown(name) for name in names]
            everything = self.timed_shutdown("--all")
            said, _ = crowd.communicate(timeout=60)
        finally:
            crowd.kill()
            crowd.communicate()
        served = json.loads(said)
        detail = f"worst of {len(taken)}; {served['answers']} answers to {served['watchers']} watchers"
        return [
            Row(f"shutdown NAME among {watchers} watchers", max(taken), "s", 1, detail),
            Row(f"shutdown --all among {watchers} watchers", everything, "s", 1),
        ]

    def timed_shutdown(self, which: str) -> float:
        began = time.perf_counter()
        done = self.command("shutdown", which, "--yes", "--no-wait")
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - began


def beside(what: str, taken: list[Lap], bare: list[Lap], limit: float | None) -> Row:
    """A command beside a bare interpreter in the same rounds: both are as slow as the computer happens to be."""
    ms, on_core = (statistics.median(values) for values in zip(*((lap.ms, lap.busy_ms) for lap in taken), strict=True))
    detail = f"{ms:.0f} ms, {on_core:.0f} of them on a core, peak {max(lap.mb for lap in taken):.0f} MB"
    ratios = [one.ms / other.ms for one, other in zip(taken, bare, strict=True)]
    return spread(what, ratios, "x", limit, detail)


def stopwatch(rounds: int, commands: list[tuple[list[str], dict[str, str]]]) -> list[list[Lap]]:
    """Time commands in turns from a small process (see stopwatch.py)."""
    asked = {"rounds": rounds, "commands": [{"argv": argv, "env": env} for argv, env in commands]}
    argv = [sys.executable, str(HERE / "stopwatch.py")]
    done = subprocess.run(argv, input=json.dumps(asked), capture_output=True, text=True, check=True)
    return [[Lap(*lap) for lap in taken] for taken in json.loads(done.stdout)]


def until(condition: Any, limit_s: float) -> None:
    """Wait for a condition, looking a few times a second: looking costs CPU that is being measured."""
    end, pause = time.monotonic() + limit_s, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"waited {limit_s} s in vain"
        pause.wait(0.5)


def cpu_ticks(pid: int) -> int:
    """User and system time of a process so far, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_mb(pid: int) -> float:
    """Resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
