"""The hook before the end: when upkeep.sh runs it, as whom, and where its output is (ends.md E7)."""

from __future__ import annotations

import pytest

from tests.agent.fixture_root import BOOT, END, FixtureRoot, stat_line
from tests.agent.upkeep_folder import GRACE_S, TICK_S, deadline_in, hook, seconds_to_end


def test_the_hook_runs_once_15_minutes_before_the_deadline_as_a_run_of_its_own(root, upkeep, wait_until):
    folder = hook(root)
    root.write("root/.gs-guard/renewal", f"{END} 2 5 60 {END} {root.up} {BOOT}\n")
    deadline_in(root, 950)
    upkeep()
    assert not folder.exists() and root.text("before-end.mark") == "0\n"
    upkeep(50)
    wait_until((folder / "status").exists, 10)
    assert (folder / "status").read_text().strip() == "4"
    wait_until(lambda: (folder / "out").read_text() == f"saved\n{root.top}/root\n", 10)
    (folder / "status").unlink()
    upkeep()
    assert not (folder / "status").exists()
    deadline_in(root, 5000)
    upkeep()
    deadline_in(root, 500)
    upkeep()
    wait_until((folder / "status").exists, 10)


def test_the_hook_runs_when_an_early_end_is_written_and_is_no_run_to_wait_for(root, upkeep, wait_until):
    folder = hook(root)
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    upkeep()
    wait_until((folder / "status").exists, 10)
    (folder / "status").unlink()
    upkeep()
    assert seconds_to_end(root) == GRACE_S - TICK_S


def test_the_hook_runs_again_for_work_that_ends_after_it_ran_for_the_deadline(root, upkeep, wait_until):
    """What the run wrote in between would be lost; never two of them at a time."""
    folder = hook(root)
    deadline_in(root, 800)
    upkeep()
    wait_until((folder / "status").exists, 10)
    (folder / "status").unlink()
    (folder / "pid").write_text("50\n")
    root.process(50, stat_line(50, "sh"), f"sh -c hook gpu-shopper-run {folder}")
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S and root.text("before-end.mark") == "1\n", "the first one is still going"
    root.process(50, stat_line(50, "sh"), "")
    upkeep()
    wait_until((folder / "status").exists, 10)
    (folder / "status").unlink()
    upkeep()
    assert root.text("before-end.mark") == "2\n" and not (folder / "status").exists(), "once"


@pytest.mark.parametrize(("size", "kept"), [(30_000_000, 20_000_000), (19_999_980, 19_999_980)])
def test_endless_output_of_the_hook_is_cut_and_says_so(root, upkeep, wait_until, size, kept):
    folder = hook(root)
    root.write("root/.gs-guard/before-end", f"head -c {size} /dev/zero\n")
    deadline_in(root, 100)
    upkeep()
    wait_until((folder / "status").exists, 20)
    wait_until(lambda: (folder / "out").stat().st_size == kept, 20)
    assert (folder / "out").read_bytes().endswith(b"\n[cut off at 20 MB]\n") is (size > kept)


@pytest.mark.parametrize("text", ["", "garbage", f"{END} 3 x 60 {END} 1000 {BOOT}", f"9 3 10 60 9 1000 {BOOT}",
                                  f"{END} 3 10 60 {END} 1000 another"])  # fmt: skip
def test_a_damaged_or_former_deadline_starts_no_hook(root, upkeep, text):
    folder = hook(root)
    root.write("root/.gs-guard/state", f"{text}\n")
    upkeep()
    assert not folder.exists()


def test_the_hook_runs_as_long_before_the_deadline_as_is_asked_for(root, upkeep, wait_until):
    folder = hook(root)
    root.limits(land=1800)
    deadline_in(root, 1700)
    upkeep()
    wait_until((folder / "status").exists)


# Only root may become another one: this stands for it, as the system's entry of the user does.
SU = """#!/bin/sh
[ "$1 $2 $4" = '-s /bin/sh -c' ] || exit 9
HOME={top}/home/$3 exec /bin/sh -c "$5"
"""


@pytest.fixture
def ann(root: FixtureRoot) -> FixtureRoot:
    """An instance whose login is an ordinary user."""
    (root.bin / "su").write_text(SU.format(top=root.top))
    (root.bin / "su").chmod(0o755)
    (root.top / "home/ann").mkdir(parents=True)
    return root


@pytest.mark.parametrize("place", ["root/.gs-guard/before-end", "var/lib/gs-drop/ann/before-end"])
def test_it_runs_as_its_login_in_the_home_where_its_output_is_fetched(ann, upkeep, wait_until, place):
    ann.write(place, "pwd; env | grep -c ^GS_; exit 3\n")
    ann.write("root/.gs-guard/login", "ann\n")
    deadline_in(ann, 500)
    upkeep()
    folder = ann.top / "home/ann/.gpu-shopper/runs/before-end"
    wait_until((folder / "status").exists, 10)
    assert (folder / "status").read_text().strip() == "3"
    wait_until(lambda: (folder / "out").read_text() == f"{ann.top}/home/ann\n0\n", 10)
    assert not (ann.top / "root/.gpu-shopper").exists()


@pytest.mark.parametrize("login", ["-l", "a b", "../x", "$(touch x)"])
def test_a_login_of_no_such_name_runs_nothing(ann, upkeep, login):
    folder = hook(ann)
    ann.write("root/.gs-guard/login", f"{login}\n")
    deadline_in(ann, 500)
    upkeep()
    assert not folder.exists() and ann.text("before-end.mark") == ""
