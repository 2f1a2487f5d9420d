"""The limits that an instance is told: whole seconds, brought where a guard obeys them (ends.md E1, E3, E9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.limits_line import (
    acts_itself,
    done_command,
    limit_of,
    limits_line,
    limits_text,
    must_bring,
    on_brought,
)
from gpushopper.core.model.attempt import State
from gpushopper.core.model.heartbeat import Brought, GuardStatus
from gpushopper.core.policy import DRILL_LIVE, REAL
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from tests.core.samples import WALL, attempt, change, session

GUARD = GuardStatus(True, "", 3600, 40_000, 1, 2, knows_ends=True, parts="77")
LINE = "idle=0 when=any contact=0 disuse=0 warn=300 tick=10 stale=60 hold=0 grace=120 failed=1800 life=2825337882"


PULLS = (("out", "/results"),)


def line(**of_session: Any) -> str:
    return limits_line(session(**of_session), attempt(), REAL)


def test_a_session_without_limits_is_told_so():
    assert line() == LINE


def test_every_limit_is_in_whole_seconds():
    limits = {"idle_us": 30 * MINUTE, "contact_us": 4 * HOUR, "disuse_us": 2 * HOUR, "hold_us": HOUR}
    full = line(idle_when="gpu", pulls=PULLS, **limits)
    assert full.startswith("idle=1800 when=gpu contact=14400 disuse=7200 ") and " hold=3600 " in full
    assert limit_of(full, "idle") == 30 * MINUTE and limit_of(full, "hold") == HOUR
    assert limit_of(line(), "idle") is limit_of("", "idle") is limit_of("idle=x", "idle") is None


def test_limits_are_told_in_words():
    assert limits_text(line()) == "none"
    full = line(idle_us=30 * MINUTE, contact_us=4 * HOUR, disuse_us=2 * HOUR, hold_us=HOUR, pulls=PULLS)
    assert limits_text(full) == "idle 30m, contact 4h, hold 1h"
    until = "results are waited for until its deadline, a script before its end"
    assert limits_text(line(pulls=PULLS, before_end="sync")) == until


def test_before_a_budget_ends_it_the_script_begins_at_once():
    """The instance runs it so long before its deadline as it is told: from then on that is now (E7)."""
    lands = {"landing": "budget", "landing_at": WALL + HOUR, "land_for_us": 20 * MINUTE}
    assert limit_of(line(before_end="sync", **lands), "land") == HOUR + MINUTE, "the deadline is an hour later"
    assert limit_of(line(before_end="sync", **lands | {"landing": "deadline"}), "land") == 20 * MINUTE
    assert limit_of(line(**lands), "land") == 20 * MINUTE, "without a script nothing has to begin"
    late = lands | {"landing_at": WALL + 3 * HOUR}
    assert limit_of(line(before_end="sync", **late), "land") == 20 * MINUTE


def test_without_anything_to_pull_no_end_waits_for_it():
    """Nothing would ever say that it has come: the end would wait, and bill, for the whole hold (E7)."""
    assert line(hold_us=2 * HOUR) == LINE
    assert " hold=2678400 " in line(pulls=PULLS), "until the deadline, which the instance lets no end pass"


def test_no_limit_is_ever_rounded_down_to_none():
    assert line(idle_us=1).startswith("idle=1 ")
    drill = limits_line(session(), attempt(), DRILL_LIVE)
    assert "=0 " not in drill.partition("warn=")[2].replace("hold=0 ", "")


@pytest.mark.parametrize("kind", EndingKind)
def test_where_power_off_does_not_end_the_bill_ends_are_only_marked(kind: EndingKind):
    assert acts_itself(kind) is (kind in (EndingKind.SELF_DESTROY, EndingKind.POWEROFF_STOPS_BILLING))


def test_what_is_there_already_is_not_brought_again():
    there = attempt(confirmed_limits=LINE, confirmed_parts="digest/77")
    assert not must_bring(there, GUARD, LINE, "digest")
    assert must_bring(there, GUARD, LINE.replace("idle=0", "idle=60"), "digest")
    assert must_bring(there, GUARD, LINE, "newer")
    assert must_bring(there, replace(GUARD, parts="-"), LINE, "digest")
    assert must_bring(attempt(), GUARD, LINE, "digest")
    named = replace(there, confirmed_parts="digest/77/gpu-shopper-done")
    assert not must_bring(named, GUARD, LINE, "digest") and done_command(named) == "gpu-shopper-done"


def test_how_its_work_is_called_done_there_is_kept_with_what_was_brought():
    path = "/root/.gs-guard/gpu-shopper-done"
    found = change(on_brought(attempt(), Brought("77", done=path), LINE, "digest")).fields
    assert done_command(replace(attempt(), **found)) == path
    assert done_command(attempt(confirmed_parts="digest/77")) == done_command(attempt()) == ""


def test_nothing_is_brought_where_nothing_would_obey_it():
    assert not must_bring(attempt(), None, LINE, "digest")
    assert not must_bring(attempt(), replace(GUARD, knows_ends=False), LINE, "digest")
    assert not must_bring(attempt(State.BOOTING), GUARD, LINE, "digest")
    assert not must_bring(attempt(ready_at=None), GUARD, LINE, "digest")
