"""`forget` needs a look at the console and the ids typed; without the word it only says what and where."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.commands.money_and_safety.forget import forget
from gpushopper.cli.error_report import report
from gpushopper.client import Client, JsonObject
from tests.cli.open_sessions import NOW, open_session

ROW = JsonObject(provider="vast", console="https://c", instance_id="77", typed="77", last_seen_at=NOW)


class Ending:
    """A daemon with one session whose end is requested."""

    def __init__(self) -> None:
        self.typed: list[Any] = []

    def session(self, ref: str) -> JsonObject:
        shown = asdict(open_session("train", status="stopping", end_stage="requested"))
        return JsonObject(**shown)

    def forget(self, ref: str, typed: list[str] | None = None) -> JsonObject:
        self.typed.append(typed)
        return JsonObject(rows=[ROW])


def told(words: str) -> tuple[int, list[Any]]:
    app, daemon = new_app(), Ending()
    app._client = cast("Client", daemon)
    try:
        forget.main(words.split(), obj=app, standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - as the command line does
        app._client = None
        return report(app, error), daemon.typed
    return 0, daemon.typed


def test_without_the_word_it_says_what_and_where_and_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]):
    assert told("train") == (2, [None])
    said = capsys.readouterr().err
    assert "instance 77 on vast, last listed" in said and "$0.43" in said and "https://c" in said
    assert "gpu-shopper forget train --i-checked-the-console" in said


def test_without_a_terminal_the_ids_are_options(home: Path, capsys: pytest.CaptureFixture[str]):
    assert told("train --i-checked-the-console") == (2, [None])
    assert "--instance ID" in capsys.readouterr().err
    assert told("train --i-checked-the-console --instance 77") == (0, [None, ["77"]])
    assert "train is forgotten" in capsys.readouterr().out


def test_the_receipt_does_not_call_it_destroyed(capsys: pytest.CaptureFixture[str]):
    from gpushopper.cli.output.receipt_view import MEANS
    from gpushopper.cli.output.session_views import status

    gone = open_session("train", status="stopped", end_stage="forgotten", ended_at=NOW)
    assert status(gone) == "forgotten, not proven" and "destroyed" not in MEANS["forgotten"]
