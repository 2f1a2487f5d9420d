"""The next offer, the same again, or the end: never a second instance beside one that may live (F8, F10, S11, S12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.lifecycle.failover import RETRY_SAME_OFFER, may_fail_over, next_attempt
from gpushopper.core.model.actions import Choice, EndSession, StartAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, Origin, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.policy import REAL
from gpushopper.core.timing.clock_snapshot import us
from tests.core.accounts import Accounts, account
from tests.core.samples import WALL, attempt, moment, offer, session

SECOND, THIRD = offer(offer_id="2"), offer(offer_id="3")
WAITING = session(shortlist=(SECOND, THIRD))


def step(one_session: Session, *attempts: Attempt, after_s: float = 60) -> StartAttempt | EndSession | None:
    return next_attempt(one_session, attempts, Accounts(account("vast", after_s)), moment(after_s), REAL)


def starts(
    one: Session, taken: Offer, left: tuple[Offer, ...], *more: tuple[Offer, tuple[Offer, ...]], uses_retry: bool = True
) -> StartAttempt:
    """The start of an attempt at Vast a minute later; `more` are the choices after the first."""
    at = account("vast", 60).at
    found = [
        Choice(each, "77", one.image, at, rest, uses_retry=uses_retry or each is not taken)
        for each, rest in ((taken, left), *more)
    ]
    return StartAttempt(one, tuple(found))


def failed(reason: str, **changes: Any) -> Attempt:
    return attempt(State.CLOSED, reason=reason, **changes)


@pytest.mark.parametrize("reason", ["refused", "boot_timeout", "boot_failed", "price_changed", "create_not_found"])
def test_after_a_failed_attempt_the_next_offer_is_tried(reason: str):
    assert step(WAITING, failed(reason)) == starts(WAITING, SECOND, (THIRD,), (THIRD, (SECOND,)))


@pytest.mark.parametrize("reason", ["never_sent", "throttled"])
def test_an_offer_that_was_not_at_fault_is_tried_again_at_no_cost(reason: str):
    poor = replace(WAITING, retries_left=0, shortlist=())
    one = failed(reason)
    assert step(poor, one) == starts(poor, one.offer, (), uses_retry=False)


@pytest.mark.parametrize(("age_s", "ends"), [(600, False), (600.001, True)])
@pytest.mark.parametrize("reason", sorted(RETRY_SAME_OFFER))
def test_a_request_is_not_taken_up_again_when_it_is_old(reason: str, age_s: float, ends: bool):
    answer = step(WAITING, failed(reason, terminate_requested_at=None), after_s=age_s)
    assert isinstance(answer, EndSession) is ends
    if isinstance(answer, EndSession):
        assert answer.reason == "request_expired"


@pytest.mark.parametrize(("age_s", "ends"), [(600, False), (600.001, True)])
@pytest.mark.parametrize("reason", ["boot_timeout", "refused", "throttled"])
def test_after_an_end_that_took_too_long_the_request_has_expired(reason: str, age_s: float, ends: bool):
    """Whatever the reason: the user has long gone on, and the next deadline would count from now."""
    late = failed(reason, prepared_at=moment(3000).wall, terminate_requested_at=moment(3000).wall)
    answer = step(WAITING, late, after_s=3000 + age_s)
    assert isinstance(answer, EndSession) is ends
    if isinstance(answer, EndSession):
        assert answer.reason == "request_expired"


def test_the_wait_for_the_same_offer_counts_from_the_first_of_the_last_attempts_in_vain():
    """Not from the session's start, which may lie long before a slow boot; nor from the last attempt alone."""
    early = failed("throttled", number=1, prepared_at=WALL, terminate_requested_at=None)
    slow = failed("boot_timeout", number=2, prepared_at=moment(10).wall, terminate_requested_at=moment(900).wall)
    first = failed("throttled", number=3, prepared_at=moment(1000).wall, terminate_requested_at=None)
    last = failed("never_sent", number=4, prepared_at=moment(1500).wall, terminate_requested_at=None)
    for attempts in ((early, slow, first, last), (last, slow, early, first)):
        assert isinstance(step(WAITING, *attempts, after_s=1600), StartAttempt)
        answer = step(WAITING, *attempts, after_s=1600.001)
        assert isinstance(answer, EndSession) and answer.reason == "request_expired"


