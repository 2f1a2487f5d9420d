"""Agent and upkeep.sh as processes of a contained instance: frozen, killed, twice, without room, without python3."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gpushopper.remote.agent_files import agent_text, upkeep_text
from tests.agent.conftest import LIFE
from tests.agent.contained_instance import TRUE_START, UPTIME, Image, Instance
from tests.agent.fixture_root import GPU, LIMITS

pytestmark = pytest.mark.proofs

FASTER = 10
"""Seconds of the instance's boot clock in one of ours; the agent's own pauses are ours."""
IDLE_S = 60


class Parts:
    """An instance whose guard is not started, with the agent's parts, and a boot clock that runs."""

    def __init__(self, instance: Instance, wait_until: Callable[..., None], **limits: object) -> None:
        self.instance, self.stop = instance, threading.Event()
        # Other tests make traffic meanwhile, and an instance shares the network with them.
        words = dict(word.split("=") for word in LIMITS.split())
        words |= {"END": str(TRUE_START + LIFE), "tick": "1", "when": "gpu", "idle": str(IDLE_S), **limits}
        texts = {
            "agent.py": agent_text(), "upkeep.sh": upkeep_text(),
            "limits": " ".join(f"{name}={text}" for name, text in words.items()) + "\n",
        }  # fmt: skip
        for name, text in texts.items():
            (instance.scratch / name).write_text(text)
        self.smi(f"echo '{GPU.format(load=0)}'")
        instance.give_to_nobody()
        self.thread = threading.Thread(target=self.tick, daemon=True)
        self.thread.start()
        folders = " ".join(f"{home}/.gs-guard" for home in ("/root", "/var/lib", "/var/tmp", "/dev/shm"))
        find = f"for d in {folders}; do [ -s $d/guard.sh ] && echo $d && break; done"
        wait_until(lambda: instance.sh(find), 20)
        self.folder = instance.sh(find).strip()
        for name in texts:
            self.sh(f"cat /mnt/{name} >$D/{name}")

    def tick(self) -> None:
        began = time.monotonic()
        while not self.stop.wait(0.02):
            self.instance.write_clock("uptime", f"{UPTIME + (time.monotonic() - began) * FASTER:.2f} 0.00")

    def smi(self, script: str) -> None:
        path = self.instance.scratch / "bin/nvidia-smi"
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def sh(self, command: str) -> str:
        return self.instance.sh(f"D={self.folder}\n{command}")

    def upkeep(self) -> None:
        self.sh("timeout -s KILL 60 sh $D/upkeep.sh")

    def agents(self) -> list[str]:
        return [line for line in self.instance.processes() if "agent.py watch" in line]

    def pid(self) -> str:
        return (self.sh("cat $D/agent.pid").split() or [""])[0]

    def report(self) -> dict:
        return json.loads(self.sh("cat $D/report.json") or "{}")

    def end(self, name: str = "idle") -> list[str]:
        return self.sh(f"cat $D/end-{name}").split()


@pytest.fixture
def parts(rent, wait_until) -> Iterator:
    made: list[Parts] = []

    def on(image: Image | None = None, disk: str = "kept", **limits: object) -> Parts:
        made.append(Parts(rent(image or Image("dash"), disk=disk, unstarted=True), wait_until, **limits))
        return made[-1]

    yield on
    for one in made:
        one.stop.set()
        one.thread.join()


def test_upkeep_starts_an_agent_that_writes_the_idle_end_and_withdraws_it_at_use(parts, wait_until):
    here = parts()
    here.upkeep()
    wait_until(here.end, 30)
    end = here.end()
    assert end[3] == "idle" and end[5] == here.pid()
    here.upkeep()
    assert len(here.agents()) == 1
    here.smi(f"echo '{GPU.format(load=80)}'")
    wait_until(lambda: not here.end(), 10)


def test_a_killed_agent_is_started_again_and_its_end_is_void(parts, wait_until):
    here = parts()
    here.upkeep()
    wait_until(here.end, 30)
    old = here.pid()
    here.sh(f"kill -9 {old}")
    here.upkeep()
    wait_until(lambda: here.pid() not in (old, ""), 20)
    wait_until(lambda: not here.end(), 10)
    assert len(here.agents()) == 1


def test_a_frozen_agent_is_replaced_and_ends_when_it_is_continued(parts, wait_until):
    here = parts()
    here.upkeep()
    wait_until(here.end, 30)
    old = here.pid()
    here.sh(f"kill -STOP {old}")
    here.upkeep()
    wait_until(lambda: here.pid() not in (old, ""), 20)
    wait_until(lambda: len(here.agents()) == 2, 10)
    new = here.pid()
    here.sh(f"kill -CONT {old}")
    wait_until(lambda: len(here.agents()) == 1, 20)
    assert here.pid() == new
    wait_until(lambda: (here.end() or [""] * 6)[5] in (new, ""), 10)


def test_one_that_was_frozen_for_a_while_measures_anew(parts, wait_until):
    here = parts()
    here.upkeep()
    wait_until(here.end, 30)
    here.sh(f"kill -STOP {here.pid()}")
    frozen_at = here.instance.uptime()
    wait_until(lambda: here.instance.uptime() > frozen_at + 80, 20)
    here.sh(f"kill -CONT {here.pid()}")
    wait_until(lambda: not here.end(), 5)
    assert here.report()["idle_s"] < IDLE_S


