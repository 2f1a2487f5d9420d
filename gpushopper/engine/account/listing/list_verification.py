"""Whom to ask by id when a list lacks what we hold, and when it lacks too much to be believed (D5, I29)."""

from __future__ import annotations

from gpushopper.core import alarms
from gpushopper.core.lifecycle.evidence import absence_is_due
from gpushopper.core.listing.missing import believable, newly_missing
from gpushopper.core.listing.reconcile import RecordedState
from gpushopper.core.model.actions import Clear, Raise
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot


def to_ask(held: RecordedState, missing: tuple[Attempt, ...], now: ClockSnapshot, policy: Policy) -> dict[str, str]:
    """Which missing instances to read by id: those being ended whose unit is due, and the wanted in doubt.

    Attempt ids by instance id; whoever has waited longest comes first: at two seconds a read, a hundred ends would
    starve each other.
    """
    doubted = {a.id for a in believable(held, missing, policy)}
    waiting = sorted(missing, key=lambda a: (a.last_absence_boot or 0, a.id))
    return {
        a.instance_id: a.id
        for a in waiting
        if a.instance_id is not None
        and (a.id in doubted or (a.state is State.DESTROYING and absence_is_due(a, now.boot, policy.gone_interval_s)))
    }


def mass_change(name: str, held: RecordedState, missing: tuple[Attempt, ...], policy: Policy) -> list[Raise | Clear]:
    """The breaker's alarm: too many wanted instances are missing at once to be believed (I29)."""
    fresh = newly_missing(missing)
    believed = believable(held, missing, policy)
    if any(a not in believed for a in fresh):
        text = f"{name}: {len(fresh)} wanted instances are missing from one list; it is not believed"
        return [Raise(alarms.MASS_DISAPPEARANCE, name, text, alarms.HINTS[alarms.MASS_DISAPPEARANCE])]
    clear: list[Raise | Clear] = [Clear(alarms.MASS_DISAPPEARANCE, name)]
    return clear + ([] if fresh else [Clear(alarms.LIST_INCONSISTENT, name)])
