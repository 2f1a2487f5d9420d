"""What `top` draws fits the terminal, and never cuts money."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper import wire
from gpushopper.cli.output.live.top_view import Known, Screen, lines
from gpushopper.cli.output.money.bars import load_line
from gpushopper.core.timing.clock_snapshot import HOUR, SECOND
from tests.cli.open_sessions import NOW, open_session

STATES: list[dict[str, Any]] = [
    {"health": "unreachable"}, {"status": "provisioning", "waits_for_account": True, "deadline_at": None},
    {"status": "stopping", "end_stage": "off"}, {"rate": 12_345_000, "accrued": 123_450_000, "max_cost": 1_234_560_000},
    {"gpu": "A100 SXM4 80GB", "gpu_count": 8}, {"deadline_at": NOW + 40 * SECOND}, {"deadline_at": NOW - 1},
    {"guard_state": "not_applicable", "guards": "D"}, {"health": "self_ended", "self_ended_at": NOW},
]  # fmt: skip
MANY = [open_session(f"session-{n:02}", **STATES[n % len(STATES)]) for n in range(18)]
ALARMS = [wire.AlarmView(n, "kind", "subject", f"{'much has happened ' * 9}{n}", "", NOW) for n in range(5)]


def known(sessions: list[wire.SessionView], **more: Any) -> Known:
    loads = {each.id: [None, 0, 40, 100] * 5 for each in sessions}
    return Known(NOW, **{"sessions": sessions, "alarms": [], "loads": loads} | more)


def shown(found: Known, chosen: str = "", width: int = 80, height: int = 24, *, draws: bool = True) -> list[str]:
    return [line.plain for line in lines(found, chosen, NOW, Screen(width, height, draws))]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 30), (160, 48), (40, 10)])
@pytest.mark.parametrize("chosen", ["session-00", "session-09", "session-17", "left"])
def test_it_fits_with_18_sessions_and_the_chosen_one_is_on_it(width: int, height: int, chosen: str):
    found = shown(known(MANY, alarms=ALARMS, problem="no daemon is running (start it: x)"), chosen, width, height)
    assert len(found) <= height and max(map(len, found)) <= width, found
    assert any(line.startswith(f">  {chosen}") for line in found) or chosen == "left"
    if height >= 24:
        assert found[-1].endswith("q quit") and any("3 more alarms" in line for line in found)
        assert any("more sessions" in line for line in found) or height >= 30


@pytest.mark.parametrize("width", [60, 80])
def test_money_and_times_are_whole(width: int):
    one = open_session("a-name-that-is-much-too-long-for-this", **STATES[3])
    text = "\n".join(shown(known([one, open_session("b")]), one.id, width))
    assert "$1234.56" in text and "$123.45" in text and "$12.345/h" in text and "2h" in text
    assert "a-name-that-is-much-too-long-for-this ends" in text, "in full, for the chosen one"


def test_sums_are_over_all_sessions():
    text = "\n".join(shown(known([open_session("a"), open_session("b")]), "a"))
    assert "2 sessions" in text and "$0.862/h now, $0.86 so far, at most $3.44" in text


def test_what_was_not_measured_is_no_idle_gpu():
    assert load_line([None, 0, 50, 100, 130]) == " ▁▄██"
    row = next(
        line for line in shown(known([open_session("a")], loads={"a": [None, None]}), "a") if line.startswith(">  a ")
    )
    assert "%" not in row
    assert "▁" not in "".join(shown(known([open_session("a")]), "a", draws=False))


def test_the_last_minute_and_what_is_over_are_said():
    text = "\n".join(shown(known([open_session("a", **STATES[5]), open_session("b", **STATES[6])]), "a"))
    assert "< 1m" in text and "over" in text


def test_where_it_is_narrow_the_word_that_matters_stays():
    text = "\n".join(shown(known(MANY), "", 60, 48))
    assert " unreachable " in text and " ended? " in text and "running (" not in text


def test_no_session_is_said_and_a_silent_daemon_beside_it():
    text = "\n".join(shown(known([], problem="no daemon is running")))
    assert "no open session" in text and "no daemon is running; as it was at" in text


def test_an_end_that_was_requested_is_in_the_details():
    ending = open_session("a", status="stopping", end_stage="requested", deadline_at=NOW + HOUR)
    assert any("a is stopping (requested)" in line for line in shown(known([ending]), "a"))
