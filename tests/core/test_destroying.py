"""A destroy is retried without end, waits only while its proof forms, and is proven by absences (D6, I5, I6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.lifecycle.destroying import after_destroy, destroy_retry_s, destroying_fields
from gpushopper.core.lifecycle.evidence import ObservedList, add_absence, counts_as_absence, is_proven_gone
from gpushopper.core.lifecycle.sightings import on_sighting
from gpushopper.core.listing.missing import close_if_proven, decide_missing
from gpushopper.core.model.actions import CloseAttempt
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, ReceiptKind, State
from gpushopper.core.model.instance import StatusClass
from gpushopper.core.policy import POLICIES, REAL
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from tests.core.samples import BOOT, FOREIGN, NOW, WALL, attempt, carried_out, change, moment, of, row, seen, session

SESSION = session()
ENDING = attempt(State.DESTROYING, next_destroy_boot=BOOT)
ACKNOWLEDGED = replace(
    ENDING, destroy_count=1, destroy_acknowledged=True, last_destroy_boot=BOOT, next_destroy_boot=BOOT + us(300)
)
NO_ABSENCES = (0, None, None)


def absences_of(one: Attempt) -> tuple[int, int | None, int | None]:
    return one.absence_count, one.first_absence_boot, one.last_absence_boot


def missing(one: Attempt, after_s: float) -> Attempt:
    """The attempt after a by-id "not found" beside a list that lacks it too."""
    now = moment(after_s)
    return carried_out(one, decide_missing(SESSION, one, seen(FOREIGN, now=now), now.boot, now, REAL))


def is_absence(one: Attempt, listed: ObservedList, now: ClockSnapshot, asked_s: float = 100) -> bool:
    return counts_as_absence(one, listed, moment(asked_s).boot, now, REAL)


# ---- the ladder


def test_the_retry_interval_grows_to_five_minutes_and_stays_there():
    assert [destroy_retry_s(n, REAL) for n in (1, 2, 3, 4, 5, 6, 7, 1000)] == [5, 15, 30, 60, 120, 300, 300, 300]
    assert destroy_retry_s(0, REAL) == 5


@given(
    destroys=st.integers(0, 10_000),
    acknowledged=st.booleans(),
    retry=st.none() | st.floats(0, 1e9),
    policy=st.sampled_from(sorted(POLICIES)),
)
def test_the_next_destroy_is_never_more_than_five_minutes_away(
    destroys: int, acknowledged: bool, retry: float | None, policy: str
):
    after = carried_out(
        ENDING, [after_destroy(replace(ENDING, destroy_count=destroys), acknowledged, "", retry, NOW, REAL)]
    )
    assert after.next_destroy_boot is not None
    assert BOOT < after.next_destroy_boot <= BOOT + us(300)
    scaled = after_destroy(replace(ENDING, destroy_count=destroys), acknowledged, "", retry, NOW, POLICIES[policy])
    assert BOOT < scaled.fields["next_destroy_boot"] <= BOOT + us(POLICIES[policy].destroy_retry_steady_s)


@pytest.mark.parametrize(
    ("destroys", "acknowledged", "retry", "wait_s"),
    [(0, False, None, 5), (1, False, None, 15), (5, False, None, 300), (0, True, None, 300), (0, False, 60, 60),
     (3, False, 10, 60), (0, False, 9000, 300), (0, True, 10, 300)],
)  # fmt: skip
def test_a_destroy_is_retried_by_its_intervals_and_waits_once_acknowledged(
    destroys: int, acknowledged: bool, retry: float | None, wait_s: float
):
    fields = after_destroy(replace(ENDING, destroy_count=destroys), acknowledged, "", retry, NOW, REAL).fields
    assert fields["next_destroy_boot"] == BOOT + us(wait_s)
    assert fields["destroy_count"] == destroys + 1


@given(acknowledged=st.booleans(), before=st.booleans())
def test_no_answer_to_a_destroy_closes_anything(acknowledged: bool, before: bool):
    one = replace(
        ACKNOWLEDGED, destroy_acknowledged=before, absence_count=2, first_absence_boot=BOOT, last_absence_boot=BOOT
    )
    after = carried_out(one, [after_destroy(one, acknowledged, "", None, moment(60), REAL)])
    assert after.state is State.DESTROYING
    assert after.destroy_acknowledged is (acknowledged or before)
    assert absences_of(after) == NO_ABSENCES, "absence before the last destroy proves nothing"
    assert after.last_destroy_boot == moment(60).boot


# ---- seen while destroying


@pytest.mark.parametrize("status", [each for each in StatusClass if each is not StatusClass.ENDING])
def test_present_in_any_status_it_is_destroyed_again_soon(status: StatusClass):
    one = replace(ACKNOWLEDGED, absence_count=2, first_absence_boot=BOOT, last_absence_boot=BOOT, off_at=WALL)
    after = carried_out(one, on_sighting(SESSION, one, row(status=status), moment(3), REAL))
    assert after.state is State.DESTROYING
    assert after.next_destroy_boot == BOOT + us(5), "by the ladder from the last destroy, not after five minutes"
    assert (absences_of(after), after.off_at) == (NO_ABSENCES, None)


@pytest.mark.parametrize(("acknowledged", "waits_s"), [(True, 300), (False, 5)])
def test_while_its_cloud_removes_it_no_further_destroy_is_brought_forward(acknowledged: bool, waits_s: int):
    one = replace(ACKNOWLEDGED, absence_count=2, destroy_acknowledged=acknowledged)
    after = carried_out(one, on_sighting(SESSION, one, row(status=StatusClass.ENDING), moment(3), REAL))
    assert after.next_destroy_boot == BOOT + us(waits_s)
    assert (after.state, absences_of(after)) == (State.DESTROYING, NO_ABSENCES), "it is still there"


def test_a_sighting_never_puts_a_destroy_off():
    one = replace(ACKNOWLEDGED, destroy_count=6, next_destroy_boot=BOOT + us(40))
    assert carried_out(one, on_sighting(SESSION, one, row(), NOW, REAL)).next_destroy_boot == BOOT + us(40)


def test_after_a_restart_a_sighting_sets_the_next_destroy():
    one = replace(ACKNOWLEDGED, next_destroy_boot=None)
    assert carried_out(one, on_sighting(SESSION, one, row(), NOW, REAL)).next_destroy_boot == BOOT + us(5)
    unsent = replace(ENDING, next_destroy_boot=BOOT)
    assert carried_out(unsent, on_sighting(SESSION, unsent, row(), moment(9), REAL)).next_destroy_boot == BOOT


def test_seen_again_after_it_was_off_is_an_event():
    off = replace(ACKNOWLEDGED, off_at=WALL)
    note = change(on_sighting(SESSION, off, row(), NOW, REAL)).event
    assert note is not None and note.kind == "reappeared"
    assert change(on_sighting(SESSION, ACKNOWLEDGED, row(), NOW, REAL)).event is None


# ---- units of proof


@pytest.mark.parametrize("age_s", [0, 60])
def test_a_fresh_complete_list_and_a_read_by_id_make_an_absence(age_s: float):
    assert is_absence(ACKNOWLEDGED, seen(FOREIGN, now=moment(100)), moment(100 + age_s))


def test_incomplete_evidence_is_no_absence():
    now = moment(100)
    assert not is_absence(ACKNOWLEDGED, seen(FOREIGN, now=now, is_complete=False), now)
    assert not is_absence(ACKNOWLEDGED, seen(row(), now=now), now)
    assert not is_absence(ACKNOWLEDGED, seen(FOREIGN, now=now), moment(160.1)), "the list is too old"
    assert not is_absence(replace(ACKNOWLEDGED, instance_id=None), seen(FOREIGN, now=now), now)
    assert not is_absence(replace(ACKNOWLEDGED, last_destroy_boot=None), seen(FOREIGN, now=now), now)


def test_before_a_destroy_was_answered_nothing_is_off():
    """Otherwise the next attempt would start beside an instance nobody has ended (F10)."""
    unanswered = missing(ENDING, 100)
    assert (absences_of(unanswered), unanswered.off_at) == (NO_ABSENCES, None)


@pytest.mark.parametrize(
    ("list_s", "read_s", "counts"), [(50, 50, True), (49.9, 60, False), (60, 49.9, False), (60, 60, True)]
)
def test_what_was_requested_before_the_last_destroy_proves_nothing(list_s: float, read_s: float, counts: bool):
    now, one = moment(61), replace(ACKNOWLEDGED, last_destroy_boot=moment(50).boot)
    listed = seen(FOREIGN, now=now, requested_boot=moment(list_s).boot)
    assert is_absence(one, listed, now, read_s) is counts
    read = decide_missing(SESSION, one, listed, moment(read_s).boot, now, REAL)
    assert bool(read) is counts


def test_absences_closer_than_their_interval_count_once():
    one = missing(ACKNOWLEDGED, 10)
    assert absences_of(one) == (1, moment(10).boot, moment(10).boot)
    assert missing(one, 39.9) == one
    assert absences_of(missing(one, 40)) == (2, moment(10).boot, moment(40).boot)


@pytest.mark.parametrize(
    ("absence_count", "span_s", "acknowledged", "proven"),
    [(3, 120, True, True), (2, 120, True, False), (3, 119.9, True, False), (3, 120, False, False),
     (9, 9000, True, True), (9, 9000, False, False), (0, 0, True, False)],
)  # fmt: skip
def test_proven_needs_an_acknowledged_destroy_and_three_absences_over_two_minutes(
    absence_count: int, span_s: float, acknowledged: bool, proven: bool
):
    one = replace(
        ACKNOWLEDGED,
        absence_count=absence_count,
        destroy_acknowledged=acknowledged,
        first_absence_boot=BOOT,
        last_absence_boot=moment(span_s).boot,
    )
    assert is_proven_gone(one, REAL) is proven


def test_absences_of_an_earlier_run_of_the_daemon_prove_nothing():
    assert not is_proven_gone(
        replace(ACKNOWLEDGED, absence_count=3, first_absence_boot=None, last_absence_boot=BOOT), REAL
    )
    assert not is_proven_gone(
        replace(ACKNOWLEDGED, absence_count=3, first_absence_boot=BOOT, last_absence_boot=None), REAL
    )
    assert (
        add_absence(replace(ACKNOWLEDGED, absence_count=0, first_absence_boot=BOOT), BOOT + 5)["first_absence_boot"]
        == BOOT + 5
    )


def test_the_first_absence_sets_when_it_went_off():
    one = missing(ACKNOWLEDGED, 10)
    assert one.off_at == moment(10).wall
    assert missing(one, 40).off_at == moment(10).wall


def test_an_acknowledged_destroy_waits_while_absences_are_counted():
    assert missing(ACKNOWLEDGED, 200).next_destroy_boot == moment(500).boot


def test_an_unacknowledged_destroy_is_retried_although_nothing_is_listed():
    """Otherwise each unit would put off the destroy without which no number of units proves anything."""
    unacknowledged = replace(ACKNOWLEDGED, destroy_acknowledged=False, next_destroy_boot=moment(5).boot)
    one = unacknowledged
    for step in range(20):
        one = missing(one, 3 + 30 * step)
    assert one.absence_count == 20 and not is_proven_gone(one, REAL)
    assert one.next_destroy_boot == moment(5).boot


def test_a_sighting_between_absences_starts_the_proof_anew():
    one = missing(missing(ACKNOWLEDGED, 10), 40)
    one = carried_out(one, on_sighting(SESSION, one, row(), moment(50), REAL))
    assert absences_of(missing(one, 60)) == (1, moment(60).boot, moment(60).boot)


@given(looks=st.lists(st.tuples(st.floats(0.1, 200), st.booleans()), max_size=30))
def test_no_sequence_of_lists_proves_an_end_in_less_than_its_rule(looks: list[tuple[float, bool]]):
    one, at, absent_since = ACKNOWLEDGED, 1.0, None
    for gap, present in looks:
        at += gap
        if present:
            one = carried_out(one, on_sighting(SESSION, one, row(), moment(at), REAL))
            absent_since = None
        else:
            absent_since = at if absent_since is None else absent_since
            one = missing(one, at)
        if is_proven_gone(one, REAL):
            assert absent_since is not None and at - absent_since >= 119.99
            assert one.absence_count >= 3


# ---- the close


def test_only_a_proven_end_closes_and_the_cost_stops_at_the_first_absence():
    one = replace(ACKNOWLEDGED, absence_count=3, off_at=moment(10).wall)
    (close,) = of(CloseAttempt, close_if_proven(one, True, moment(200)))
    assert (close.kind, close.reason, close.ended_at) == (ReceiptKind.PROVEN, "user", moment(10).wall)
    assert close.evidence == {"destroy_count": 1, "absence_count": 3}
    assert close_if_proven(one, False, moment(200)) == []
    assert (
        of(CloseAttempt, close_if_proven(replace(one, off_at=None), True, moment(200)))[0].ended_at == moment(200).wall
    )


@pytest.mark.parametrize("state", [*sorted(ALIVE_STATES), State.CLOSED, State.UNCERTAIN, State.SENT, State.PREPARED])
def test_nothing_but_destroying_is_closed_as_proven(state: State):
    assert close_if_proven(attempt(state), True, NOW) == []


def test_entering_destroying_again_needs_a_new_proof():
    old = replace(ACKNOWLEDGED, absence_count=5, first_absence_boot=BOOT, last_absence_boot=BOOT + us(900), off_at=WALL)
    again = replace(old, **destroying_fields(moment(1000)))
    assert not is_proven_gone(again, REAL)
    assert (again.destroy_acknowledged, again.off_at, again.next_destroy_boot) == (False, None, moment(1000).boot)


def test_cost_ends_at_the_first_absence_of_the_proof_that_holds():
    """A destroy between two absences starts the proof anew: the older absence no longer ends the cost."""
    overtaken = replace(ACKNOWLEDGED, off_at=5)
    assert missing(overtaken, 40).off_at == moment(40).wall
    second = missing(missing(overtaken, 40), 80)
    assert (second.absence_count, second.off_at) == (2, moment(40).wall)
