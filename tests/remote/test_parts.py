"""Agent, upkeep and limits are brought whole or not at all, and what came of it is said (ends.md E1, E4)."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable

import pytest

from gpushopper.core.model.heartbeat import Brought, Heartbeat
from gpushopper.paths import Home
from gpushopper.remote.agent import parts
from gpushopper.remote.instance_access import InstanceAccess
from tests.remote.conftest import login
from tests.ssh_hosts import Host

LIMIT_S = 60.0
PROGRAMS = parts.Programs("#!/bin/sh\n# comment\necho 'up keep'\n", "print('agent')\n" * 3000)
LINE = "idle=1800 when=any contact=0"


@pytest.mark.parametrize(
    ("text", "brought"),
    [
        ("brought=77\npython=ok\nfree=99999", Brought("77")),
        ("\r\nbrought=77\r\npython=none\r\nfree=\r\n", Brought("77", "it has no python3")),
        ("brought=77\npython=old\nfree=5", Brought("77", "its python3 is older than 3.8")),
        ("brought=7\npython=ok\nfree=9\ndone=gpu-shopper-done", Brought("7", done="gpu-shopper-done")),
        ("brought=7\npython=ok\nfree=9\ndone=/a/.g/gpu-shopper-done", Brought("7", done="/a/.g/gpu-shopper-done")),
        ("brought=7\npython=ok\nfree=9\ndone=rm -rf /", Brought(problem="its agent could not be brought there")),
        ("brought=-\npython=ok\nfree=12", Brought(problem="its disk is full")),
        ("brought=-\npython=ok\nfree=99999", Brought(problem="its agent could not be saved there")),
        ("", Brought(problem="its agent could not be brought there")),
        ("brought=77\npython=ok\nfree=1\nx", Brought(problem="its agent could not be brought there")),
    ],
)
def test_the_answer_says_what_is_there_or_what_hindered(text: str, brought: Brought):
    assert parts.read_brought(text) == brought


def test_another_version_of_either_program_has_another_digest():
    digests = {parts.Programs(*texts).digest for texts in (("a", "b"), ("ab", ""), ("a", "c"), ("", "ab"))}
    assert len(digests) == 4


def test_programs_that_are_too_long_are_not_sent():
    with pytest.raises(ValueError):
        parts.Programs("x", "y" * parts.MOST_BYTES).packed()


@pytest.fixture
def bringing(where: Home) -> InstanceAccess:
    return InstanceAccess(where, lambda: PROGRAMS)


def brought(found: object) -> Brought:
    assert isinstance(found, Heartbeat), found
    assert found.guard is not None and found.hardware.disk_gb is not None
    assert found.brought is not None
    return found.brought


def test_they_come_with_the_login_of_a_probe(bringing: InstanceAccess, host: Callable[..., Host]):
    there = host()
    found = brought(bringing.probe(login(there.port), None, LIMIT_S, limits=LINE))
    folder = there.home / ".gs-guard"
    assert (folder / "agent.py").read_text() == PROGRAMS.agent
    assert (folder / "upkeep.sh").read_text() == "echo 'up keep'\n"
    assert (folder / "limits").read_text().endswith(f" {LINE}\n")
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("agent.py", "upkeep.sh", "limits")} == {0o600}
    whole = b"".join((folder / name).read_bytes() for name in ("upkeep.sh", "agent.py", "limits"))
    summed = subprocess.run(["cksum"], input=whole, capture_output=True, check=True, timeout=10).stdout.split()
    assert found.checksum == summed[0].decode() and found.done.endswith("/.gs-guard/gpu-shopper-done")
    done = folder / "gpu-shopper-done"
    assert done.stat().st_mode & 0o777 == 0o755 and done.read_text().endswith('/upkeep.sh" done\n')


def test_a_hook_that_is_wanted_no_more_is_removed(bringing: InstanceAccess, host: Callable[..., Host]):
    there = host()
    hook = there.home / ".gs-guard" / "before-end"
    brought(bringing.probe(login(there.port), None, LIMIT_S, limits=LINE, hook="sync\n"))
    assert hook.read_text() == "sync\n"
    brought(bringing.probe(login(there.port), None, LIMIT_S, limits=LINE))
    assert not hook.exists()


def test_a_transfer_that_cannot_be_saved_leaves_what_was_there(bringing: InstanceAccess, host: Callable[..., Host]):
    there = host()
    folder = there.home / ".gs-guard"
    (folder / "agent.py.new").mkdir()
    (folder / "agent.py").write_text("former")
    assert brought(bringing.probe(login(there.port), None, LIMIT_S, limits=LINE)).checksum == ""
    assert (folder / "agent.py").read_text() == "former" and not (folder / "limits").exists()


def test_what_lies_in_a_files_place_there_holds_no_probe_up(bringing: InstanceAccess, host: Callable[..., Host]):
    """The user's programs are root there: a pipe that nobody writes to would be waited for."""
    there = host()
    folder = there.home / ".gs-guard"
    for name in ("report.json", "agent.py.new", "limits.new", "warned"):
        os.mkfifo(folder / name)
    assert brought(bringing.probe(login(there.port), None, 10.0, limits=LINE)).checksum
    (folder / "agent.py").unlink()
    (folder / "agent.py").mkdir()
    assert brought(bringing.probe(login(there.port), None, 10.0, limits=LINE)).checksum == ""
