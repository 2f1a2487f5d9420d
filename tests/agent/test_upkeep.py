"""upkeep.sh, in a folder of a test: ends of runs, warnings, the hook before the end (ends.md E5-E7)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.fixture_root import BOOT, END, FixtureRoot, stat_line
from tests.needs import needs

TICK_S, GRACE_S, FAILED_S = 10, 120, 1800
LONG_AGO = (1, 1)
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}


@pytest.fixture(
    params=[
        pytest.param(name, marks=[needs(name), *([] if name == "dash" else [pytest.mark.proofs])]) for name in SHELLS
    ]
)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.fixture
def root(tmp_path: Path) -> FixtureRoot:
    made = FixtureRoot(tmp_path)
    os.utime(tmp_path / "dev/pts/0", LONG_AGO)
    return made


@pytest.fixture
def upkeep(root: FixtureRoot, shell: list[str]) -> Callable[..., str]:
    """Call it as the guard does at a tick, after so many seconds."""

    def call(seconds: int = TICK_S, *words: str, timeout_s: float = 20) -> str:
        root.let_pass(seconds)
        script = str(root.folder / "upkeep.sh")
        done = subprocess.run(
            [*shell, script, "--root", str(root.top), *words],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(root.top / "root")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout

    return call


def seconds_to_end(root: FixtureRoot, name: str = "run") -> int | None:
    """Read how long the end file still leaves, checked to be of the form that the guard reads; None without one."""
    words = root.text(f"end-{name}").split()
    if not words:
        return None
    assert words[:2] == [str(END), BOOT] and words[3:] == [name]
    return int(words[2]) - root.up


def running(root: FixtureRoot, run: str, pid: int) -> Path:
    root.process(pid, stat_line(pid, "sh"), f"sh -c w gpu-shopper-run /root/.gpu-shopper/runs/{run} train /bin/sh")
    return root.run(run, pid=f"{pid}\n", ends="always 0 0\n")


@pytest.mark.parametrize(
    ("ends", "status", "seconds"),
    [
        ("always 0 0", "0", GRACE_S), ("always 0 0", "1", GRACE_S), ("success 0 0", "0", GRACE_S),
        ("success 0 0", "137", FAILED_S), ("always 7200 1", "0", 7200), ("success 7200 1", "1", 7200),
        ("success 600 1", "1", FAILED_S), ("always 0 1", "0", GRACE_S),
        ("", "0", None), ("garbage", "0", None), ("always 0", "0", None), ("always 0 0 0", "0", None),
        ("always -5 0", "0", None), ("always 9999999999999999 1", "0", None), ("always 0 2", "0", None),
        ("always\0 0 0", "0", GRACE_S), ("* * *", "0", None),
    ],
)  # fmt: skip
def test_a_run_that_has_ended_ends_the_instance_as_it_was_started_to(root, upkeep, ends, status, seconds):
    root.run("abc", pid="7\n", status=f"{status:<7}\n", ends=f"{ends}\n")
    upkeep()
    assert seconds_to_end(root) == seconds


def test_the_end_of_a_run_stays_where_it_is_even_when_it_has_passed(root, upkeep):
    """The guard tries to end the instance from then on: a later end would stop it."""
    root.run("abc", status="0\n", ends="always 0 0\n")
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


def test_a_run_without_an_end_ends_nothing(root, upkeep):
    root.run("abc", status="0\n")
    upkeep()
    assert seconds_to_end(root) is None


@pytest.mark.parametrize("home", ["/srv/people/ann", "/data/a b", "/", "/home/user"])
def test_the_runs_of_every_login_count_wherever_its_home_is(root, upkeep, home):
    root.write("etc/passwd", f"daemon:x:1:1::/usr/sbin:/bin/sh\nann:x:1001:1001:Ann:{home}:/bin/sh\nbroken:x:{home}\n")
    run = root.run("abc", home=home.strip("/"), status="0\n", ends="always 0 0\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S
    (run / "ends").unlink()
    upkeep()
    assert seconds_to_end(root) is None


def test_it_waits_for_other_runs_and_begins_anew_when_one_is_started(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0\n")
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
    root.run("abc", status="0\n", ends="always 0 0\n")
    running(root, "jupyter-1a2b3c4d", 50)
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_a_run_that_came_and_went_between_two_ticks_gets_its_own_hold(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0\n")
    upkeep()
    root.run("def", status="0\n", ends="always 7200 1\n")
    upkeep()
    assert seconds_to_end(root) == 7200


def test_pulled_files_make_the_end_sooner(root, upkeep):
    folder = root.run("abc", status="0\n", ends="always 7200 1\n")
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
    root.run("abc", status="0\n", ends="always 7200 1\n")
    upkeep()
    upkeep(7000)
    assert seconds_to_end(root) == 200
    root.write("proc/sys/kernel/random/boot_id", "another\n")
    upkeep()
    assert root.text("end-run") == f"{END} another {root.up + 7200} run\n"


def test_a_run_that_never_began_neither_ends_the_instance_nor_keeps_it(root, upkeep):
    root.run("abc", ends="always 0 0\n")
    upkeep()
    assert seconds_to_end(root) is None
    root.run("def", status="0\n", ends="always 0 0\n")
    upkeep()
    assert seconds_to_end(root) == GRACE_S


def test_somebody_who_types_delays_it_by_ten_minutes_at_most_and_is_told(root, upkeep, wait_until):
    terminal = root.top / "dev/pts/0"
    root.run("abc", status="0\n", ends="always 0 0\n")
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
    root.run("abc", status="0\n", ends="always 0 0\n")
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
    (root.run("linked", status="0\n") / "ends").symlink_to(root.write("elsewhere", "always 0 0\n"))
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
    root.run("abc", status="0\n", ends="always 0 0\n")
    for number in range(2000):
        (root.top / f"root/.gpu-shopper/runs/z{number}").mkdir()
    upkeep()
    assert seconds_to_end(root) is None


def test_a_disk_that_takes_nothing_gives_no_early_end(root, upkeep):
    root.run("abc", status="0\n", ends="always 0 0\n")
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
    root.run("abc", status="0\n", ends=f"always {hold} 1\n")
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


def hook(root: FixtureRoot) -> Path:
    root.write("root/.gs-guard/before-end", "echo saved; echo $HOME; exit 4\n")
    return root.top / "root/.gpu-shopper/runs/before-end"


def deadline_in(root: FixtureRoot, seconds: int) -> None:
    root.write("root/.gs-guard/state", f"{END} 3 {seconds} 60 {END} {root.up} {BOOT}\n")


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
    root.run("abc", status="0\n", ends="always 0 0\n")
    upkeep()
    wait_until((folder / "status").exists, 10)
    (folder / "status").unlink()
    upkeep()
    assert seconds_to_end(root) == GRACE_S - TICK_S


def test_endless_output_of_the_hook_is_cut(root, upkeep, wait_until):
    folder = hook(root)
    root.write("root/.gs-guard/before-end", "head -c 30000000 /dev/zero\n")
    deadline_in(root, 100)
    upkeep()
    wait_until((folder / "status").exists, 20)
    wait_until(lambda: (folder / "out").stat().st_size == 20_000_000, 20)


@pytest.mark.parametrize("text", ["", "garbage", f"{END} 3 x 60 {END} 1000 {BOOT}", f"9 3 10 60 9 1000 {BOOT}",
                                  f"{END} 3 10 60 {END} 1000 another"])  # fmt: skip
def test_a_damaged_or_former_deadline_starts_no_hook(root, upkeep, text):
    folder = hook(root)
    root.write("root/.gs-guard/state", f"{text}\n")
    upkeep()
    assert not folder.exists()


def test_no_end_that_waits_to_be_pulled_is_later_than_the_deadline(root, upkeep):
    root.limits(hold=2_678_400)
    deadline_in(root, 4000)
    root.run("abc", status="0\n", ends="always 2678400 1\n")
    upkeep()
    assert seconds_to_end(root) == 4000 - 2 * TICK_S
    assert f"ends in {4000 - 3 * TICK_S} s" in upkeep(TICK_S, "done")


def test_the_hook_runs_as_long_before_the_deadline_as_is_asked_for(root, upkeep, wait_until):
    folder = hook(root)
    root.limits(land=1800)
    deadline_in(root, 1700)
    upkeep()
    wait_until((folder / "status").exists)
