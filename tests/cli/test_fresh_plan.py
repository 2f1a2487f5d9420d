"""Nothing is rented on an offer older than a minute, however long a person thinks about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gpushopper.cli.commands.rent.provision import fresh_plan
from gpushopper.cli.input.prompts import Declined
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot, us
from gpushopper.errors import UsageError


def plan(max_cost: int, age_s: float = 0) -> Any:
    offer = SimpleNamespace(
        key="vast:1", gpu="RTX 4090", gpu_count=1, rate=max_cost, region=None, upload_gb=0, download_gb=0,
        age_us=us(age_s),
    )  # fmt: skip
    return SimpleNamespace(
        offers=[offer], max_cost=max_cost, deadline_at=HOUR, duration_us=HOUR, disk_gb=20, image="ubuntu",
        guard_kind="not_applicable", retries=2, refusal="", refusal_code="", bills_on=False, minimum_us=0, accounts=[],
    )  # fmt: skip


class Asked:
    """An app whose daemon plans what is given, on a clock that stands still."""

    def __init__(self, now_s: float, *plans: Any) -> None:
        self._now, self._plans = ClockSnapshot(us(now_s), us(now_s), "boot"), list(plans)
        self.client = self
        self.notes: list[str] = []
        self.as_json = False

    def now(self) -> ClockSnapshot:
        return self._now

    def plan(self, request: Any) -> Any:
        return self._plans.pop(0)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def is_interactive(self) -> bool:
        return False

    def is_terminal(self, stream: Any) -> bool:
        return False


def fresh(app: Asked, found: Any, *, yes: bool = True) -> Any:
    return fresh_plan(app, None, found, us(0), yes)  # type: ignore[arg-type]


def test_a_fresh_plan_is_not_made_again():
    found = plan(100, age_s=20)
    assert fresh(Asked(40), found) is found


@pytest.mark.parametrize("age_s", [0, 59])
def test_an_old_plan_is_made_again_and_what_is_not_dearer_is_rented(age_s: float):
    newer = plan(100, age_s=1)
    app = Asked(61, newer)
    assert fresh(app, plan(100, age_s)) is newer and app.notes == []


def test_what_is_dearer_is_asked_about_again(capsys: pytest.CaptureFixture[str]):
    app = Asked(61, plan(101))
    with pytest.raises((UsageError, Declined)):
        fresh(app, plan(100), yes=False)
    assert app.notes == ["The offers have changed meanwhile."] and "vast:1" in capsys.readouterr().err
