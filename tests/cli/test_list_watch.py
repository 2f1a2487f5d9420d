"""`ls -w`: Ctrl-C ends it without an error, programs get a line for each change."""

from __future__ import annotations

import json
import sys

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.sessions.list_watch import _Changes, _Screen, watch
from gpushopper.client import JsonObject
from gpushopper.errors import DaemonUnreachable, UsageError
from gpushopper.wire import SessionView
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

    watch(new_app(), fetch, lambda found: print(f"shown {len(found)}"))
    assert "shown 1" in out.getvalue() and "shown 0" not in out.getvalue(), "no session is not what is known"
    assert "1 session" in out.getvalue() and "no daemon answers" in out.getvalue()
    assert out.getvalue().count("\x1b[2J") == 1


def test_without_an_answer_nothing_is_said_of_what_is_open(capsys: pytest.CaptureFixture[str]):
    """`No open sessions.` below an error would say that nothing bills (I27)."""
    screen = _Screen(new_app(), lambda found: print("open:", *(each.id for each in found)))

    def fail() -> list[SessionView]:
        raise DaemonUnreachable("no daemon answers")

    for fetch in (fail, lambda: [row("a")], fail):
        screen(fetch)  # type: ignore[arg-type]
    first, then, last = capsys.readouterr().out.split("\x1b[H\x1b[J")[1:]
    assert "open:" not in first and "open: a" in then
    assert "no daemon answers; as it was at " in last and "open: a" in last


def test_without_a_terminal_and_without_json_it_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", Stream())
    with pytest.raises(UsageError, match="-w needs a terminal"):
        watch(new_app(), list, print)
