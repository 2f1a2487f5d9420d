"""Whoever is root on an instance lies about its ends: the deadline holds, nothing else is touched (ends.md E4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import at, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


LIAR = """#!/usr/bin/env python3
import json, os, threading
D = os.path.dirname(os.path.abspath(__file__))
birth = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
open(D + "/agent.pid", "w").write("%d %d" % (os.getpid(), birth))
while True:
    up = int(float(open("/proc/uptime").read().split()[0]))
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    end = open(D + "/limits").read().split()[0][4:]
    open(D + "/end-idle", "w").write("%s %s %d idle %d %d %d" % (end, boot, up + 99999, up, os.getpid(), birth))
    report = dict(version="9" * 99, boot=boot, at=up + 10**9, idle_s=-5, in_use={"gpu": "never"}, runs=[7], ends="no")
    open(D + "/report.json", "w").write(json.dumps(report))
    threading.Event().wait(1)
"""


@pytest.mark.sweep
def test_whoever_is_root_there_can_move_no_deadline(sandbox: SandboxHome, wait_until: Callable[..., None]) -> None:
    wrong, other = rent(sandbox, wait_until, "wrong", "other", life="3m")
    numbers = [wrong.number, other.number]
    deadline = wrong.session["deadline_at"]
    wrong.until_watched()
    other.until_watched()
    mark = wrong.file("limits").split()[0].removeprefix("END=")
    up = "$(cut -d. -f1 /proc/uptime)"
    boot = "$(cat /proc/sys/kernel/random/boot_id)"
    for text in (
        "head -c 9000 /dev/urandom >end-idle; echo >end-contact; mkdir -p end-done; ln -sf /dev/zero end-run",
        f"rm -rf end-*; echo {mark} 00000000-0000-0000-0000-000000000000 1 run >end-run",
        f"rm -rf end-*; echo 1{mark} {boot} $(({up} + 5)) run >end-run",
        f"rm -rf end-*; echo {mark} {boot} $(({up} + 99999)) run >end-run",
        f"rm -rf end-*; echo {mark} {boot} $(({up} + 5)) idle {up} 1 1 >end-idle",
        "rm -rf end-* report.json; head -c 3000000 /dev/zero >report.json",
        "rm -f report.json; mkfifo report.json",
        "rm -f report.json; ln -s /dev/zero report.json",
    ):
        wrong.says(f"cd .gs-guard && ({text}) 2>&1")
        seen = wrong.session["heartbeat_at"]
        wrong.until(lambda seen=seen: wrong.session["heartbeat_at"] > seen, timeout_s=20)
        assert wrong.session["status"] == "running" and wrong.session["ending_reason"] == "", text
    sandbox.must("cp", str(sandbox.write("liar.py", LIAR)), "wrong:.gs-guard/agent.py")
    wrong.says("cd .gs-guard && rm -rf end-* report.json; kill -9 $(cut -d' ' -f1 agent.pid); "
               "setsid python3 agent.py watch </dev/null >/dev/null 2>&1 & sleep 2")  # fmt: skip
    wrong.until(lambda: "99999" not in wrong.reads("end-idle") and "NOTICE_TICKS" in wrong.reads("agent.py"))
    for one in (wrong, other):
        assert one.session["status"] == "running" and one.session["deadline_at"] == (
            deadline if one is wrong else other.session["deadline_at"]
        )
    assert wrong.session["ending_reason"] == ""
    assert sandbox.kill_daemon()
    row = wrong.until_gone(numbers[0], timeout_s=300)
    assert row["ended_by"] == "instance_key" and -15 < at(row["ended_at"]) - at(deadline) < 60
