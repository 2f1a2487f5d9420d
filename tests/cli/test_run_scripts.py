"""The scripts of `run` and `logs` in the shells that images have, as a login runs them: only in a home of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gpushopper.cli.remote import run_control, run_scripts
from gpushopper.core.model.run_folder import Run, read_row
from gpushopper.core.model.shell_environment import exports
from gpushopper.core.timing.clock_snapshot import SECOND
from tests.core.test_shell_environment import HOSTILE, SHELLS

LIMIT_S = 180
Wait = Callable[..., None]
FULL_DISK = "mount -t tmpfs -o size=64k none {home}; {first}; exec {shell}"
FILL = "cat /dev/zero >{home}/full 2>/dev/null"
NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


class There:
    """A user's home on an instance, and the shell that scripts are given to."""

    def __init__(self, home: Path, shell: list[str]) -> None:
        self.home, self.words = home, [*shell, "-s"]
        self.variables: dict[str, str] = {}

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": os.defpath, "HOME": str(self.home), "SHELL": "/bin/sh", **self.variables}
        return subprocess.run(
            self.words, input=script, env=variables, executable=shutil.which(self.words[0]), cwd=self.home,
            capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

    def start(
        self, line: str, given: Mapping[str, str] | None = None, run: str = "a1", checks: int = 0
    ) -> subprocess.CompletedProcess[str]:
        return self.sh(run_scripts.start_script(run, line, exports(given or {}), checks=checks))

    def follow(self, run: str = "a1", *, until_end: bool = True) -> str:
        return self.sh(run_scripts.follow_script(run, 0, 0, "mark", until_end=until_end)).stdout

    def rows(self) -> dict[str, Run]:
        """The runs by id, the newest first; now is 1970."""
        found = [read_row(line, 0) for line in self.sh(run_control.list_script()).stdout.splitlines()]
        return {row.run: row for row in found if row is not None}

    def listed(self) -> dict[str, str]:
        return {run: row.status for run, row in self.rows().items()}

    def plant(self, variables: Mapping[str, str]) -> None:
        """Plant variables as `provision -e` does."""
        (self.home / ".gpu-shopper").mkdir()
        (self.home / ".gpu-shopper" / "environment").write_text(exports(variables))

    def folder(self, run: str = "a1") -> Path:
        return self.home / ".gpu-shopper" / "runs" / run


# One shell each time; all of them where processes may take longer.
@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.proofs if name != "dash" else ()) for name in SHELLS])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> There:
    return There(tmp_path, SHELLS[request.param])


def test_a_run_sends_outputs_and_status(there: There):
    assert there.start("printf out; printf err >&2; exit 7").returncode == 0
    assert there.follow() == "B mark\nI a1\nO 3\noutE 3\nerrS 7\n"
    assert there.listed() == {"a1": "7"}


SEEN = {name: text for name, text in HOSTILE.items() if name not in ("SHELLOPTS", "UID", "SEVERAL")}
"""The shell itself gives SHELLOPTS and UID their values; one with several lines is refused before."""


@pytest.mark.parametrize("where", ["planted", "given", "of the login"])
def test_the_command_sees_the_users_variables_and_the_scripts_do_not(there: There, where: str):
    hostile = {**HOSTILE, "LD_PRELOAD": ""}
    if where == "planted":
        there.plant(hostile)
    if where == "of the login":
        there.variables = hostile
    show = " ".join(f'"${name}"' for name in SEEN if name != "IFS")
    assert there.start(f"printf '%s|' {show}; exit 3", hostile if where == "given" else {}).stderr.count("read") == 0
    frames = there.follow()
    there.variables = hostile if where != "given" else {}
    assert "|".join(text for name, text in SEEN.items() if name != "IFS") in frames
    assert frames.endswith("S 3\n")
    assert there.listed() == {"a1": "3"}


@pytest.mark.parametrize(("line", "status"), [("nosuch-program --x", "127"), ("/etc/passwd", "126"), ("./a/b", "127")])
def test_the_start_reports_a_missing_command(there: There, line: str, status: str):
    done = there.start(line, checks=50)
    assert done.stdout == f"{run_scripts.FAILED_AT_ONCE} {status}\n"
    assert line.split(maxsplit=1)[0] in done.stderr
    assert there.listed() == {"a1": status}


