"""Decides which instances that a list lacks are read by id, and when a list lacks so many that it is ignored (I29)."""

from __future__ import annotations

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import absence_is_due
from gpushopper.core.listing.list_breaker import accepted_missing
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.actions import ClearAlarm, RaiseAlarm
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot


def ids_to_read(
    recorded: RecordedState, missing: tuple[Attempt, ...], now: ClockSnapshot, policy: Policy
) -> dict[str, str]:
    """Attempt ids by instance id: missing wanted instances, and those being destroyed whose next absence is due.

    The one that has waited longest comes first: at two seconds a read, some of a hundred would never have their turn.
    """
    wanted = {a.id for a in accepted_missing(recorded, missing, policy)}
    waiting = sorted(missing, key=lambda a: (a.last_absence_boot or 0, a.id))
    return {
        a.instance_id: a.id
        for a in waiting
        if a.instance_id is not None
        and (a.id in wanted or (a.state is State.DESTROYING and absence_is_due(a, now.boot, policy.gone_interval_s)))
    }


def mass_disappearance_alarms(
    name: str, recorded: RecordedState, missing: tuple[Attempt, ...], new: tuple[Attempt, ...], policy: Policy
) -> list[RaiseAlarm | ClearAlarm]:
    """The circuit breaker's alarm: so many wanted instances are missing at once that the list is ignored (I29).

    `new` are those of `missing` that were present until now.
    """
    accepted = accepted_missing(recorded, missing, policy)
    if any(a not in accepted for a in new):
        text = f"{name}: {len(new)} wanted instances are missing from one list; it is ignored"
        return [RaiseAlarm.with_hint(alarms.MASS_DISAPPEARANCE, name, text)]
    clear: list[RaiseAlarm | ClearAlarm] = [ClearAlarm(alarms.MASS_DISAPPEARANCE, name)]
    return clear + ([] if new else [ClearAlarm(alarms.LIST_INCONSISTENT, name)])
