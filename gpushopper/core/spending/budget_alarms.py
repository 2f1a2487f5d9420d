"""What a person is told of a budget: at four fifths, when it is used up, when more may come than it allows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo

from gpushopper.core import alarms
from gpushopper.core.model.actions import RaiseAlarm
from gpushopper.core.model.money import dollars
from gpushopper.core.spending.budget import At80, At100
from gpushopper.core.spending.budget_check import PER, period_text
from gpushopper.core.spending.budget_end import PlannedEnd, Standing
from gpushopper.core.timing.clock_snapshot import SECOND


def alarms_about(standing: Standing, now_wall: int, zone: tzinfo) -> list[RaiseAlarm]:
    """The alarms that hold of one limit now."""
    limit, spent = standing.limit, standing.spent
    share = f"{dollars(spent)} of {_limit(standing)} is spent{_when(standing, now_wall, zone)}"
    if spent >= limit:
        kind, text = alarms.BUDGET_USED_UP, f"{_name(standing)} is used up: {share}"
    elif standing.committed > limit:
        # Provision and extend keep it below: a price has risen, an end is late, or the limit was lowered.
        most = dollars(standing.committed)
        kind, text = alarms.BUDGET_OVERCOMMITTED, f"{_name(standing)}: up to {most} may be spent of {_limit(standing)}"
    elif spent * 5 >= limit * 4 and standing.budget.at_80 is At80.WARN:
        kind, text = alarms.BUDGET_WARNING, f"{_name(standing)}: {share} ({spent * 100 // limit} %)"
    else:
        return []
    return [RaiseAlarm.with_hint(kind, standing.subject, text)]


def alarm_before(standing: Standing, end: PlannedEnd, zone: tzinfo) -> RaiseAlarm:
    """The alarm that a session is going to be ended for a budget."""
    at = datetime.fromtimestamp(end.at / SECOND, zone)
    text = f"{end.name} ends at {at:%H:%M}: {_name(standing)} is nearly used up"
    return RaiseAlarm.with_hint(alarms.BUDGET_ENDS, end.session_id, text)


def alarm_of_doubt(standing: Standing, doubts: Iterable[str]) -> RaiseAlarm:
    """The alarm that nothing is ended, for what has been spent is not certain."""
    text = f"{_name(standing)} is nearly used up, but nothing is ended for it: {'; '.join(dict.fromkeys(doubts))}"
    return RaiseAlarm.with_hint(alarms.BUDGET_DOUBTED, standing.subject, text)


def end_text(standing: Standing, end: PlannedEnd) -> str:
    """Why a session ends, as its event says it."""
    return f"{end.name} ends: {_name(standing)}, {_limit(standing)}, is used up"


def stops(standing: Standing) -> bool:
    """Whether this limit ends sessions."""
    return standing.budget.at_100 is At100.STOP


def _name(standing: Standing) -> str:
    return f"budget {standing.budget.name}"


def _limit(standing: Standing) -> str:
    return f"{dollars(standing.limit)} {PER[standing.kind]}"


def _when(standing: Standing, now_wall: int, zone: tzinfo) -> str:
    return "" if standing.period is None else f" {period_text(standing.period, now_wall, zone)}"
