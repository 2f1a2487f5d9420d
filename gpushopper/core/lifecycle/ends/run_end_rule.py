"""Decides who ends an instance after a run: itself, the daemon that hears its mark, or nobody yet (ends.md E6, E9)."""

from __future__ import annotations

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.idle_watch import NO_GUARD, OLD_GUARD, STARTING
from gpushopper.core.lifecycle.ends.limits_line import acts_itself
from gpushopper.core.lifecycle.guard_renewal import ARMED
from gpushopper.core.model.attempt import Attempt

INSTANCE, DAEMON, PENDING, NOBODY = "instance", "daemon", "pending", ""


def who_ends_after_run(attempt: Attempt | None, kind: EndingKind) -> str:
    """INSTANCE, DAEMON, PENDING (what does it is still brought there) or NOBODY (it cannot be: an older guard, none).

    The shell part alone does it, so that an instance without python3 can; not a guard that is not confirmed.
    """
    if attempt is None or not attempt.is_wanted or attempt.ready_at is None:
        return NOBODY
    if attempt.idle_watch in (NO_GUARD, OLD_GUARD):
        return NOBODY  # what was brought there is called by the guard, and its end is heard from the guard
    if attempt.confirmed_limits:
        return INSTANCE if acts_itself(kind) and attempt.guard_state == ARMED else DAEMON
    return PENDING if attempt.idle_watch in ("", STARTING) else NOBODY
