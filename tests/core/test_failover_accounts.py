"""Failover over several accounts: whose part has ended, who is passed over, and what bars them all (I2, F10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.cloud import ImageKind
from gpushopper.core.lifecycle.failover import give_way, next_attempt
from gpushopper.core.model.actions import EndSession, StartAttempt, TerminateAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState, State
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.policy import REAL
from tests.core.accounts import Accounts, account, traits
from tests.core.samples import WALL, attempt, moment, offer, session

A1, A2 = offer(provider="a", offer_id="1", host_id="h"), offer(provider="a", offer_id="2", host_id="i")
B1, B2 = offer(provider="b", offer_id="1", host_id="h"), offer(provider="b", offer_id="2", host_id="i")
BOTH = Accounts(account("a"), account("b", cloud=traits("b", "own-of-b")))


def failed(reason: str, taken: Offer = A1, state: State = State.CLOSED, **changes: Any) -> Attempt:
    return attempt(state, reason=reason, offer=taken, provider=taken.provider, **changes)


def step(
    one: Session, *attempts: Attempt, accounts: Accounts = BOTH, after_s: float = 60
) -> StartAttempt | EndSession | None:
    return next_attempt(one, attempts, accounts, moment(after_s), REAL)


def taken(answer: Any) -> Offer:
    assert isinstance(answer, StartAttempt), answer
    return answer.choices[0].offer


def offers(*found: Offer, **changes: Any) -> Session:
    return session(shortlist=found, **changes)


def test_the_next_offer_may_be_at_another_account_with_its_id_image_and_clock():
    answer = step(offers(B1, A2, image=""), failed("refused"))
    assert isinstance(answer, StartAttempt) and not answer.passed_over
    first, second = answer.choices
    assert (first.offer, first.account, first.image, first.shortlist) == (B1, "id of b", "own-of-b", (A2,))
    assert (second.offer, second.account, second.image, second.shortlist) == (A2, "id of a", "pytorch", (B1,))
    assert first.at == account("b").at and first.uses_retry


@pytest.mark.parametrize("reason", ["key_rejected", "insufficient_credit", "no_guard"])
def test_a_reason_of_one_account_ends_its_part_only(reason: str):
    assert taken(step(offers(A2, B1), failed(reason))) == B1
    only = offers(A2)
    assert step(only, failed(reason)) == EndSession(only, reason)
    last = offers(A2, B1, retries_left=0)
    assert step(last, failed(reason)) == EndSession(last, reason)
    later = failed("boot_failed", B1, number=2)
    assert isinstance(step(only, failed(reason), later), EndSession), "for good, not only right afterwards"


def test_a_fault_of_this_computer_ends_the_session_at_every_account():
    one = offers(A2, B1)
    assert step(one, failed("local_error")) == EndSession(one, "local_error")


@given(state=st.sampled_from([s for s in State if s is not State.CLOSED]), wanted=st.booleans())
def test_whatever_may_still_exist_bars_every_account(state: State, wanted: bool):
    """I2, F10: an instance of the first cloud may appear as long as its outcome is not known."""
    desired = DesiredState.RUNNING if wanted else DesiredState.TERMINATED
    open_one = failed("boot_timeout", A1, state, desired_state=desired)
    assert step(offers(B1), open_one) is None
    assert step(offers(B1), open_one, failed("refused", A2, number=2)) is None


def test_an_account_that_cannot_rent_now_is_passed_over_and_keeps_its_offers():
    down = Accounts(account("a", unable="a cannot be read"), account("b"))
    answer = step(offers(A2, B1, B2), failed("refused"), accounts=down)
    assert taken(answer) == B1 and isinstance(answer, StartAttempt)
    assert answer.passed_over == (("a", "a cannot be read"),)
    assert answer.choices[0].shortlist == (A2, B2)
    assert [choice.offer for choice in answer.choices] == [B1, B2]


@pytest.mark.parametrize("changes", [{"provider_answered": False}, {"provider_date": moment(400).wall}])
def test_an_account_whose_date_is_unknown_or_wrong_is_passed_over(changes: dict[str, Any]):
    odd = Accounts(account("a", **changes), account("b"))
    assert taken(step(offers(A2, B1), failed("refused"), accounts=odd)) == B1
    assert step(offers(A2), failed("refused"), accounts=odd) is None, "no deadline by a clock that may be wrong"


def test_where_no_account_can_rent_the_first_is_waited_for():
    down = Accounts(account("a", unable="down"), account("b", unable="down"))
    answer = step(offers(B1, A2), failed("refused"), accounts=down)
    assert isinstance(answer, StartAttempt) and [choice.offer for choice in answer.choices] == [B1]


def test_an_unsuitable_account_is_left_out_for_good_and_said():
    vms = Accounts(account("a"), account("b", cloud=traits("b", "ubuntu2404", ImageKind.SYSTEM)))
    answer = step(offers(B1, A2, image="debian:12"), failed("refused"), accounts=vms)
    assert taken(answer) == A2 and isinstance(answer, StartAttempt)
    assert answer.choices[0].shortlist == () and "rents out VMs" in dict(answer.passed_over)["b"]
    ended = step(offers(B1, image="debian:12"), failed("refused"), accounts=vms)
    assert isinstance(ended, EndSession) and ended.reason == "offers_exhausted" and "rents out VMs" in ended.text
    gone = step(offers(B1), failed("refused"), accounts=Accounts(account("a")))
    assert isinstance(gone, EndSession) and "not configured" in gone.text


def test_an_offer_that_was_not_at_fault_goes_elsewhere_only_if_its_account_cannot_rent():
    one = offers(B1)
    again = step(one, failed("throttled"))
    assert taken(again) == A1 and isinstance(again, StartAttempt) and not again.choices[0].uses_retry
    down = Accounts(account("a", unable="no key"), account("b"))
    moved = step(one, failed("never_sent"), accounts=down)
    assert taken(moved) == B1 and isinstance(moved, StartAttempt) and moved.choices[0].uses_retry
    stays = step(offers(B1, retries_left=0), failed("never_sent"), accounts=down)
    assert taken(stays) == A1, "no further offer may be tried"


def test_hosts_of_two_clouds_with_one_id_are_two_hosts():
    refused = failed("image_refused", A1)
    assert taken(step(offers(B1), refused)) == B1


def test_two_hosts_refuse_one_image_and_another_cloud_runs_its_own():
    two = (failed("image_refused", A1), failed("image_refused", A2, number=2))
    own = offers(B1, image="")
    assert taken(step(own, *two)) == B1
    named = offers(B1)
    assert step(named, *two) == EndSession(named, "image_refused"), "every cloud asks the same registry for it"


# ---- an attempt that waits to be sent


def waiting(after_s: float, one: Session, accounts: Accounts, state: State = State.PREPARED, **changes: Any) -> Any:
    prepared = failed("", A1, state, **changes)
    return give_way(one, [prepared], accounts, moment(after_s), REAL)


NO_KEY = Accounts(account("a", unable="no key"), account("b"))


def test_an_attempt_that_waits_gives_way_after_a_minute_to_an_account_that_can_rent():
    answer = waiting(60, offers(B1), NO_KEY)
    assert isinstance(answer, TerminateAttempt) and (answer.reason, "no key" in answer.text) == ("passed_over", True)
    assert taken(step(offers(B1), failed("passed_over"), accounts=NO_KEY)) == B1


@pytest.mark.parametrize(
    ("after_s", "one", "accounts", "changes"),
    [
        (59.9, offers(B1), NO_KEY, {}), (60, offers(B1), BOTH, {}), (60, offers(A2), NO_KEY, {}),
        (60, offers(B1, retries_left=0), NO_KEY, {}), (60, offers(B1), NO_KEY, {"state": State.UNCERTAIN}),
        (60, offers(B1), NO_KEY, {"state": State.SENT}),
        (60, offers(B1), Accounts(account("a", unable="x"), account("b", unable="y")), {}),
        (60, offers(B1), NO_KEY, {"desired_state": DesiredState.TERMINATED}),
    ],
)  # fmt: skip
def test_otherwise_it_waits_on(after_s: float, one: Session, accounts: Accounts, changes: dict[str, Any]):
    """Above all once it was sent: then an instance may exist."""
    assert waiting(after_s, one, accounts, **changes) is None


# ---- types


def kind(number: int = 1, stock: int | None = None, provider: str = "a") -> Offer:
    return offer(provider=provider, offer_id=f"type{number}", is_single=False, stock=stock, host_id=None)


@pytest.mark.parametrize("reason", ["boot_timeout", "boot_failed", "ssh_timeout", "create_not_found"])
def test_another_machine_of_a_type_is_tried_once_nothing_else_is_left(reason: str):
    first = failed(reason, kind())
    answer = step(offers(B1), first)
    assert isinstance(answer, StartAttempt) and [c.offer for c in answer.choices] == [B1, kind()]
    assert answer.choices[0].shortlist == ()
    assert taken(step(offers(), first)) == kind()
    spent = offers(retries_left=0)
    assert isinstance(step(spent, first), EndSession)


@pytest.mark.parametrize("reason", ["offer_gone", "price_changed", "offer_mismatch", "refused", "guard_not_armed"])
def test_a_type_that_is_gone_or_not_as_offered_is_not_tried_again(reason: str):
    assert isinstance(step(offers(), failed(reason, kind())), EndSession)
    other = failed("boot_failed", kind(), number=2)
    assert isinstance(step(offers(), failed(reason, kind()), other), EndSession)


def test_a_type_is_tried_as_often_as_it_is_in_stock_and_one_host_only_once():
    one, two = failed("boot_failed", kind(stock=2)), failed("boot_failed", kind(stock=2), number=2)
    assert taken(step(offers(), one)) == kind(stock=2)
    assert isinstance(step(offers(), one, two), EndSession)
    assert isinstance(step(offers(), failed("boot_failed", A1)), EndSession)


def test_a_type_still_on_the_shortlist_is_not_there_twice():
    answer = step(offers(kind()), failed("boot_failed", kind()))
    assert isinstance(answer, StartAttempt) and len(answer.choices) == 1


def test_the_request_expires_wherever_the_next_offer_is():
    late = failed("boot_timeout", terminate_requested_at=WALL)
    ended = step(offers(B1), late, accounts=Accounts(account("a", 601), account("b", 601)), after_s=601)
    assert isinstance(ended, EndSession) and ended.reason == "request_expired"
    assert replace(late, reason="x").is_open is False


@pytest.mark.parametrize("changes", [{"duration_us": None, "deadline_at": moment(30).wall}, {}])
def test_no_session_is_ended_by_a_clock_that_may_be_wrong(changes: dict[str, Any]):
    """Its deadline or its request seem to be past; a second cloud whose date agrees with ours decides (I12)."""
    off = {"provider_date": moment(-9000).wall}
    late = failed("boot_timeout", terminate_requested_at=WALL)
    one = offers(A2, B1, **changes)
    wrong = Accounts(account("a", 700, **off), account("b", 700, **off))
    assert step(one, late, accounts=wrong, after_s=700) is None
    sure = Accounts(account("a", 700, **off), account("b", 700))
    assert isinstance(step(one, late, accounts=sure, after_s=700), EndSession)


# ---- offers that fail in a row at one account

C1 = offer(provider="c", offer_id="1", host_id="j")
THREE = Accounts(account("a"), account("b"), account("c"))


def row(*reasons: tuple[str, Offer]) -> list[Attempt]:
    return [failed(reason, taken, number=number) for number, (reason, taken) in enumerate(reasons, 1)]


OFFERS_FAIL = ["offer_gone", "bad_request", "boot_timeout", "boot_failed", "ssh_timeout", "create_not_found",
               "price_changed", "offer_mismatch", "guard_not_armed", "host_key_changed"]  # fmt: skip


@pytest.mark.parametrize("reason", OFFERS_FAIL)
def test_after_two_failures_in_a_row_at_one_account_the_cheapest_offer_elsewhere_is_next(reason: str):
    one = offers(A1, A2, B1, C1, B2, retries_left=5)
    assert taken(step(one, *row((reason, A1)), accounts=THREE)) == A1, "one failure says nothing of the account"
    answer = step(one, *row((reason, A1), ("offer_gone", A2)), accounts=THREE)
    assert isinstance(answer, StartAttempt)
    assert [choice.offer for choice in answer.choices] == [B1, C1, B2, A1, A2]
    assert answer.choices[0].shortlist == (A1, A2, C1, B2), "what remains stays ranked by price"


def test_a_failure_elsewhere_ends_the_row():
    one = offers(A1, B1, retries_left=5)
    assert taken(step(one, *row(("offer_gone", A1), ("offer_gone", A2), ("offer_gone", B2)))) == A1
    assert taken(step(one, *row(("offer_gone", A1), ("offer_gone", B2), ("offer_gone", A2)))) == A1


def test_what_was_no_fault_of_an_offer_neither_makes_nor_ends_a_row():
    one = offers(A1, B1, retries_left=5)
    assert taken(step(one, *row(("passed_over", A1), ("offer_gone", A2)))) == A1
    between = row(("offer_gone", A1), ("passed_over", B2), ("throttled", A2), ("offer_gone", A2))
    assert taken(step(one, *between)) == B1
    assert taken(step(one, *row(("offer_gone", A2), ("image_refused", A2)))) == A1


def test_the_last_retry_is_kept_for_another_account():
    last = offers(A2, B1, retries_left=1)
    assert taken(step(last, *row(("offer_gone", A1)))) == B1
    assert taken(step(offers(A2, B1, retries_left=2), *row(("offer_gone", A1)))) == A2
    tried = row(("offer_gone", B2), ("offer_gone", A1))
    assert taken(step(last, *tried)) == A2, "another account has had its turn"
    assert taken(step(offers(A2, retries_left=1), *row(("offer_gone", A1)))) == A2, "there is no other"


def test_an_account_elsewhere_that_cannot_rent_now_takes_no_turn():
    down = Accounts(account("a"), account("b", unable="b cannot be read"))
    one = offers(A2, B1, retries_left=1)
    answer = step(one, *row(("offer_gone", A1)), accounts=down)
    assert taken(answer) == A2 and isinstance(answer, StartAttempt)
    assert answer.passed_over == (("b", "b cannot be read"),) and answer.choices[0].shortlist == (B1,)


def test_a_type_that_failed_elsewhere_is_not_preferred_to_an_untried_offer():
    one = offers(A1, retries_left=5)
    tried = row(("boot_failed", kind(provider="b")), ("offer_gone", A2), ("offer_gone", A2))
    assert taken(step(one, *tried)) == A1
