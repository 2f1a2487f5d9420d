"""Who ends an instance after a run (ends.md E6, E9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpushopper.core.cloud import EndingKind
from gpushopper.core.lifecycle.ends.idle_watch import NO_GUARD, OLD_GUARD, STARTING
from gpushopper.core.lifecycle.ends.run_end_rule import DAEMON, INSTANCE, NOBODY, PENDING, who_ends_after_run
from gpushopper.core.model.attempt import DesiredState
from tests.core.samples import attempt

SELF, POWEROFF = EndingKind.SELF_DESTROY, EndingKind.POWEROFF_ONLY


@pytest.mark.parametrize(
    ("kind", "limits", "watch", "who"),
    [
        (SELF, "act=1 idle=0", "", INSTANCE),
        (SELF, "act=1 idle=0", "it has no python3", INSTANCE),
        (POWEROFF, "act=0 idle=0", "", DAEMON),
        (SELF, "", "", PENDING),
        (SELF, "", STARTING, PENDING),
        (SELF, "", OLD_GUARD, NOBODY),
        (SELF, "act=1 idle=0", NO_GUARD, NOBODY),
        (POWEROFF, "act=0 idle=0", NO_GUARD, NOBODY),
        (SELF, "", "its disk is full", NOBODY),
    ],
)
def test_it_is_who_has_what_it_takes(kind: EndingKind, limits: str, watch: str, who: str) -> None:
    one = replace(attempt(), ready_at=1, confirmed_limits=limits, idle_watch=watch, guard_state="armed")
    assert who_ends_after_run(one, kind) == who
    if who == INSTANCE:
        assert who_ends_after_run(replace(one, guard_state="not_armed"), kind) == DAEMON


def test_nobody_ends_what_is_not_there_or_not_wanted() -> None:
    ready = replace(attempt(), ready_at=1, confirmed_limits="act=1")
    assert who_ends_after_run(None, SELF) == NOBODY
    assert who_ends_after_run(replace(ready, ready_at=None), SELF) == NOBODY
    assert who_ends_after_run(replace(ready, desired_state=DesiredState.TERMINATED), SELF) == NOBODY
