"""`--wait-for-capacity`: one odd answer does not end the waiting, and nothing is rented without an agreement."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from gpushopper.cli import new_app
from gpushopper.cli.app import App
from gpushopper.cli.commands.rent.capacity import plan
from gpushopper.client import Client
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import KeyRejected, NoOffer, ProviderFailed, ShopperError, UsageError

NONE, SILENT = NoOffer("nothing fits", "a larger region"), ProviderFailed("cannot reach Vast.ai", "are you online?")


class Market:
    """Answers one after the other; the last one stays."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)

    def plan(self, request: Any) -> object:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ShopperError):
            raise answer
        return answer


def app_with(*answers: object) -> App:
    app = new_app()
    app._client = cast("Client", Market(*answers))
    return app


def planned(app: App, seconds: float | None, *, answers: bool = True) -> object:
    wait_us = None if seconds is None else int(seconds * SECOND)
    return plan(app, cast("Any", None), wait_us, answers=answers, every_s=0.01)


def test_it_asks_until_something_fits_and_says_what_is_missing_once(capsys: pytest.CaptureFixture[str]):
    assert planned(app_with(NONE, NONE, SILENT, SILENT, NONE, "a plan"), 30) == "a plan"
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(".")[0] for line in said] == ["nothing fits", "cannot reach Vast", "nothing fits"]
    assert "Ctrl-C ends it" in said[0]


@pytest.mark.parametrize("error", [NONE, SILENT])
def test_at_the_end_of_its_time_it_fails_as_it_would_have(error: ShopperError):
    with pytest.raises(type(error), match=f"{error.message}, after") as failed:
        planned(app_with(error), 0.05)
    assert failed.value.exit_code == 7 and failed.value.hint == error.hint


def test_what_waiting_does_not_change_is_said_at_once():
    with pytest.raises(KeyRejected):
        planned(app_with(NONE, KeyRejected("no"), "a plan"), 30)
    with pytest.raises(NoOffer):
        planned(app_with(NONE, "a plan"), None)


def test_where_nobody_can_agree_it_does_not_begin():
    with pytest.raises(UsageError, match="needs --yes"):
        planned(app_with("a plan"), 30, answers=False)


def test_the_sleep_of_this_computer_counts_for_the_time_that_was_agreed_to(home: Path):
    """A laptop that wakes the next morning rents nothing for the evening before."""

    class Sleeping(Market):
        def plan(self, request: Any) -> object:
            offset = app.home.clock_offset
            offset.parent.mkdir(parents=True, exist_ok=True)
            offset.write_text(str(3600 * SECOND))
            return super().plan(request)

    app = new_app()
    app._client = cast("Client", Sleeping(NONE, "a plan"))
    with pytest.raises(NoOffer, match="nothing fits, after"):
        planned(app, 1800)
