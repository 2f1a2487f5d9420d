"""The commands against a real daemon and a real market: stdout, stderr, exit status, JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MONEY = re.compile(r"-?\d+\.\d{6}")
GPU = ("--gpu", "RTX 4090", "--hours", "2")

READING = {
    "audit": "instances",
    "audit log": "acts",
    "keys": "keys",
    "config show": "settings",
    "sandbox status": "dialects",
    "sandbox ledger": "creates",
    "sandbox fault list": "faults",
    "sandbox fault words": "words",
}
"""Without what tests/cli/test_schemas.py holds against its schema, while a session runs."""


@pytest.fixture(scope="module")
def rented(market: Shell) -> str:
    """One session that is ready."""
    ran = market("provision", *GPU, "--name", "held", "--yes")
    assert ran.code == 0, ran.err
    return "held"


def walk(value: object, name: str = ""):
    """Every field of a document with its name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, name)
    else:
        yield name, value


@pytest.mark.parametrize("words", READING)
def test_every_reading_command_answers_in_json(inside: Inside, rented: str, words: str):
    ran = inside(*words.split(), "--json")
    assert ran.code == 0, ran.err
    found = ran.json
    assert found["schema"] == 1
    assert READING[words] in found
    for name, value in walk(found):
        if value is not None and name.endswith("_at"):
            assert RFC3339.fullmatch(value), (name, value)
        if value is not None and name.endswith("_usd"):
            assert MONEY.fullmatch(value), (name, value)


def test_the_contract_of_the_sandbox_status(inside: Inside):
    found = inside("sandbox", "status", "--json").json
    assert found["dialects"]["vast"]["url"].startswith("http://127.0.0.1:")
    assert found["dialects"]["vast"]["keys"]["api_key"]
    assert found["home"] == str(inside.home / "sandbox")


def test_provision_plans_rents_and_prints_the_session(inside: Inside):
    ran = inside("provision", *GPU, "--name", "one", "--yes")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[0].startswith("Cost: at most $") or ran.err.startswith("Cost: $")
    assert "ready in " in ran.err
    assert "none (simulated instances)" in ran.err
    lines = ran.out.splitlines()
    assert lines[0].split()[:2] == ["NAME", "STATUS"]
    assert lines[1].split()[:2] == ["one", "running"]
    assert "daemon (simulated)" in lines[1]

    ended = inside("shutdown", "one", "--yes")
    assert (ended.code, ended.out.split()[:2]) == (0, ["one", "off"]), ended.err
    assert "no longer listed by Vast.ai; verifying in the background" in ended.err
    assert "destroyed" not in ended.out + ended.err

    proven = inside("shutdown", "one", "--yes", "--wait", "proven", "--json")
    assert (proven.code, proven.json["sessions"][0]["end_stage"]) == (0, "proven")
    receipt = inside("receipt", "one")
    assert receipt.code == 0
    assert "destroyed: the cloud no longer lists it" in receipt.out
    found = inside("get", "one", "--receipt", "--json").json
    assert found["complete"] is True
    assert [row["receipt"]["kind"] for row in found["receipts"]][-1] == "proven"


def test_a_session_without_receipt_is_not_called_destroyed(inside: Inside, rented: str):
    ran = inside("receipt", rented)
    assert ran.code == 8
    assert "it has not been ended" in ran.err


def test_a_prefix_names_a_session(inside: Inside, rented: str):
    assert inside("get", "hel", "-o", "name").out == "held\n"


def test_extend_moves_the_end(inside: Inside, rented: str):
    before = inside("get", rented, "--json").json["session"]["deadline_at"]
    ran = inside("extend", rented, "--for", "30m", "--yes")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("held now ends ")
    assert inside("get", rented, "--json").json["session"]["deadline_at"] > before


def test_without_a_terminal_money_and_ends_need_yes(inside: Inside, rented: str):
    for words in (["provision", *GPU], ["shutdown", rented], ["done", rented], ["shutdown", "--all"]):
        ran = inside(*words)
        assert ran.code == 2, words
        assert "--yes" in ran.err
    assert inside("get", rented, "--json").json["session"]["status"] == "running"


