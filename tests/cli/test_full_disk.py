"""A disk without one free byte, and a daemon that is dead: everything can still be ended (F67, S33).

The disk is a real file system of 260 MB in a mount namespace of its own. Its fast twins are in
tests/daemon/test_full_disk.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.bad_days import Home, mounted
from tests.needs import needs, needs_root
from tests.sandbox_home import kill_groups

pytestmark = [pytest.mark.proofs, needs_root, needs("unshare")]
LINE = re.compile(
    r"(?m)^the disk of \S+ is (nearly )?full.*"
    r": nothing new is rented, sessions can be ended; free some space$"
)
RENT = "provision --gpu RTX4090 --hours 1 --yes"


@pytest.fixture
def home() -> Iterator[Home]:
    """A practice home on a small disk, one session running in it."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    try:
        market, home = Home(top / "m"), Home(top / "h")
        market.must("sandbox", "start", "--seed", "3")
        home.write({name: (market.home / "sandbox" / name).read_text() for name in ("config.toml", "keys.toml")})
        shutil.copytree(home.home, kept := top / "kept")
        options = f"size=260m,mode=700 none {home.home}"
        with mounted(home, f"mount -t tmpfs -o {options}; cp -p {kept}/*.toml {home.home}") as shell:
            home.shell = shell  # type: ignore[attr-defined]
            home.must(*RENT.split(), "--name", "held")
            yield home
    finally:
        kill_groups(top)
        shutil.rmtree(top, ignore_errors=True)


def fill(home: Home) -> None:
    """Take every byte that is free on the home's disk."""
    shell: Callable[[str], None] = home.shell  # type: ignore[attr-defined]
    shell(f"mount -o remount,size=20m {home.home}; cat /dev/zero >{home.home}/ballast 2>/dev/null || true")
    free = subprocess.run(
        [*home.before, "stat", "-f", "-c", "%a", str(home.home)], capture_output=True, text=True, check=True
    )
    assert free.stdout.strip() == "0"


def kill(home: Home) -> None:
    read = subprocess.run([*home.before, "cat", str(home.home / "daemon.lock")], capture_output=True, check=True)
    os.kill(int(json.loads(read.stdout)["pid"]), signal.SIGKILL)


@pytest.mark.parametrize("also", ["true", "rm -r run daemon.log daemon.lock"])
def test_a_dead_daemon_on_a_full_disk_can_still_end_everything(home: Home, also: str):
    kill(home)
    home.shell(f"cd {home.home}; {also}")  # type: ignore[attr-defined]
    fill(home)
    shown = home("ls")
    assert shown.code == 0 and "held" in shown.out
    assert LINE.search(shown.err), shown
    page = home("status")
    assert re.search(r"(?m)^disk +(nearly )?full", page.out), page
    told = json.loads(home("status", "--json").out)["status"]
    assert told["disk_low"] and told["disk_free"] < 2**23
    ended = home("shutdown", "held", "--yes")
    assert (ended.code, ended.out.split()[:2]) == (0, ["held", "off"]), ended
    assert "starting the daemon" in shown.err and "starting the daemon" not in ended.err
