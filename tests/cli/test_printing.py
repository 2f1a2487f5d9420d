"""Where the words go: readers that leave, full disks, narrow terminals, and commands that work when pasted."""

from __future__ import annotations

import errno
import io
import sys
from pathlib import Path

import pytest

from gpushopper.cli import main, new_app
from gpushopper.cli.commands.money_and_safety.alarms import print_alarms
from gpushopper.cli.output import session_views, tables
from gpushopper.cli.output.alarm_reminder import alarm_lines
from gpushopper.client import JsonObject
from tests.cli.in_process import Stream


@pytest.mark.parametrize("gone", ["stdout", "stderr"])
def test_a_closed_output_pipe_changes_no_exit_status(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, gone: str
):
    """`2>&1 | head` closes both; wherever the command finds that out, its status is the same."""
    monkeypatch.setattr(sys, gone, Refusing(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    words, code = (["config", "show"], 0) if gone == "stdout" else (["shutdown", ""], 2)
    assert main(words) == code
    assert capsys.readouterr() == ("", "")


def test_a_full_disk_under_standard_output_is_a_clear_error(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stdout", Refusing(OSError(errno.ENOSPC, "No space left on device")))
    assert main(["config", "show"]) == 1
    assert capsys.readouterr().err == "error: the disk or quota is full\n  free space\n"


class Refusing(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


@pytest.mark.parametrize(
    ("text", "practice"),
    [
        ("Log in: gpu-shopper ssh a", "Log in: gpu-shopper --sandbox ssh a"),
        ("gpu-shopper ls; gpu-shopper plan -h", "gpu-shopper --sandbox ls; gpu-shopper --sandbox plan -h"),
        ("start it: gpu-shopper sandbox start", "start it: gpu-shopper sandbox start"),
        ("gpu-shopper --sandbox daemon restart", "gpu-shopper --sandbox daemon restart"),
        ("see: gpu-shopper --help", "see: gpu-shopper --help"),
        ("/srv/gpu-shopper data", "/srv/gpu-shopper data"),
    ],
)
def test_a_command_that_is_printed_works_in_the_home_it_was_printed_for(text: str, practice: str):
    app = new_app()
    assert app.with_sandbox_flag(text) == text
    app.use_sandbox = True
    assert app.with_sandbox_flag(text) == practice


def test_hints_in_the_sandbox_include_the_option(home: Path, capsys: pytest.CaptureFixture[str]):
    for words in (["--sandbox", "shutdown", "", "--yes"], ["shutdown", "", "--yes", "--sandbox", "--json"]):
        assert main(words) == 2
        assert "see: gpu-shopper --sandbox ls" in capsys.readouterr().err


def test_a_long_name_leaves_the_other_columns_readable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """On a terminal of 80 columns other columns are left out, and named: a status of one letter would be worse."""
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", "80")
    row = JsonObject(
        name="a" * 40, status="running", health="", provider="vast", gpu="H100", gpu_count=1, guard_state="armed",
        guards="D+I", rate=2, accrued=0, max_cost=9, ended_at=None, deadline_at=10,
        waits_for_account=False,
    )  # fmt: skip
    tables.table(new_app(), [row], session_views.columns(0))
    for word in ("running", "$0.00", "00:00"):
        assert word in out.getvalue()
    assert capsys.readouterr().err == "no room for GPU, CLOUD, GUARDS: -o wide shows all columns\n"
    tables.table(new_app(), [JsonObject({**row, "name": "train"})], session_views.columns(0))
    assert "1x H100" in out.getvalue() and " instance\n" in out.getvalue()
    tables.table(new_app(), [JsonObject({**row, "name": "a" * 60})], session_views.columns(0))
    assert out.getvalue().endswith("GUARDS   daemon+instance\n") and "AT MOST  $0.00" in out.getvalue()


class Terminal(io.StringIO):
    """A terminal, as far as tables ask."""

    def isatty(self) -> bool:
        return True


DIFFERS = "costly: vast has billed $6.29; that is $2.09 more than the $4.20 counted here"


def alarm(number: int, text: str = DIFFERS) -> JsonObject:
    return JsonObject(id=number, kind="bill_differs", raised_at=0, acknowledged_at=None, text=text, hint="look there")


def test_an_alarm_is_never_cut_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", Stream())
    app = new_app()
    app.color = "never"
    print_alarms(app, [alarm(2)], 0)
    lines = out.getvalue().splitlines()
    assert "SINCE" in lines[0] and "WHAT" not in lines[0]
    assert " ".join(" ".join(lines).split()).endswith(f"2: {DIFFERS} look there")
    assert max(map(len, lines[1:])) <= 80


def test_the_reminder_of_alarms_breaks_no_word_and_names_the_command_that_works(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", Stream(is_terminal=True))
    app = new_app()
    app.color, app.use_sandbox = "never", True
    lines = alarm_lines(app, [alarm(2)])  # type: ignore[list-item]
    assert lines[:2] == ["alarm 2: costly: vast has billed $6.29; that is $2.09 more than the $4.20", "  counted here"]
    assert " ".join("".join(lines[2:]).split()) == (
        "what to do: gpu-shopper --sandbox alarms; to hide it: gpu-shopper --sandbox alarms ack 2"
    )
    assert alarm_lines(app, []) == []
    many = alarm_lines(app, [alarm(number) for number in range(4)])  # type: ignore[list-item]
    assert many == ["4 alarms: see: gpu-shopper --sandbox alarms"]
