"""upkeep.sh, in a folder of a test: ends of runs, warnings, the hook before the end (ends.md E5-E7)."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.agent.fixture_root import BOOT, END, stat_line
from tests.agent.upkeep_folder import (
    ENDED_ELSEWHERE,
    FAILED_S,
    GRACE_S,
    TICK_S,
    deadline_in,
    guard_that,
    hook,
    running,
    seconds_to_end,
)


@pytest.mark.parametrize(
    ("ends", "status", "seconds"),
    [
        ("always 0 0 77", "0", GRACE_S), ("always 0 0 77", "1", GRACE_S), ("success 0 0 77", "0", GRACE_S),
        ("success 0 0 77", "137", FAILED_S), ("always 7200 1 77", "0", 7200), ("success 7200 1 77", "1", 7200),
        ("success 600 1 77", "1", FAILED_S), ("always 0 1 77", "0", GRACE_S),
        ("", "0", None), ("garbage", "0", None), ("always 0 77", "0", None), ("always 0 0 0 77", "0", None),
        ("always -5 0 77", "0", None), ("always 9999999999999999 1 77", "0", None), ("always 0 2 77", "0", None),
        ("always\0 0 0 77", "0", GRACE_S), ("* * * *", "0", None),
        # of another life, which an image or a lasting disk has brought
        ("always 0 0", "0", None), ("always 0 0 78", "0", None), ("success 0 0 -", "0", None),
    ],
)  # fmt: skip
def test_a_run_that_has_ended_ends_the_instance_as_it_was_started_to(root, upkeep, ends, status, seconds):
    root.run("abc", pid="7\n", status=f"{status:<7}\n", ends=f"{ends}\n")
    upkeep()
    assert seconds_to_end(root) == seconds


def test_the_end_of_a_run_stays_where_it_is_even_when_it_has_passed(root, upkeep):
    """The guard tries to end the instance from then on: a later end would stop it."""
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    upkeep()
    upkeep(50)
    assert seconds_to_end(root) == GRACE_S - 50
    upkeep(600)
    assert seconds_to_end(root) == GRACE_S - 650


NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
SMALL_DISK = """
cp -a {folder} {top}/saved
mount -t tmpfs -o size=128k none {folder}
cp -a {top}/saved/. {folder}
{shell} {folder}/upkeep.sh --root {top} || :
cat /dev/zero >{folder}/full 2>/dev/null || :
printf '0      \\n' >{run}/status
{shell} {folder}/upkeep.sh --root {top} || :
cat {folder}/end-run >{top}/found
"""


def test_a_run_that_has_filled_the_disk_ends_the_instance_still(root, shell):
    """It was told that it would, and a full disk is a likely end of a run."""
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False, timeout=20).returncode:
        pytest.skip("no namespaces to lay a small disk in")
    run = running(root, "abc", 50)
    script = SMALL_DISK.format(folder=root.folder, top=root.top, run=run, shell=" ".join(shell))
    subprocess.run(
        [*NAMESPACES, script], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(root.top / "root")},
        stdin=subprocess.DEVNULL, check=True, timeout=60,
    )  # fmt: skip
    line, blanks = (root.top / "found").read_text().splitlines()
    assert line == f"{END} {BOOT} {root.up + GRACE_S} run" and not blanks.strip()


def test_without_a_mark_of_this_life_no_run_ends_the_instance(root, upkeep):
    root.write("root/.gs-guard/limits", root.text("limits").replace(" life=77", ""))
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    root.run("def", status="0\n", ends="always 0 0\n")
    upkeep()
    assert seconds_to_end(root) is None


def test_a_run_without_an_end_ends_nothing(root, upkeep):
    root.run("abc", status="0\n")
    upkeep()
    assert seconds_to_end(root) is None


@pytest.mark.parametrize("home", ["/srv/people/ann", "/data/a b", "/", "/home/user"])
def test_the_runs_of_every_login_count_wherever_its_home_is(root, upkeep, home):
    root.write("etc/passwd", f"daemon:x:1:1::/usr/sbin:/bin/sh\nann:x:1001:1001:Ann:{home}:/bin/sh\nbroken:x:{home}\n")
    run = root.run("abc", home=home.strip("/"), status="0\n", ends="always 0 0 77\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S
    (run / "ends").unlink()
    upkeep()
    assert seconds_to_end(root) is None


def test_it_waits_for_other_runs_and_begins_anew_when_one_is_started(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    other = running(root, "def", 50)
    (other / "ends").unlink()
    upkeep()
    assert seconds_to_end(root) is None
    (other / "status").write_text("1\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S
    third = running(root, "ghi", 51)
    upkeep()
    assert seconds_to_end(root) is None
    (third / "status").write_text("0\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_it_does_not_wait_for_a_jupyter_server_which_never_ends(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    running(root, "jupyter-1a2b3c4d", 50)
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_a_run_that_came_and_went_between_two_ticks_gets_its_own_hold(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    upkeep()
    root.run("def", status="0\n", ends="always 7200 1 77\n")
    upkeep()
    assert seconds_to_end(root) == 7200


def test_pulled_files_make_the_end_sooner(root, upkeep):
    folder = root.run("abc", status="0\n", ends="always 7200 1 77\n")
    upkeep()
    upkeep(1000)
    assert seconds_to_end(root) == 6200
    (folder / "pulled").write_text("")
    upkeep()
    assert seconds_to_end(root) == GRACE_S
    upkeep()
    assert seconds_to_end(root) == GRACE_S - TICK_S


def test_a_run_whose_process_is_gone_without_a_status_is_lost_and_ends_the_instance(root, upkeep):
    running(root, "abc", 50)
    upkeep()
    assert seconds_to_end(root) is None
    root.process(50, stat_line(50, "sh"), "another process of that number")
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_a_run_is_not_lost_while_what_it_started_still_writes(root, upkeep):
    """The kernel killed its wrapper, not the training."""
    folder = running(root, "abc", 50)
    root.process(50, stat_line(50, "sh"), "")
    links = root.top / "proc/60/fd"
    links.mkdir(parents=True)
    (links / "1").symlink_to(folder / "out")
    upkeep()
    assert seconds_to_end(root) is None
    (links / "1").unlink()
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_after_a_restart_ends_are_decided_anew(root, upkeep):
    root.run("abc", status="0\n", ends="always 7200 1 77\n")
    upkeep()
    upkeep(7000)
    assert seconds_to_end(root) == 200
    root.write("proc/sys/kernel/random/boot_id", "another\n")
    upkeep()
    assert root.text("end-run") == f"{END} another {root.up + 7200} run\n"


def test_a_run_that_never_began_neither_ends_the_instance_nor_keeps_it(root, upkeep):
    root.run("abc", ends="always 0 0 77\n")
    upkeep()
    assert seconds_to_end(root) is None
    root.run("def", status="0\n", ends="always 0 0 77\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_somebody_who_types_delays_it_by_ten_minutes_at_most_and_is_told(root, upkeep, wait_until):
    terminal = root.top / "dev/pts/0"
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    for seconds in (10, 300, 299):
        os.utime(terminal)
        upkeep(seconds)
        assert seconds_to_end(root) is None
    wait_until(lambda: "this instance waits for you" in terminal.read_text(), 10)
    upkeep(10)
    assert seconds_to_end(root) == GRACE_S
    assert terminal.read_text().count("waits for you") == 1


@pytest.mark.parametrize("text", ["", "garbage\n", "END=x idle=1\n", "\0\0\0", "* * *"])
def test_damaged_limits_limit_nothing(root, upkeep, text):
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    upkeep()
    assert seconds_to_end(root)
    root.write("root/.gs-guard/limits", text)
    upkeep()
    assert seconds_to_end(root) is None


def test_garbage_in_runs_neither_hangs_nor_ends_anything(root, upkeep):
    runs = root.run("abc").parent
    for name in ("fifo", "endless", "links", "folders"):
        root.run(name)
    for name in ("ends", "status", "pid"):
        os.mkfifo(runs / "fifo" / name)
        with (runs / "endless" / name).open("wb") as file:
            file.truncate(1 << 40)
        (runs / "links" / name).symlink_to("/dev/zero")
        (runs / "folders" / name).mkdir()
    (root.run("linked", status="0\n") / "ends").symlink_to(root.write("elsewhere", "always 0 0 77\n"))
    (runs / "$(touch x)").mkdir()
    (runs / "a b\nc").mkdir()
    (runs / "loop").symlink_to(runs)
    os.mkfifo(runs / "pipe")
    for name in ("told", "runs-ended", "end-run", "agent.pid", "state", "pulled"):
        os.mkfifo(root.folder / name)
    root.write("root/.gs-guard/before-end", "exit 0\n")
    upkeep()
    assert not (root.folder / "end-run").is_file()
    assert list(root.top.rglob("x")) == []


def test_more_runs_than_can_be_looked_at_end_nothing(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    for number in range(2000):
        (root.top / f"root/.gpu-shopper/runs/z{number}").mkdir()
    upkeep()
    assert seconds_to_end(root) is None


def test_a_disk_that_takes_nothing_gives_no_early_end(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0 77\n")
    (root.folder / "runs-ended").mkdir()
    (root.folder / "runs-ended/x").mkdir()
    (root.folder / "end-run").mkdir()
    upkeep()
    assert (root.folder / "end-run").is_dir()


@pytest.mark.parametrize(
    ("hold", "told"), [(290, "in 5 minutes: its run has ended"), (320, None), (0, "in 2 minutes: its run has ended")]
)
def test_terminals_are_warned_once_before_a_runs_end(root, upkeep, wait_until, hold, told):
    terminal = root.top / "dev/pts/0"
    root.run("abc", status="0\n", ends=f"always {hold} 1 77\n")
    upkeep()
    upkeep(1)
    if told:
        wait_until(lambda: told in terminal.read_text(), 10)
    assert terminal.read_text().count("gpu-shopper") == (1 if told else 0)


def test_an_idle_end_without_a_living_agent_is_none_and_is_not_told(root, upkeep):
    root.write("root/.gs-guard/end-idle", f"{END} {BOOT} {root.up + 200} idle {root.up} 60 5\n")
    upkeep()
    assert root.text("told") == ""


def test_an_idle_end_of_a_living_agent_is_told_and_says_what_keeps_it(root, upkeep, wait_until):
    root.process(60, stat_line(60, "python3", birth=5), "python3 agent.py watch")
    root.write("root/.gs-guard/agent.pid", "60 5\n")
    root.write("root/.gs-guard/end-idle", f"{END} {BOOT} {root.up + 200} idle {root.up} 60 5\n")
    upkeep()
    wait_until(lambda: "nothing has been in use; any use keeps it" in (root.top / "dev/pts/0").read_text(), 10)


@pytest.mark.parametrize("marks", [f"{END} another", f"9 {BOOT}"])
def test_an_end_of_another_boot_or_life_is_none(root, upkeep, marks):
    folder = hook(root)
    root.write("root/.gs-guard/end-done", f"{marks} {root.up + 80} done\n")
    upkeep()
    assert root.text("told") == "" and not folder.exists()


def test_done_works_without_python(root, upkeep):
    root.limits(hold=3600)
    assert "ends in 3601 s" in upkeep(0, "done")
    assert seconds_to_end(root, "done") == 3601
    root.write("root/.gs-guard/pulled", f"{BOOT} {root.up - 1}\n")
    upkeep()
    assert seconds_to_end(root, "done") == 3591, "that was before"
    root.write("root/.gs-guard/pulled", f"{BOOT} {root.up}\n")
    upkeep()
    assert seconds_to_end(root, "done") == GRACE_S


@pytest.mark.parametrize("acts", [True, False])
def test_done_says_where_another_computer_must_end_it(root, upkeep, acts):
    """Where power-off ends no bill, its guard leaves early ends to that (E9)."""
    root.write("root/.gs-guard/guard.sh", guard_that(acts_early=acts))
    root.limits(hold=0)
    assert upkeep(0, "done").splitlines() == ["this instance ends in 91 s", *([] if acts else [ENDED_ELSEWHERE])]


def test_done_that_is_asked_for_again_makes_no_end_later(root, upkeep):
    """Its files may have been pulled since: they would be waited for until the hold, and nobody would bring them."""
    root.limits(hold=3600)
    upkeep(0, "done")
    root.write("root/.gs-guard/pulled", f"{BOOT} {root.up + 1}\n")
    upkeep(20)
    assert seconds_to_end(root, "done") == GRACE_S
    assert f"ends in {GRACE_S - 10} s" in upkeep(10, "done")
    upkeep(10)
    assert seconds_to_end(root, "done") == GRACE_S - 20
    root.limits(hold=0)
    assert f"ends in {9 * TICK_S + 1} s" in upkeep(0, "done"), "nothing is waited for any more"
    upkeep(200)
    before = root.text("end-done")
    assert "ends in 0 s" in upkeep(0, "done") and root.text("end-done") == before, "the guard is at work"


def test_no_end_that_waits_to_be_pulled_is_later_than_the_deadline(root, upkeep):
    root.limits(hold=2_678_400)
    deadline_in(root, 4000)
    root.run("abc", status="0\n", ends="always 2678400 1 77\n")
    upkeep()
    assert seconds_to_end(root) == 4000 - 2 * TICK_S
    assert f"ends in {4000 - 3 * TICK_S} s" in upkeep(TICK_S, "done")
