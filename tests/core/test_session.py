"""The word a user sees, as a table over desire and attempts (architecture 5)."""

from __future__ import annotations

import pytest

from gpushopper.core.model.attempt import OPEN_STATES, Attempt, Desire, Origin, State
from gpushopper.core.model.session import FAILURES, Status, current, derive_reach, derive_status
from tests.core.samples import WALL, attempt, session

BEFORE = {"handed_over_at": None}
S = State


@pytest.mark.parametrize(
    ("attempts", "status"),
    [
        ([], Status.PENDING),
        ([attempt(S.PREPARED)], Status.PENDING),
        ([attempt(S.SENT)], Status.PENDING),
        ([attempt(S.UNCERTAIN)], Status.PENDING),
        ([attempt(S.BOOTING)], Status.PROVISIONING),
        ([attempt(S.SUSPECT, **BEFORE)], Status.PROVISIONING),
        ([attempt(S.INTERRUPTED, **BEFORE)], Status.PROVISIONING),
        ([attempt(S.RUNNING)], Status.RUNNING),
        ([attempt(S.SUSPECT)], Status.RUNNING),
        ([attempt(S.INTERRUPTED)], Status.RUNNING),
        ([attempt(S.DESTROYING)], Status.PENDING),
        ([attempt(S.GONE)], Status.PENDING),
        ([attempt(S.DESTROYING), attempt(S.BOOTING, 2)], Status.PROVISIONING),
        ([attempt(S.BOOTING, 2), attempt(S.GONE)], Status.PROVISIONING),
        ([attempt(S.GONE), attempt(S.PREPARED, 2)], Status.PENDING),
        ([attempt(S.RUNNING), attempt(S.DESTROYING, 2, reason="twin", origin=Origin.SWEEP)], Status.RUNNING),
    ],
)  # fmt: skip
def test_a_wanted_session_is_named_after_its_newest_own_attempt(attempts: list[Attempt], status: Status):
    assert derive_status(session(), attempts) is status


@pytest.mark.parametrize("state", OPEN_STATES)
def test_an_ended_session_is_stopping_while_any_attempt_is_open(state: State):
    ended = session(desire=Desire.GONE, reason="user")
    assert derive_status(ended, [attempt(state), attempt(S.GONE, 2)]) is Status.STOPPING
    assert derive_status(ended, [attempt(S.GONE, 2), attempt(state, 3, reason="twin")]) is Status.STOPPING


@pytest.mark.parametrize("reason", ["user", "deadline", "hard_maximum", "interrupted", "budget", *sorted(FAILURES)])
def test_an_ended_session_is_stopped_or_failed_by_its_reason(reason: str):
    ended = session(desire=Desire.GONE, reason=reason, ended_at=WALL)
    failed = reason not in ("user", "deadline", "hard_maximum", "interrupted", "budget")
    assert derive_status(ended, [attempt(S.GONE)]) is (Status.FAILED if failed else Status.STOPPED)
    assert derive_status(ended, []) is (Status.FAILED if failed else Status.STOPPED)


def test_the_current_attempt_is_the_newest_that_is_no_twin():
    first, second, twin = attempt(number=1), attempt(number=2), attempt(number=3, reason="twin")
    assert current([]) is None
    assert current([second, twin, first]) is second
    assert current([twin]) is None


@pytest.mark.parametrize(
    ("state", "reach"), [(S.RUNNING, "ok"), (S.BOOTING, "ok"), (S.SUSPECT, "missing"), (S.INTERRUPTED, "interrupted")]
)
def test_reach_says_what_the_instance_looks_like_from_here(state: State, reach: str):
    assert derive_reach([attempt(state)]) == reach
    assert derive_reach([]) == ""
