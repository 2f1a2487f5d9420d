"""What the tests of upkeep.sh read from the folder of the guard, and put there."""

from __future__ import annotations

from pathlib import Path

from gpushopper.core.model.guard_recipe import PowerOff
from gpushopper.remote.guard_files import guard_script
from gpushopper.remote.planting.guard_text import guard_for
from tests.agent.fixture_root import BOOT, END, FixtureRoot, stat_line

TICK_S, GRACE_S, FAILED_S = 10, 120, 1800
ENDED_ELSEWHERE = "your computer ends it then; while that is off or asleep, it bills on, also past its deadline"


def guard_that(*, acts_early: bool) -> str:
    """The guard as it is installed where it carries out early ends, or where it leaves them to the daemon (E9)."""
    return guard_for(PowerOff(("poweroff",)), guard_script(), obeys_early_ends=acts_early)


def seconds_to_end(root: FixtureRoot, name: str = "run") -> int | None:
    """Read how long the end file still leaves, checked to be of the form that the guard reads; None without one."""
    words = root.text(f"end-{name}").split()
    if not words:
        return None
    assert words[:2] == [str(END), BOOT] and words[3:] == [name]
    return int(words[2]) - root.up


def running(root: FixtureRoot, run: str, pid: int) -> Path:
    root.process(pid, stat_line(pid, "sh"), f"sh -c w gpu-shopper-run /root/.gpu-shopper/runs/{run} train /bin/sh")
    return root.run(run, pid=f"{pid}\n", ends="always 0 0 77\n")


def deadline_in(root: FixtureRoot, seconds: int) -> None:
    root.write("root/.gs-guard/state", f"{END} 3 {seconds} 60 {END} {root.up} {BOOT}\n")


def hook(root: FixtureRoot) -> Path:
    root.write("root/.gs-guard/before-end", "echo saved; echo $HOME; exit 4\n")
    return root.top / "root/.gpu-shopper/runs/before-end"
