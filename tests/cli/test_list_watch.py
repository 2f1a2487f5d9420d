"""`ls -w`: Ctrl-C ends it without an error, programs get a line for each change."""

from __future__ import annotations

import json
import sys

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.sessions.list_watch import _Changes, watch
from gpushopper.client import JsonObject
from gpushopper.errors import DaemonUnreachable, UsageError
from tests.cli.in_process import Stream


def row(name: str, **changed: object) -> JsonObject:
    fields = {"id": name, "status": "running", "health": "ok", "end_stage": "", "deadline_at": 1, "guards": "D"}
    return JsonObject(**{**fields, "accrued": 1, **changed})


def test_programs_get_a_line_for_each_change_but_not_for_the_cost(capsys: pytest.CaptureFixture[str]):
    changes = _Changes()
    for found in ([row("a")], [row("a", accrued=9)], [row("a", status="stopping"), row("b")], [row("b")]):
        changes(lambda found=found: found)
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["id"], each["status"]) for each in told] == [
        ("a", "running"), ("a", "stopping"), ("b", "running"), ("a", "left"),
    ]  # fmt: skip


def test_at_a_terminal_a_daemon_that_restarts_is_waited_for_and_ctrl_c_is_no_error(monkeypatch: pytest.MonkeyPatch):
    out = Stream(is_terminal=True)
    monkeypatch.setattr(sys, "stdout", out)
    answers = iter([[row("a")], DaemonUnreachable("no daemon answers"), KeyboardInterrupt()])

    def fetch() -> list[JsonObject]:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    watch(new_app(), fetch, lambda found: print(*(each.id for each in found)))  # type: ignore[arg-type, attr-defined]
    assert "1 session" in out.getvalue() and "no daemon answers" in out.getvalue()
    assert out.getvalue().count("\x1b[2J") == 1


def test_without_a_terminal_and_without_json_it_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", Stream())
    with pytest.raises(UsageError, match="-w needs a terminal"):
        watch(new_app(), list, print)