def test_two_agents_at_once_become_one(parts, wait_until):
    here = parts()
    start = "setsid python3 -Es $D/agent.py watch </dev/null >/dev/null 2>&1 &"
    here.sh(f"{start} {start} {start}")
    wait_until(here.report, 20)
    wait_until(lambda: len(here.agents()) == 1, 20)
    assert here.pid() in here.sh("ls /proc").split()


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_without_python3_a_run_still_ends_the_instance_and_idle_is_not_watched(parts, shell):
    here = parts(Image(shell, clients=("curl",)))
    run = "/root/.gpu-shopper/runs/abc"
    here.sh(f"mkdir -p {run}; echo always 0 0 77 >{run}/ends; echo 0 >{run}/status; echo 7 >{run}/pid")
    here.upkeep()
    assert here.end("run")[3] == "run"
    assert (here.agents(), here.report(), here.end()) == ([], {}, [])


def test_on_a_full_disk_agents_do_not_multiply(parts, wait_until):
    """Whoever cannot save its number ends: the deadline stays."""
    here = parts(disk="tiny")
    here.sh("dd if=/dev/zero of=/root/full bs=1k count=10000 2>/dev/null")
    for _ in range(4):
        here.upkeep()
    wait_until(lambda: len(here.agents()) <= 1, 20)
    assert (here.end(), here.end("run")) == ([], [])
    here.sh("rm /root/full")
    here.upkeep()
    wait_until(here.end, 30)


def test_a_disk_that_fills_while_it_watches_takes_no_early_end(parts, wait_until):
    here = parts(disk="tiny")
    here.upkeep()
    wait_until(here.report, 20)
    here.sh("dd if=/dev/zero of=/root/full bs=1k count=10000 2>/dev/null")
    begun = here.instance.uptime()
    wait_until(lambda: here.instance.uptime() > begun + IDLE_S + 40, 30)
    assert here.end() == [] and len(here.agents()) == 1
    assert "agent.pid." not in here.sh("ls -a $D") and "report.json." not in here.sh("ls -a $D")


def test_with_a_read_only_home_it_works_where_the_guard_lies(parts, wait_until):
    here = parts(disk="read-only")
    assert here.folder == "/dev/shm/.gs-guard"
    here.upkeep()
    wait_until(here.end, 30)


BUSY = "python3 -c 'while True: pass'"
STALLED = "python3 -c 'import threading\nwhile True: threading.Event().wait(0.5)'"
SHORT_LIVED = "sh -c 'while :; do head -c 30000000 /dev/zero | cksum; done'"


@pytest.mark.parametrize(("work", "in_use"), [(BUSY, True), (SHORT_LIVED, True), (STALLED, False)])
def test_work_without_a_gpu_is_use_and_a_stalled_loop_is_none(parts, wait_until, work, in_use):
    here = parts()
    here.upkeep()
    wait_until(here.report, 20)
    here.sh(f"setsid {work} </dev/null >/dev/null 2>&1 &")
    begun = here.report()["at"]
    wait_until(lambda: here.report()["at"] > begun + 100, 30)
    # Ten seconds of its clock are one of ours: all that it sees is a tenth of what it is; and others work here, too.
    assert (here.report()["cpu"] > 0) == in_use


TYPIST = """
import os, pty, sys, threading
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("cat", ["cat"])
for _ in range(20):
    if sys.argv[1] == "types":
        os.write(terminal, b"x\\n")
    else:
        open("/dev/pts/0", "w").write("a warning\\n")
    os.read(terminal, 1000)
    threading.Event().wait(1)
"""


@pytest.mark.parametrize("what", ["types", "is written to"])
def test_typing_is_use_and_a_warning_is_none(parts, wait_until, what):
    here = parts()
    (here.instance.scratch / "typist.py").write_text(TYPIST)
    here.sh(f"setsid python3 /mnt/typist.py '{what}' </dev/null >/dev/null 2>&1 &")
    wait_until(lambda: here.sh("ls /dev/pts").split() != ["ptmx"], 10)
    here.upkeep()
    wait_until(here.report, 20)
    # The kernel notes the time of input to eight seconds, ours.
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() > begun + 10, 20)
    seen = here.report()["in_use"]["terminal"]
    assert (seen is not None) == (what == "types")


MANY = "import os, signal\nfor _ in range(300):\n  if os.fork() == 0: signal.pause()\nsignal.pause()"


def test_it_takes_less_than_a_hundredth_of_a_core_with_16_gpus_and_300_processes(parts, wait_until, capsys):
    here = parts()
    (here.instance.scratch / "many.py").write_text(MANY)
    here.sh("setsid python3 /mnt/many.py </dev/null >/dev/null 2>&1 &")
    here.smi(f"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo '{GPU.format(load=0)}'; done")
    here.upkeep()
    wait_until(lambda: len(here.report().get("gpus", [])) == 16, 20)

    def used() -> float:
        line = here.sh(f"cat /proc/{here.pid()}/stat").rpartition(")")[2].split()
        return (int(line[11]) + int(line[12])) / os.sysconf("SC_CLK_TCK")

    before, begun = used(), time.monotonic()
    wait_until(lambda: time.monotonic() > begun + 15, 20)
    a_sample = (used() - before) / 15
    memory = here.sh(f"sed -n 's/^VmRSS: *//p' /proc/{here.pid()}/status").strip()
    with capsys.disabled():
        print(f"\nagent: {a_sample * 1000:.1f} ms of a core for a sample, {a_sample * 10:.2f} % at 10 s; {memory}")
    assert a_sample / 10 < 0.01
    assert int(memory.split()[0]) < 40_000
