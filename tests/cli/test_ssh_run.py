"""`run` and `logs`: work that goes on without us, its status, its outputs, its secrets (I21)."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.ssh_stage import Stage
from tests.core.test_shell_environment import HOSTILE

pytestmark = pytest.mark.proofs

Started = Callable[..., "subprocess.Popen[bytes]"]
Wait = Callable[..., None]
LOOSE_S = 60
SECRET = "a canary 'quoted' $HOME"


def file(stage: Stage, run: str, name: str) -> Path:
    return stage.host.home / ".gpu-shopper" / "runs" / run / name


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_the_status_is_the_commands(stage: Stage, status: int):
    assert stage("run", "train", "--", "sh", "-c", f"exit {status}").code == status


def test_stdout_and_stderr_arrive_separately_and_unchanged(stage: Stage):
    found = stage("run", "train", "--", "printf 'O 5\\nS 0\\nno end'; printf 'E 3\\nerr' >&2; exit 3")
    assert found == (3, "O 5\nS 0\nno end", "E 3\nerr")


def test_a_large_output_is_complete(stage: Stage):
    found = stage("run", "train", "--", "seq 1 200000")
    assert found.code == 0 and found.out == "".join(f"{number}\n" for number in range(1, 200001))


def test_output_of_login_scripts_does_no_harm(stage: Stage):
    stage.host.stop()
    stage.host.start("--instead", 'echo Welcome; echo "O 3"; eval "$SSH_ORIGINAL_COMMAND"')
    stage.remote.forget_attempt("attempt1")
    assert stage("run", "train", "--", "echo hello").out == "hello\n"


def test_a_run_has_no_input_and_starts_in_the_home_folder(stage: Stage):
    found = stage("run", "train", "--", "cat; pwd", stdin="not for it")
    assert found.out == f"{stage.host.home}\n"


def test_a_command_is_needed(stage: Stage):
    assert stage("run", "train").code == 125
    assert stage("run", "train", "--rm", "--detach", "--", "true").code == 125


# ---- without us


def test_a_detached_run_continues_and_can_be_followed(stage: Stage):
    begun = stage("run", "train", "--detach", "--", "echo one; until [ -f go ]; do sleep 0.1; done; echo two; exit 4")
    run = begun.out.strip()
    assert begun.code == 0 and run in begun.err
    found = stage("logs", "train")
    assert (found.code, found.out) == (0, "one\n") and "still running" in found.err
    (stage.host.home / "go").touch()
    found = stage("logs", "train", run, "-f")
    assert (found.code, found.out) == (0, "one\ntwo\n") and "status 4" in found.err


def test_a_run_survives_its_command_and_its_connection(stage: Stage, started: Started, wait_until: Wait):
    process = started("run", "train", "--", "echo begun; until [ -f go ]; do sleep 0.1; done; echo done >there")
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGKILL)
    process.wait(LOOSE_S)
    stage.remote.forget_attempt("attempt1")
    (stage.host.home / "go").touch()
    wait_until((stage.host.home / "there").exists, timeout_s=LOOSE_S)


def test_a_lost_connection_is_reopened_and_nothing_is_shown_twice(stage: Stage, started: Started):
    line = "echo one; until [ -f go ]; do sleep 0.1; done; echo two; exit 6"
    process = started("run", "train", "--", line)
    assert process.stdout is not None and process.stdout.readline() == b"one\n"
    stage.remote.forget_attempt("attempt1")  # ends the shared connection under it
    (stage.host.home / "go").touch()
    out, err = process.communicate(timeout=LOOSE_S)
    assert (process.returncode, out) == (6, b"two\n")
    assert b"the run continues" in err or b"lost" in err


def test_an_interrupt_leaves_it_running_and_says_so(stage: Stage, started: Started):
    process = started("run", "train", "--rm", "--", "echo begun; exec sleep 600")
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LOOSE_S)
    assert process.returncode == 130
    assert b"continues on train" in err and b"gpu-shopper shutdown train" in err
    assert "POST sessions/session1/done" not in stage.asked
    assert "still running" in stage("logs", "train").err


def test_a_run_that_ended_without_a_status_is_reported(stage: Stage, wait_until: Wait):
    run = stage("run", "train", "--detach", "--", "echo begun; exec sleep 600").out.strip()
    pid = file(stage, run, "pid").read_text().strip()
    assert stage("ssh", "train", "--", "kill", "-9", f"-{pid}").code == 0  # the command and what watches it
    found = stage("logs", "train", "-f")
    assert (found.code, found.out) == (1, "begun\n") and "without a status" in found.err


def test_runs_are_listed_newest_first(stage: Stage):
    first = stage("run", "train", "--detach", "--", "until [ -f go ]; do sleep 0.1; done; exit 3").out.strip()
    run = stage("run", "train", "--detach", "--", "sleep 600 # \x1b[31m").out.strip()
    (stage.host.home / "go").touch()
    stage("logs", "train", first, "-f")
    found = stage("logs", "train", "--list", "--json").json["runs"]
    assert [(row["run"], row["status"]) for row in found] == [(run, "running"), (first, "3")]
    assert run in stage("logs", "train").err
    assert "\x1b" not in stage("logs", "train", "--list").out


@pytest.mark.parametrize("run", ["nonesuch", "../../x", "a b"])
def test_an_unknown_run_is_reported(stage: Stage, run: str):
    found = stage("logs", "train", run)
    assert found.code == 3 and "no run" in found.err


def test_a_start_that_is_repeated_starts_once(stage: Stage):
    from gpushopper.cli.remote import runs
    from gpushopper.client import JsonObject

    for _ in range(3):
        runs.start(JsonObject(stage.connection()), "same", "echo x >>times", {})  # type: ignore[arg-type]
    stage("logs", "train", "same", "-f")
    assert (stage.host.home / "times").read_text() == "x\n"


PLANTED = "".join(f"export {name}={shlex.quote(text)}; " for name, text in HOSTILE.items() if name != "SHELLOPTS")
"""What a login shell reads of what `provision -e` planted, before our command."""


def test_the_users_variables_block_no_run(stage: Stage):
    """`-e PATH=/opt/conda/bin`: the wrapper found no program, and the run hung as `running` for ever."""
    stage.host.stop()
    stage.host.start("--instead", f'{PLANTED}eval "$SSH_ORIGINAL_COMMAND"')
    stage.remote.forget_attempt("attempt1")
    found = stage("run", "train", "--", 'echo "$PATH"; exit 4')
    assert (found.code, found.out) == (4, "/opt/conda/bin\n")
    assert [row["status"] for row in stage("logs", "train", "--list", "--json").json["runs"]] == ["4"]


def test_a_missing_detached_command_is_reported(stage: Stage):
    found = stage("run", "train", "--detach", "--", "nosuch-program")
    assert found.code == 127 and "could not be run" in found.err
    assert [row["status"] for row in stage("logs", "train", "--list", "--json").json["runs"]] == ["127"]


def test_a_run_that_did_not_start_is_reported_and_not_listed(stage: Stage):
    (stage.host.home / ".gpu-shopper").mkdir()
    (stage.host.home / ".gpu-shopper" / "environment").write_text("exit 1\n")
    found = stage("run", "train", "--detach", "--", "true")
    assert found.code == 125 and found.out == "" and "did not start" in found.err
    assert stage("logs", "train", "--list", "--json").json["runs"] == []
    assert stage("logs", "train").code == 3


def test_a_run_whose_start_was_cut_off_is_not_running(stage: Stage):
    (folder := file(stage, "cut", "out").parent).mkdir(parents=True)
    for name in ("command", "out", "err"):
        (folder / name).touch()
    assert [row["status"] for row in stage("logs", "train", "--list", "--json").json["runs"]] == ["not started"]
    found = stage("logs", "train", "cut")
    assert found.code == 1 and "was never started" in found.err


# ---- ending the session


def test_rm_ends_the_session_and_returns_the_commands_status(stage: Stage):
    found = stage("run", "train", "--rm", "--", "false")
    assert found.code == 1
    assert "POST sessions/session1/done" in stage.asked
    assert "ended with status 1" in found.err and "no longer listed" in found.err


def test_an_instance_that_can_ends_itself_after_the_run_and_nothing_here_does(stage: Stage):
    stage.after_run = "instance"
    found = stage("run", "train", "--rm=success", "--", "cat .gpu-shopper/runs/*/ends")
    assert (found.code, found.out) == (0, "success 0 0 655738840\n")
    assert "train ends itself" in found.err and "If the run fails, it is kept for 1m." in found.err
    assert [asked.split("/")[0] for asked in stage.asked if not asked.startswith("GET")] == ["PUT sessions"]


def test_where_nothing_there_can_end_it_a_detached_run_is_refused(stage: Stage):
    found = stage("run", "train", "-d", "--rm", "--", "true")
    assert found.code == 125 and "cannot end itself after a run" in found.err
    assert not (stage.host.home / ".gpu-shopper").exists()


def test_runs_are_listed_stopped_and_the_end_of_an_output_is_shown(stage: Stage):
    run = stage("run", "train", "-d", "--", "seq 1 100; exec sleep 600").out.strip()
    assert stage("logs", "train", "--tail", "2").out == "99\n100\n"
    assert stage("run", "stop", "train", run).out == f"{run}  stopped  status 143\n"
    (row,) = stage("run", "ls", "train", "--json").json["runs"]
    assert (row["status"], row["ends_session"]) == ("143", False) and row["duration_seconds"] >= 0
    assert stage("run", "stop", "train", "nosuch").code == 3
    assert stage("run", "ls", "--", "true").code == 125


def test_a_run_can_be_waited_for_and_its_status_passed_on(stage: Stage):
    run = stage("run", "train", "-d", "--", "sh", "-c", "sleep 1; exit 4").out.strip()
    waiting = stage("wait", "train", "--for", f"run:{run}")
    assert (waiting.code, waiting.out) == (0, f"{run}  exit 4\n")
    assert stage("wait", "train", "--for", f"run:{run}", "--exit-status").code == 4
    assert stage("wait", "train", "--for", "run:nosuch1").code == 3
    long = stage("run", "train", "-d", "--", "sleep", "60").out.strip()
    assert stage("wait", "train", "--for", f"run:{long}", "--timeout", "1s").code == 124


def test_a_session_that_cannot_be_ended_is_reported(stage: Stage):
    stage.done_refusal = {"code": "x", "message": "the disk is full", "hint": "", "exit": 1}
    found = stage("run", "train", "--rm", "--", "true")
    assert found.code == 125 and "was not ended and bills" in found.err


def test_without_rm_the_session_stays(stage: Stage):
    stage("run", "train", "--", "true")
    assert not [asked for asked in stage.asked if not asked.startswith("GET")]


# ---- variables


def test_variables_reach_the_command(stage: Stage):
    words = ("--env", "A=x y", "-e", "B=it's=$1", "--secret-env", "TOKEN")
    found = stage("run", "train", *words, "--", 'printf "%s|%s|%s" "$A" "$B" "$TOKEN"', TOKEN=SECRET)
    assert found.out == f"x y|it's=$1|{SECRET}"


def test_a_secret_is_in_no_argument_list_and_no_file(stage: Stage, started: Started):
    process = started("run", "train", "--secret-env", "TOKEN", "--", "echo begun; exec sleep 600", TOKEN=SECRET)
    assert process.stdout is not None and process.stdout.readline() == b"begun\n"
    arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert any(b"exec sleep 600" in text for text in arguments)
    assert not [text for text in arguments if b"a canary" in text]
    written = [path for top in (stage.host.top, stage.home.data) for path in top.rglob("*") if path.is_file()]
    assert not [path for path in written if b"a canary" in path.read_bytes()]
    assert not [request for request in stage.peer.requests if b"a canary" in request]


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--env", "A"), "no value"), (("--env", "1A=x"), "not a variable name"), (("--secret-env", "NOT_SET"),
    "no such variable"),
     (("--secret-env", "A=secret"), "takes a name only"), (("--env", "A;id=x"), "not a variable name")],
)  # fmt: skip
def test_an_invalid_variable_is_refused_before_anything_starts(stage: Stage, words: tuple[str, ...], said: str):
    found = stage("run", "train", *words, "--", "true")
    assert found.code == 125 and said in found.err
    assert stage.asked == []