def test_without_a_terminal_shutdown_wants_names_or_all(inside: Inside, rented: str):
    ran = inside("shutdown", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "--all" in ran.err


def test_dry_runs_do_nothing(inside: Inside, rented: str):
    count = len(inside("ls", "-a", "--json").json["sessions"])
    plan = inside("provision", *GPU, "--dry-run", "--json")
    assert (plan.code, plan.json["dry_run"]) == (0, True)
    assert inside("shutdown", rented, "--dry-run").code == 0
    after = inside("ls", "-a", "--json").json["sessions"]
    assert len(after) == count
    assert [s["status"] for s in after if s["name"] == rented] == ["running"]


def test_an_unknown_gpu_is_3_with_close_names(inside: Inside):
    ran = inside("provision", "--gpu", "RTX 499", "--yes")
    assert ran.code == 3
    assert "RTX 4090" in ran.err


def test_an_unknown_session_is_3_also_as_json(inside: Inside):
    ran = inside("get", "nosuch", "--json")
    assert (ran.code, ran.out) == (3, "")
    error = json.loads(ran.err.splitlines()[-1])
    assert (error["schema"], error["error"]["exit"]) == (1, 3)


def test_no_wait_says_accepted_only(inside: Inside):
    ran = inside("provision", *GPU, "--name", "two", "--yes", "--no-wait")
    assert ran.code == 0, ran.err
    assert "Accepted" in ran.err
    ended = inside("shutdown", "two", "--yes", "--no-wait")
    assert ended.code == 0, ended.err
    assert "accepted" in ended.err
    assert "destroyed" not in ended.out + ended.err


def test_a_killed_daemon_is_restarted_and_the_request_continues(market: Shell, rented: str):
    pid = market("daemon", "status", "--json").json["pid"]
    os.kill(pid, signal.SIGKILL)
    ran = market("extend", rented, "--for", "1m", "--yes", "--json")
    assert ran.code == 0
    assert "starting the daemon" in ran.err
    assert market("daemon", "status", "--json").json["pid"] != pid


def test_ctrl_c_ends_the_command_and_not_the_session(market: Shell, rented: str, wait_until: Callable[..., None]):
    process = subprocess.Popen(
        [sys.executable, "-m", "gpushopper.cli", "--sandbox", "events", "--follow"],
        env={**os.environ, "GPU_SHOPPER_HOME": str(market.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert market("get", rented, "--json").json["session"]["status"] == "running"


def test_an_output_pipe_closed_early_is_no_error(market: Shell, rented: str):
    process = subprocess.Popen(
        f"{sys.executable} -m gpushopper.cli --sandbox events | head -1",
        shell=True,
        env={**os.environ, "GPU_SHOPPER_HOME": str(market.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = process.communicate(timeout=60)
    assert len(out.splitlines()) == 1
    assert [line for line in err.splitlines() if not line.startswith(b"alarm ")] == []


def test_a_narrow_terminal_cuts_no_name_and_wide_cuts_nothing(market: Shell, rented: str):
    session = market("get", rented, "--json").json["session"]["id"]

    def shown(words: str) -> str:
        done = subprocess.run(
            ["script", "-qec", f"{sys.executable} -m gpushopper.cli --sandbox {words}", "/dev/null"],
            env={**os.environ, "GPU_SHOPPER_HOME": str(market.home), "COLUMNS": "50", "TERM": "xterm"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return done.stdout

    assert rented in shown("ls")
    wide = shown("ls -o wide")
    assert session in wide and "…" not in wide


def test_tables_off_a_terminal_are_plain(inside: Inside, rented: str):
    for words in (["ls"], ["status"], ["costs"], ["inventory", "--gpu", "RTX4090", "--limit", "10"]):
        assert "\x1b" not in inside(*words).out
    assert "\x1b[" in inside("ls", "--color", "always").out


def test_jsonl_has_one_row_per_line(inside: Inside, rented: str):
    rows = [json.loads(line) for line in inside("ls", "-o", "jsonl").out.splitlines()]
    assert rented in [row["name"] for row in rows]
    assert {row["schema"] for row in rows} == {1}


def test_the_audit_log_is_checked(inside: Inside, rented: str, wait_until: Callable[..., None]):
    path = inside.home / "sandbox" / "audit.jsonl"
    wait_until(lambda: "created" in inside("audit", "log", "-s", rented).out)
    shown = inside("audit", "log")
    assert (shown.code, shown.err) == (0, "") and "held  requested: held: RTX 4090 for" in shown.out
    assert inside("audit", "log", "-o", "jsonl", "-n", "1").out.count("\n") == 1
    whole = inside("audit", "log", "--verify", "--json")
    assert whole.code == 0 and whole.json["ok"] and whole.json["problems"] == [] and whole.json["compared"] > 3
    head, text = whole.json["head"], path.read_text()
    assert inside("audit", "log", "--verify", "--head", head[:16]).code == 0
    assert inside("audit", "log", "--verify", "--head", "0" * 16).code == 9
    for wrong in (("--head", head), ("--verify", "--head", head[:15]), ("--verify", "--head", "no-digest-at-all!")):
        assert inside("audit", "log", *wrong).code == 2
    try:
        path.write_text(text.replace("RTX 4090", "RTX 5090", 1))
        ran = inside("audit", "log", "--verify")
        assert ran.code == 9 and "does not follow from the one before" in ran.out and "differs" in ran.out
        assert "the audit log is not whole" in ran.err
        path.rename(path.with_name("aside"))
        assert inside("audit", "log").code == 3
        path.with_name("aside").rename(path)
    finally:
        path.write_text(text)


def test_files_in_the_home_are_private(inside: Inside, rented: str):
    """F110: nothing that the command line writes can be read by others."""
    top = inside.home / "sandbox"
    for path in (top, *top.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_stopping_the_daemon_says_what_may_still_bill(market: Shell, rented: str):
    ran = market("daemon", "stop")
    assert (ran.code, ran.out) == (0, "stopped\n")
    assert "may still bill: held" in ran.err
    assert market("daemon", "status").code == 5
    audited = market("audit")  # by itself, without a daemon
    assert audited.code == 0, audited.err
    assert "held" in audited.out
    assert market("daemon", "start").out.startswith("started")
    assert market("daemon", "start").out.startswith("already running")


def test_a_stop_is_a_stop_though_another_command_starts_it_again(market: Shell, rented: str):
    follower = subprocess.Popen(
        [sys.executable, "-m", "gpushopper.cli", "--sandbox", "events", "--follow"],
        env={**os.environ, "GPU_SHOPPER_HOME": str(market.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with follower:
        assert follower.stdout is not None and follower.stdout.readline()
        ran = market("daemon", "stop")
        follower.kill()
    assert (ran.code, ran.out) == (0, "stopped\n")
    assert market("get", rented, "--json").json["session"]["status"] == "running"


def test_every_fault_word_that_is_listed_is_taken_with_an_argument_of_its_form(inside: Inside, rented: str):
    """`sandbox fault words` is the reference of `sandbox fault add`."""
    examples = {
        "which": "id:text", "a time: 90s": "90s", "a time: 2s, or 2s-70s": "2s-70s", "calls in a time": "10/1s",
        "a number": "2", "a time: +90s, or -1d": "-1d", "none or stop": "stop",
    }  # fmt: skip
    words = inside("sandbox", "fault", "words", "--json").json["words"]
    assert len(words) > 60
    for row in words[::8]:
        if row["calls"] == ["host"] or "vast" in row["without"]:
            continue
        given = [examples.get(row["argument"], "listed")] if row["argument"] else []
        ran = inside("sandbox", "fault", "add", "vast", row["calls"][0], row["word"], *given, "--count", "1")
        assert ran.code == 0, (row, ran.err)
        assert inside("sandbox", "fault", "clear").code == 0


def test_an_end_that_cannot_be_verified_is_8_and_may_bill(inside: Inside, rented: str):
    """Last, because it ends the session that the others look at."""
    assert inside("sandbox", "fault", "add", "vast", "destroy", "ack_noop", "1000").code == 0
    try:
        late = inside("shutdown", rented, "--yes", "--timeout", "2s")
    finally:
        assert inside("sandbox", "fault", "clear").code == 0
    assert late.code == 8
    assert "may still bill" in late.out
    assert "may still bill" in late.err
    assert "destroyed" not in late.out + late.err
