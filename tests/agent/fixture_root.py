"""A root folder with the files that the agent and upkeep.sh read; nothing of this computer is read or touched."""

from __future__ import annotations

import os
import types
from pathlib import Path

from gpushopper.remote.agent_files import agent_text, upkeep_text

BOOT = "8d2c0f6e-3a5b-4c1d-9e7f-001122334455"
END = 1_800_003_600
LIMITS = f"END={END} idle=60 when=any contact=0 disuse=0 warn=300 tick=10 stale=60 hold=0 grace=120 failed=1800 life=77"
NETWORK = """\
Inter-|   Receive                                                |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
  eth0: {count} 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0
"""
GPU = "NVIDIA A100, {load}, 100, 40960, 30"


def load_agent() -> types.ModuleType:
    """Load the agent as an instance has it: one file."""
    module = types.ModuleType("agent_of_an_instance")
    exec(compile(agent_text(), "agent.py", "exec"), module.__dict__)
    return module


def stat_line(
    pid: int, name: str, parent: int = 1, *, own: int = 0, children: int = 0, birth: int = 100, state: str = "S"
) -> str:
    """Write a /proc/PID/stat; times in clock ticks."""
    rest = f"{parent} {pid} {pid} 0 -1 4194560 99 277 0 0 {own} 0 {children} 0 20 0 1 0 {birth} 2998272 447"
    return f"{pid} ({name}) {state} {rest}"


class FixtureRoot:
    """An idle instance at first: its first process, a network, one terminal, no runs, no GPU."""

    def __init__(self, top: Path) -> None:
        self.top, self.up = top, 1000
        self.folder = top / "root/.gs-guard"
        self.write("proc/sys/kernel/random/boot_id", f"{BOOT}\n")
        self.write("proc/uptime", f"{self.up}.00 5.00\n")
        self.write("proc/1/stat", f"{stat_line(1, 'sleep', 0)}\n")
        self.write("proc/self/cmdline", "")
        self.write("proc/net/dev", NETWORK.format(count=5000))
        self.write("dev/pts/0", "")
        self.process(os.getpid(), stat_line(os.getpid(), "python3", birth=777), "pytest")
        self.write("root/.gs-guard/limits", f"{LIMITS}\n")
        self.write("root/.gs-guard/upkeep.sh", upkeep_text())
        self.bin = top / "bin"
        self.bin.mkdir()

    def write(self, path: str, text: str) -> Path:
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def text(self, name: str) -> str:
        """Read a file of the guard's folder, empty where there is none."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def let_pass(self, seconds: int) -> None:
        self.up += seconds
        self.write("proc/uptime", f"{self.up}.00 5.00\n")

    def process(self, pid: int, line: str, words: str = "") -> None:
        """Add a process; `words` is its command line, with spaces for NULs."""
        self.write(f"proc/{pid}/stat", f"{line}\n")
        self.write(f"proc/{pid}/cmdline", words.replace(" ", "\0"))

    def limits(self, **changed: object) -> None:
        words = dict(word.split("=") for word in LIMITS.split()) | {name: str(text) for name, text in changed.items()}
        self.write("root/.gs-guard/limits", " ".join(f"{name}={text}" for name, text in words.items()) + "\n")

    def smi(self, script: str) -> None:
        """Install an nvidia-smi, a script for /bin/sh."""
        path = self.bin / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, run: str, home: str = "root", **files: str) -> Path:
        """Add a run with these files."""
        folder = self.top / home / ".gpu-shopper/runs" / run
        for name, text in {"command": "train", "out": "", "err": "", **files}.items():
            self.write(str(folder.relative_to(self.top) / name), text)
        return folder
