"""Starting and stopping through the command line: the daemon's home, the refusals, and what stays of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.sandbox.live.live_sandbox import is_alive

pytestmark = pytest.mark.proofs

CREATE = {"image": "ubuntu:22.04", "disk": 20, "runtype": "ssh_direc ssh_proxy"}


def gs(top: Path, *words: str, prefix: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "GPU_SHOPPER_HOME": str(top), **more}
    command = [*prefix, sys.executable, "-m", "gpushopper.cli", "sandbox", *words]
    return subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def top(home):
    yield home
    gs(home, "stop")


def processes_of(top: Path) -> list[str]:
    mark, found = os.fsencode(top), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def settings(top: Path) -> dict:
    return tomllib.loads((top / "sandbox" / "config.toml").read_text())


def rent(top: Path) -> int:
    from tests.sandbox.live.live_sandbox import LiveSandbox

    market = object.__new__(LiveSandbox)
    market.status = json.loads(gs(top, "status", "--json").stdout)
    offer = market.api("POST", "/api/v0/bundles/", {"rentable": {"eq": True}, "limit": 1})["offers"][0]["id"]
    return market.api("PUT", f"/api/v0/asks/{offer}/", CREATE)["new_contract"]


def test_a_live_market_from_start_to_stop(top, containable, wait_until):
    started = gs(top, "start", "--live")
    assert (started.returncode, "(live instances, seed 1)" in started.stdout) == (0, True), started.stderr
    assert settings(top)["policy"] == {"name": "drill-live"}
    assert gs(top, "start").returncode == gs(top, "start", "--live").returncode == 0
    assert gs(top, "start", "--paper").returncode == 2
    number = str(rent(top))

    def live() -> list[dict]:
        return [one for one in json.loads(gs(top, "status", "--json").stdout)["live"] if one["ready"]]

    wait_until(live, timeout_s=60)
    (one,) = live()
    assert one["id"] == number
    assert f"ssh -p {one['ssh']['port']} root@127.0.0.1" in gs(top, "status").stdout
    assert gs(top, "revise", number, "gpu_load", "50").stdout.strip() == f"{number} is running"
    assert gs(top, "fault", "add", "vast", "host", "clock_skew", "-1d", "--instance", number).returncode == 0
    wait_until(lambda: '"acted": 1' in gs(top, "fault", "list", "--json").stdout, timeout_s=60)
    refused = gs(top, "advance", "1h")
    assert (refused.returncode, "live instances" in refused.stderr) == (2, True)
    assert gs(top, "stop").returncode == 0
    assert not is_alive(one["pid"])
    assert processes_of(top) == []
    paper = gs(top, "start", "--paper")
    assert (paper.returncode, "this sandbox has live instances" in paper.stderr) == (5, True)
    assert json.loads(gs(top, "ledger", "--json").stdout)["instances"][0]["state"] == "running"


def test_a_paper_market_has_no_hosts_to_fail(top):
    assert gs(top, "start").returncode == 0
    assert settings(top)["policy"] == {"name": "drill"}
    assert json.loads(gs(top, "status", "--json").stdout)["instances_are"] == "paper"
    refused = gs(top, "fault", "add", "vast", "host", "reboot")
    assert (refused.returncode, "--live" in refused.stderr) == (2, True)
    rent(top)
    gs(top, "stop")
    live = gs(top, "start", "--live")
    assert (live.returncode, "this sandbox has simulated instances" in live.stderr) == (5, True)


NO_MAPS = ("unshare", "--user")
FORBID = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
NO_NAMESPACES = ("unshare", "--user", "--map-root-user", "sh", "-c", FORBID, "sh")


@pytest.mark.parametrize("prefix", [NO_MAPS, NO_NAMESPACES], ids=["ids cannot be mapped", "no more namespaces"])
def test_where_nothing_can_be_contained_it_is_refused_in_one_line(top, containable, prefix):
    ran = gs(top, "start", "--live", prefix=prefix)
    assert (ran.returncode, ran.stdout) == (6, ""), ran.stderr
    error, hint = ran.stderr.strip().splitlines()
    assert "live instances cannot be contained here" in error
    assert "sandbox start" in hint
    assert processes_of(top) == []
    assert not (top / "sandbox" / "config.toml").exists()
    assert not (top / "sandbox" / "market" / "market.json").exists()
    assert not any((top / "sandbox" / "market" / "live").iterdir())


def test_without_the_programs_that_go_in_it_is_refused(top, containable, tmp_path):
    ran = gs(top, "start", "--live", PATH=str(tmp_path))
    assert (ran.returncode, "nsenter" in ran.stderr) == (6, True), ran.stderr
