"""Where the words go: readers that leave, full disks, narrow terminals, and commands that work when pasted."""

from __future__ import annotations

import errno
import io
import sys
from pathlib import Path

import pytest

from gpushopper.cli import main, new_app
from gpushopper.cli.output import session_views, tables
from gpushopper.client import JsonObject


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
        name="a" * 41, status="running", health="", provider="vast", gpu="H100", gpu_count=1, guard_state="armed",
        guards="D+I", rate=2, accrued=0, max_cost=9, ended_at=None, deadline_at=10,
        waits_for_account=False,
    )  # fmt: skip
    tables.table(new_app(), [row], session_views.columns(0))
    for word in ("running", "$0.00", "00:00"):
        assert word in out.getvalue()
    assert capsys.readouterr().err == "no room for GPU, CLOUD, GUARDS: -o wide shows all columns\n"
    tables.table(new_app(), [JsonObject({**row, "name": "train"})], session_views.columns(0))
    assert "1x H100" in out.getvalue() and "D+I" in out.getvalue()


class Terminal(io.StringIO):
    """A terminal, as far as tables ask."""

    def isatty(self) -> bool:
        return True