@pytest.mark.parametrize(("apart_s", "waits"), [(0, False), (120, False), (-120, False), (121, True), (-121, True)])
def test_no_next_attempt_is_prepared_by_a_clock_that_is_off(apart_s: float, waits: bool):
    now = moment(60)
    told = Accounts(account("vast", 60, provider_date=now.wall + us(apart_s)))
    for one in (failed("boot_timeout"), failed("never_sent")):
        assert (next_attempt(WAITING, [one], told, now, REAL) is None) is waits
    ended = next_attempt(WAITING, [failed("key_rejected")], told, now, REAL)
    assert isinstance(ended, EndSession), "what ends the session needs no clock"


@pytest.mark.parametrize("reason", ["key_rejected", "insufficient_credit", "local_error"])
def test_what_no_other_offer_of_the_account_can_mend_ends_the_session(reason: str):
    assert step(WAITING, failed(reason)) == EndSession(WAITING, reason)


HOST_A = offer(offer_id="1", host_id="a")
HOST_A_TOO, HOST_B = offer(offer_id="2", host_id="a"), offer(offer_id="3", host_id="b")
UNKNOWN_HOST = offer(offer_id="4", host_id="")


def refused(offered: Offer = HOST_A, number: int = 1, **changes: Any) -> Attempt:
    return failed("image_refused", offer=offered, number=number, **changes)


def test_an_image_refused_to_one_host_is_tried_on_another():
    """What one host says may be that host's own trouble. Its other offers would say the same again."""
    one = session(shortlist=(HOST_A_TOO, HOST_B))
    assert step(one, refused()) == starts(one, HOST_B, ())
    unsure = session(shortlist=(UNKNOWN_HOST, HOST_B))
    assert step(unsure, refused()) == starts(unsure, UNKNOWN_HOST, (HOST_B,), (HOST_B, (UNKNOWN_HOST,)))
    more = session(shortlist=(HOST_A_TOO, HOST_B, THIRD, HOST_A_TOO))
    assert step(more, refused()) == starts(more, HOST_B, (THIRD,), (THIRD, (HOST_B,)))


def test_an_image_refused_to_two_hosts_ends_the_session_at_once():
    two = (refused(), refused(HOST_B, 2))
    assert step(WAITING, *two) == EndSession(WAITING, "image_refused")
    under_way = attempt(State.DESTROYING, 2, reason="image_refused", offer=HOST_B)
    assert step(WAITING, refused(), under_way) == EndSession(WAITING, "image_refused"), "it waits for no proof"
    apart = (refused(), failed("boot_failed", number=2), refused(HOST_B, 3))
    assert step(WAITING, *apart) == EndSession(WAITING, "image_refused")


def test_the_same_host_twice_and_unnamed_hosts_are_no_second_report():
    for again in (HOST_A_TOO, UNKNOWN_HOST):
        assert isinstance(step(WAITING, refused(), refused(again, 2)), StartAttempt)
    assert isinstance(step(WAITING, refused(UNKNOWN_HOST), refused(UNKNOWN_HOST, 2)), StartAttempt)
    assert isinstance(step(WAITING, refused(), failed("boot_failed", number=2, offer=HOST_B)), StartAttempt)


@pytest.mark.parametrize("changes", [{"retries_left": 0}, {"shortlist": ()}, {"shortlist": (HOST_A_TOO,)}])
def test_an_image_refused_with_no_other_host_left_ends_the_session(changes: dict[str, Any]):
    one = replace(WAITING, **changes)
    assert step(one, refused()) == EndSession(one, "image_refused")
    wrong = Accounts(account("vast", 60, provider_date=moment(900).wall))
    under_way = attempt(State.DESTROYING, reason="image_refused", offer=HOST_A)
    assert next_attempt(one, [under_way], wrong, moment(60), REAL) == EndSession(one, "image_refused")


