"""`adopt` shows what the instance is, what will become of it, and asks."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest

from gpushopper import wire
from gpushopper.cli import new_app
from gpushopper.cli.commands.money_and_safety.adopt import adopt
from gpushopper.cli.error_report import report
from gpushopper.client import Client, JsonObject
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.cli.open_sessions import NOW, open_session

SHOWN = wire.AdoptView("vast", "77", "my-job", "running", "RTX 4090", 2, 600_000, NOW, NOW + HOUR, is_labelled=True)


class Cloud:
    """A daemon whose account shows an instance."""

    def __init__(self, shown: wire.AdoptView, adopted: wire.AdoptView) -> None:
        self._answers = {True: shown, False: replace(adopted, session="mine")}
        self.asked: list[wire.AdoptRequest] = []

    def adopt(self, request: wire.AdoptRequest) -> JsonObject:
        self.asked.append(request)
        return JsonObject(**asdict(self._answers[request.dry_run]))

    def session(self, ref: str) -> JsonObject:
        return JsonObject(**asdict(open_session(ref)))


def told(words: str, adopted: wire.AdoptView = SHOWN, shown: wire.AdoptView = SHOWN) -> tuple[int, list[Any]]:
    app, cloud = new_app(), Cloud(shown, adopted)
    app._client = cast("Client", cloud)
    try:
        adopt.main(words.split(), obj=app, standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - as the command line does
        app._client = None
        return report(app, error), cloud.asked
    return 0, cloud.asked


def test_it_is_shown_first_and_without_a_terminal_needs_yes(home: Path, capsys: pytest.CaptureFixture[str]):
    code, asked = told("77 --hours 2")
    assert code == 2 and [each.dry_run for each in asked] == [True]
    said = capsys.readouterr().err
    assert "instance 77 on vast: 2x RTX 4090, running, $0.600/h, label my-job" in said
    assert "will be destroyed" in said and "becomes ours" in said and "--yes" in said


def test_with_yes_it_is_adopted_for_as_long_as_was_asked(home: Path, capsys: pytest.CaptureFixture[str]):
    code, asked = told("77 --hours 2 --name mine -p vast -y")
    assert code == 0 and asked[1] == wire.AdoptRequest("77", "vast", 2 * HOUR, None, "mine")
    assert "mine ends" in capsys.readouterr().out


def test_a_label_that_is_not_set_is_said(home: Path, capsys: pytest.CaptureFixture[str]):
    assert told("77 -y", adopted=replace(SHOWN, is_labelled=False))[0] == 0
    assert "warning: vast did not set its label" in capsys.readouterr().err
    never = replace(SHOWN, is_labelled=False)
    assert told("77 -y", adopted=never, shown=never)[0] == 0
    said = capsys.readouterr().err
    assert "cannot change its label" in said and "warning" not in said


def test_a_dry_run_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]):
    code, asked = told("77 --dry-run")
    assert code == 0 and len(asked) == 1 and "Nothing was changed" in capsys.readouterr().err
