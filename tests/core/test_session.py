"""Status and health, as tables over desired state and attempts."""

from __future__ import annotations

import pytest

from gpushopper.core.model.attempt import OPEN_STATES, Attempt, DesiredState, Origin, State
from gpushopper.core.model.session import FAILURES, Status, current, derive_health, derive_status
from tests.core.samples import WALL, attempt, session

BEFORE = {"ready_at": None}
S = State


@pytest.mark.parametrize(
    ("attempts", "status"),
    [
        ([], Status.PENDING),
        ([attempt(S.PREPARED)], Status.PENDING),
        ([attempt(S.SENT)], Status.PENDING),
        ([attempt(S.UNCERTAIN)], Status.PENDING),
        ([attempt(S.BOOTING)], Status.PROVISIONING),
        ([attempt(S.MISSING, **BEFORE)], Status.PROVISIONING),
        ([attempt(S.INTERRUPTED, **BEFORE)], Status.PROVISIONING),
        ([attempt(S.RUNNING)], Status.RUNNING),
        ([attempt(S.MISSING)], Status.RUNNING),
        ([attempt(S.INTERRUPTED)], Status.RUNNING),
        ([attempt(S.DESTROYING)], Status.PENDING),
        ([attempt(S.CLOSED)], Status.PENDING),
        ([attempt(S.DESTROYING), attempt(S.BOOTING, 2)], Status.PROVISIONING),
        ([attempt(S.BOOTING, 2), attempt(S.CLOSED)], Status.PROVISIONING),
        ([attempt(S.CLOSED), attempt(S.PREPARED, 2)], Status.PENDING),
        ([attempt(S.RUNNING), attempt(S.DESTROYING, 2, reason="duplicate", origin=Origin.DISCOVERED)], Status.RUNNING),
    ],
)  # fmt: skip
def test_a_wanted_session_has_the_status_of_its_newest_attempt(attempts: list[Attempt], status: Status):
    assert derive_status(session(), attempts) is status


@pytest.mark.parametrize("state", OPEN_STATES)
def test_an_ended_session_is_stopping_while_any_attempt_is_open(state: State):
    ended = session(desired_state=DesiredState.TERMINATED, reason="user")
    assert derive_status(ended, [attempt(state), attempt(S.CLOSED, 2)]) is Status.STOPPING
    assert derive_status(ended, [attempt(S.CLOSED, 2), attempt(state, 3, reason="duplicate")]) is Status.STOPPING


@pytest.mark.parametrize("reason", ["user", "deadline", "hard_maximum", "interrupted", "budget", *sorted(FAILURES)])
def test_an_ended_session_is_stopped_or_failed_by_its_reason(reason: str):
    ended = session(desired_state=DesiredState.TERMINATED, reason=reason, ended_at=WALL)
    failed = reason not in ("user", "deadline", "hard_maximum", "interrupted", "budget")
    assert derive_status(ended, [attempt(S.CLOSED)]) is (Status.FAILED if failed else Status.STOPPED)
    assert derive_status(ended, []) is (Status.FAILED if failed else Status.STOPPED)


def test_the_current_attempt_is_the_newest_that_is_no_duplicate():
    first, second, duplicate = attempt(number=1), attempt(number=2), attempt(number=3, reason="duplicate")
    assert current([]) is None
    assert current([second, duplicate, first]) is second
    assert current([duplicate]) is None


@pytest.mark.parametrize(
    ("state", "reach"), [(S.RUNNING, "ok"), (S.BOOTING, "ok"), (S.MISSING, "missing"), (S.INTERRUPTED, "interrupted")]
)
def test_health_follows_state_and_reachability(state: State, reach: str):
    assert derive_health([attempt(state)]) == reach
    assert derive_health([]) == ""