def test_a_command_that_fails_counts_as_started(there: There):
    assert there.start("exit 1", checks=50).stdout == ""


@pytest.mark.parametrize("text", ["exit 1\n", "if then fi\n", "export PATH=/nowhere; exec /nowhere/x\n"])
def test_a_run_that_did_not_start_is_reported_and_not_listed(there: There, text: str):
    """What is planted can be damaged: the wrapper does not begin, and nothing says `running` for ever."""
    (there.home / ".gpu-shopper").mkdir()
    (there.home / ".gpu-shopper" / "environment").write_text(text)
    done = there.start("true")
    assert done.returncode == 1 and "it did not start" in done.stderr
    assert there.listed() == {}
    assert there.follow() == "B mark\nN\n"


def test_a_folder_without_a_run_is_not_running(there: There):
    """The connection, or the instance, went away while it was started."""
    there.folder().mkdir(parents=True)
    (there.folder() / "command").write_text("true\n")
    for name in ("out", "err"):
        (there.folder() / name).touch()
    assert there.listed() == {"a1": "not started"}


def test_a_killed_run_is_lost(there: There, wait_until: Wait):
    there.start("exec sleep 600")
    assert there.listed() == {"a1": "running"}
    assert there.follow(until_end=False).endswith("R\n")
    pid = int((there.folder() / "pid").read_text())
    os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: there.listed() == {"a1": "lost"}, timeout_s=LIMIT_S)
    assert there.follow().endswith("L\n")


def test_a_start_that_is_repeated_starts_once(there: There):
    for _ in range(3):
        assert there.start("echo x >>times").returncode == 0
    there.follow()
    assert (there.home / "times").read_text() == "x\n"


def test_a_home_without_write_permission_is_reported(there: There):
    (there.home / ".gpu-shopper").write_text("a file in the folder's place")
    done = there.start("true")
    assert done.returncode != 0 and ".gpu-shopper" in done.stderr


def on_a_full_disk(there: There, first: str) -> None:
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False, timeout=LIMIT_S)
    if tried.returncode:
        pytest.skip("no namespaces to lay a small disk in")
    there.words = [*NAMESPACES, FULL_DISK.format(home=there.home, first=first, shell=shlex.join(there.words))]


def test_on_a_full_disk_a_failed_start_is_reported_and_not_listed(there: There):
    on_a_full_disk(there, FILL.format(home=there.home))
    script = run_scripts.start_script("a1", "true", "", checks=0)
    done = there.sh(f"({script}\n)\necho status $?\n({run_control.list_script()})\n")
    assert done.stdout == "status 1\n" and "is its disk full?" in done.stderr


def test_a_status_is_written_on_a_full_disk(there: There):
    on_a_full_disk(there, ":")
    script = run_scripts.start_script("a1", f"{FILL.format(home=there.home)}; exit 5", "", checks=0)
    done = there.sh(f"({script}\n)\n({run_scripts.follow_script('a1', 0, 0, 'mark', until_end=True)})\n")
    assert done.stdout.endswith("S 5\n")


# ---- ends of runs, `run ls`, `run stop`, `logs --tail`


def test_what_ends_the_instance_is_there_before_the_run_starts(there: There):
    there.variables = {"ENDS": "always 0 0"}
    script = run_scripts.start_script("a1", "cat .gpu-shopper/runs/a1/ends", "", checks=0, ends="success 600 1")
    assert there.sh(script).returncode == 0
    assert "success 600 1" in there.follow()
    assert there.rows()["a1"].ends and there.rows()["a1"].status == "0"


def test_without_room_for_its_end_the_run_is_not_started(there: There):
    """A folder in the file's place: the run and its end are there together, or neither is (ends.md E6)."""
    script = run_scripts.start_script("a1", "touch started", "", checks=0, ends="always 0 0")
    done = there.sh(script.replace('>"$d/ends"', '>"$d/no/ends"'))
    assert done.returncode == run_scripts.NOT_STARTED
    assert there.listed() == {} and not (there.home / "started").exists()


