"""The one table of transitions, against a copy written by hand (D1)."""

from __future__ import annotations

import itertools

import pytest

from gpushopper.core.model.attempt import (
    ALIVE_STATES,
    OPEN_STATES,
    TRANSITIONS,
    WITH_INSTANCE,
    DesiredState,
    State,
    may_move,
)
from tests.core.samples import attempt

ALLOWED = {
    "prepared": "sent closed",
    "sent": "booting uncertain closed",
    "uncertain": "booting destroying closed",
    "booting": "running missing interrupted destroying uncertain",
    "running": "missing interrupted destroying",
    "missing": "booting running interrupted destroying uncertain",
    "interrupted": "running booting missing destroying",
    "destroying": "closed uncertain",
    "closed": "destroying",
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_only_the_table_s_transitions_are_allowed(before: State, after: State):
    assert may_move(before, after) is (after.value in ALLOWED[before.value].split())


def test_every_state_stands_in_the_table():
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize("state", sorted(WITH_INSTANCE))
def test_an_attempt_with_an_instance_is_closed_from_destroying_only(state: State):
    assert may_move(state, State.CLOSED) is (state is State.DESTROYING)


@pytest.mark.parametrize("state", sorted(WITH_INSTANCE - {State.DESTROYING}))
def test_a_known_instance_can_always_be_destroyed(state: State):
    assert may_move(state, State.DESTROYING)


def test_nothing_comes_back_to_life():
    for after in State:
        assert may_move(State.CLOSED, after) is (after is State.DESTROYING)
        # Uncertain: the id was another instance's, and ours is to be found by its label (ownership).
        assert may_move(State.DESTROYING, after) is (after in (State.CLOSED, State.UNCERTAIN))


def test_groups_of_states():
    assert set(OPEN_STATES) == set(State) - {State.CLOSED}
    assert set(WITH_INSTANCE) == {State.BOOTING, State.RUNNING, State.MISSING, State.INTERRUPTED, State.DESTROYING}
    assert set(ALIVE_STATES) == set(WITH_INSTANCE) - {State.DESTROYING}


@pytest.mark.parametrize("state", State)
def test_open_is_everything_but_gone(state: State):
    assert attempt(state).is_open is (state is not State.CLOSED)


@pytest.mark.parametrize("desired_state", DesiredState)
def test_an_attempt_is_wanted_while_its_desired_state_is_running(desired_state: DesiredState):
    assert attempt(desired_state=desired_state).is_wanted is (desired_state is DesiredState.RUNNING)