def test_a_refused_image_waits_for_its_attempts_end_before_the_next():
    under_way = attempt(State.DESTROYING, 1, reason="image_refused", offer=HOST_A)
    assert step(WAITING, under_way) is None
    assert isinstance(step(WAITING, replace(under_way, off_at=WALL)), StartAttempt)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"retries_left": 0}, "retries_exhausted"), ({"shortlist": ()}, "offers_exhausted"),
     ({"duration_us": None, "deadline_at": moment(60).wall}, "deadline")],
)  # fmt: skip
def test_without_retries_offers_or_time_the_session_ends(changes: dict[str, Any], reason: str):
    answer = step(replace(WAITING, **changes), failed("boot_timeout"))
    assert isinstance(answer, EndSession) and answer.reason == reason


def test_time_that_is_left_is_used():
    answer = step(replace(WAITING, duration_us=None, deadline_at=moment(60).wall + 1), failed("refused"))
    assert isinstance(answer, StartAttempt)


@pytest.mark.parametrize(
    ("one", "free"),
    [
        *((attempt(state, desired_state=DesiredState.RUNNING), state is State.CLOSED) for state in State),
        *((attempt(state, desired_state=DesiredState.TERMINATED), state is State.CLOSED) for state in State),
        (attempt(State.DESTROYING, off_at=WALL), True),
        (attempt(State.DESTROYING, off_at=WALL, desired_state=DesiredState.RUNNING), False),
        (attempt(State.UNCERTAIN, off_at=WALL, desired_state=DesiredState.TERMINATED), False),
    ],
)  # fmt: skip
def test_another_attempt_waits_until_the_former_is_gone_or_off(one: Attempt, free: bool):
    assert may_fail_over(one) is free
    if not free:
        assert step(WAITING, replace(one, reason="boot_timeout")) is None


@pytest.mark.parametrize("reason", ["boot_timeout", "never_sent"])
def test_every_earlier_attempt_must_be_off_not_only_the_last(reason: str):
    back = attempt(State.DESTROYING, 1, reason="boot_timeout")
    assert step(WAITING, back, failed(reason, number=2)) is None
    assert isinstance(step(WAITING, replace(back, off_at=WALL), failed(reason, number=2)), StartAttempt)


def test_a_duplicate_does_not_decide_failover():
    duplicate = attempt(State.CLOSED, 2, reason="duplicate", origin=Origin.DISCOVERED)
    assert step(WAITING, attempt(State.RUNNING), duplicate) is None
    assert isinstance(step(WAITING, failed("refused"), duplicate), StartAttempt)
    assert step(WAITING) is None


def test_an_ended_session_starts_nothing():
    assert step(replace(WAITING, desired_state=DesiredState.TERMINATED), failed("refused")) is None
    assert step(replace(WAITING, desired_state=DesiredState.TERMINATED), failed("key_rejected")) is None


@given(shortlist=st.lists(st.integers(1, 9), unique=True, max_size=8), retries=st.integers(0, 9))
def test_each_offer_is_tried_at_most_once_and_never_more_than_the_retries(shortlist: list[int], retries: int):
    one = session(shortlist=tuple(offer(offer_id=str(n)) for n in shortlist), retries_left=retries)
    tried, last = [], failed("refused")
    for _ in range(20):
        answer = step(one, last)
        if not isinstance(answer, StartAttempt):
            assert isinstance(answer, EndSession)
            break
        taken = answer.choices[0]
        tried.append(taken.offer.offer_id)
        one = replace(one, shortlist=taken.shortlist, retries_left=one.retries_left - taken.uses_retry)
    assert tried == [str(n) for n in shortlist[:retries]]