def test_a_list_says_when_each_run_began_and_how_long_it_took(there: There):
    there.start("exit 3", run="old")
    there.follow("old")
    command = there.folder("old") / "command"
    os.utime(command, (command.stat().st_mtime - 600,) * 2)
    there.start("exec sleep 600", run="new")
    rows = there.rows()
    assert list(rows) == ["new", "old"] and rows["old"].status == "3" and rows["new"].ended_at is None
    assert rows["old"].started_at is not None and rows["old"].ended_at is not None
    assert 600 * SECOND <= rows["old"].ended_at - rows["old"].started_at <= 700 * SECOND
    assert there.sh(run_control.stop_script("new", keep=False)).stdout == "stopped 143 0\n"


def test_a_stop_reaches_the_whole_session_and_its_status_is_kept(there: There, wait_until: Wait):
    there.start("sh -c 'sleep 600 & sleep 601' & echo $! >child; exec sleep 602")
    wait_until((there.home / "child").exists, timeout_s=LIMIT_S)
    assert there.sh(run_control.stop_script("a1", keep=False)).stdout == "stopped 143 0\n"
    child = int((there.home / "child").read_text())
    wait_until(lambda: not Path(f"/proc/{child}").exists(), timeout_s=LIMIT_S)
    assert there.sh(run_control.stop_script("a1", keep=False)).stdout == "over 143 0\n"
    assert there.sh(run_control.stop_script("b2", keep=False)).stdout == "none\n"


def test_a_run_goes_on_while_what_it_started_does_although_its_wrapper_was_killed(there: There, wait_until: Wait):
    """As by the kernel, for want of memory: it is followed, and can be stopped; its status is not known (E6)."""
    there.start("echo begun; sleep 600; echo over")
    os.kill(int((there.folder() / "pid").read_text()), signal.SIGKILL)
    assert there.listed() == {"a1": "running"}
    assert there.follow(until_end=False).endswith("begun\nR\n")
    assert there.sh(run_control.stop_script("a1", keep=False)).stdout == "stopped lost 0\n"
    assert there.listed() == {"a1": "lost"}
    assert there.follow().endswith("begun\nL\n")


def test_a_process_is_asked_to_end_only_once(there: There, wait_until: Wait):
    """A second SIGTERM would cut short the orderly end of many programs."""
    there.start("trap 'echo term >>terms' TERM; echo >ready; for i in 1 2 3 4 5 6; do sleep 1; sleep 0.3; done; exit 5")
    wait_until((there.home / "ready").exists, timeout_s=LIMIT_S)
    assert there.sh(run_control.stop_script("a1", keep=False)).stdout == "stopped 5 0\n"
    assert (there.home / "terms").read_text() == "term\n"


def test_what_does_not_end_on_request_is_killed(there: There):
    there.start("trap '' TERM; echo begun; while :; do sleep 1; done")
    script = run_control.stop_script("a1", keep=False).replace(f"late {run_control.STOP_LIMIT_S}", "late 1")
    assert there.sh(script).stdout == "stopped 137 0\n"


def test_a_stop_may_keep_the_instance(there: There):
    there.sh(run_scripts.start_script("a1", "exec sleep 600", "", checks=0, ends="always 0 0"))
    assert there.sh(run_control.stop_script("a1", keep=True)).stdout == "stopped 143 0\n"
    assert not (there.folder() / "ends").exists()


def test_a_run_that_is_over_is_told_to_end_the_instance_until_that_is_taken_back(there: There):
    """Its end waits for a while, and longer with --hold: that time is for changing one's mind."""
    there.sh(run_scripts.start_script("a1", "true", "", checks=0, ends="always 600 1"))
    there.follow()
    assert there.sh(run_control.stop_script("a1", keep=False)).stdout == "over 0 1\n"
    assert there.sh(run_control.stop_script("a1", keep=True)).stdout == "over 0 0\n"
    assert not (there.folder() / "ends").exists()


def test_a_tail_begins_some_lines_before_the_end(there: There):
    there.start("seq 1 100; echo err >&2")
    there.follow()
    script = run_scripts.follow_script("a1", 0, 0, "mark", until_end=True, last_lines=2)
    assert there.sh(script).stdout == "B mark\nI a1\nP 285 0\nO 7\n99\n100\nE 4\nerr\nS 0\n"
