"""What is said of limits before a session is rented."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.cli.output.end_limits_view import disclosure
from gpushopper.cli.output.endings.end_reasons import ignored
from gpushopper.client import JsonObject
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.cli.in_process import Inside


@pytest.mark.parametrize(("bills_on", "words"), [(False, "It ends itself after 1h"), (True, "It is ended after 1h")])
def test_only_an_instance_that_can_end_its_bill_is_said_to_end_itself(bills_on: bool, words: str) -> None:
    plan = JsonObject(accounts=[JsonObject(bills_on=bills_on)])
    lines = disclosure(plan, {"idle": HOUR, "idle_when": "any", "contact": None})
    assert lines[0].startswith(words) and bool(lines[1:]) is bills_on


def test_end_files_that_are_ignored_are_named_and_the_deadline_is_said_to_hold() -> None:
    text = ignored(["idle", "run"])
    assert text.startswith("end-idle, end-run: damaged") and "the deadline holds" in text and ignored([]) == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("plan --gpu 4090 --hours 1 --hold 2h", "--hold waits for what --pull brings home"),
        ("provision --gpu 4090 --hours 1 --hold 2h --yes", "add --pull DIR:LOCAL"),
        ("run train --hold 2h -- true", "--hold is for --rm"),
    ],
)
def test_a_hold_with_nothing_to_wait_for_is_refused_before_anything_is_asked(home: Path, line: str, says: str) -> None:
    said = Inside(home)(*line.split())
    assert said.code == (125 if line.startswith("run") else 2) and says in said.err and not home.exists(), said
