"""Traffic counts once: by the instance's counters until its bill says what it was (F25)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.attempt import State
from gpushopper.core.model.heartbeat import NetworkCount
from gpushopper.core.spending import ledger
from gpushopper.core.spending.bills.traffic import billed_traffic, count_traffic
from gpushopper.core.spending.ledger import BILL, TRAFFIC, Entry
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE
from tests.core.samples import OFFER, WALL, attempt

GB = 10**9
PRICED = replace(OFFER, upload_gb=20_000, download_gb=5_000)
SEEN = attempt(State.RUNNING, offer=PRICED, received_bytes=10 * GB, sent_bytes=GB, heartbeat_at=WALL + 30 * MINUTE)


def test_the_first_counters_only_begin_the_count():
    fresh = replace(SEEN, received_bytes=None, sent_bytes=None)
    assert count_traffic(fresh, NetworkCount(7 * GB, 3 * GB)) == {"received_bytes": 7 * GB, "sent_bytes": 3 * GB}
    assert count_traffic(fresh, None) == {}


@pytest.mark.parametrize(
    ("received", "sent", "more"),
    [(12 * GB, GB, 10_000), (10 * GB, 2 * GB, 20_000), (11 * GB, 2 * GB, 25_000), (10 * GB, GB + 50_000, 1),
     (10**15, GB, 750 * 5_000), (10 * GB, 10**15, 750 * 20_000)],
)  # fmt: skip
def test_bytes_cost_what_the_offer_says_each_way_and_no_lie_costs_more_than_a_link_carries(
    received: int, sent: int, more: int
):
    found = count_traffic(replace(SEEN, unbooked_traffic=5), NetworkCount(received, sent))
    assert found == {"received_bytes": received, "sent_bytes": sent, "unbooked_traffic": 5 + more}


@pytest.mark.parametrize("counters", [(0, 0), (2 * GB, GB), (9 * GB, 500 * GB)])
def test_counters_that_fall_begin_the_count_anew(counters: tuple[int, int]):
    """The instance restarted, or one of several interfaces is gone: the others' bytes have been counted."""
    assert count_traffic(SEEN, NetworkCount(*counters)) == {"received_bytes": counters[0], "sent_bytes": counters[1]}


def test_what_is_worth_less_than_a_micro_dollar_waits_for_more():
    assert count_traffic(SEEN, NetworkCount(10 * GB, GB + 49_999)) == {}
    free = replace(OFFER, upload_gb=0, download_gb=0)
    assert count_traffic(replace(SEEN, offer=free), NetworkCount(99 * GB, GB)) == {}


def traffic(entries: tuple[Entry, ...]) -> list[Entry]:
    return [entry for entry in entries if entry.kind == TRAFFIC]


def test_counted_traffic_is_entered_up_to_the_last_heartbeat():
    one = replace(SEEN, unbooked_traffic=900)
    entries, after = ledger.accrue(one, WALL + HOUR)
    assert (sum(e.micros for e in traffic(entries)), traffic(entries)[-1].to_at) == (900, WALL + 30 * MINUTE)
    assert after.unbooked_traffic == 0


def test_what_was_counted_later_waits_for_the_next_entry():
    one = replace(SEEN, unbooked_traffic=900)
    entries, after = ledger.accrue(one, WALL + 10 * MINUTE)
    assert sum(e.micros for e in traffic(entries)) == 300 and after.unbooked_traffic == 600
    more, after = ledger.accrue(after, WALL + HOUR)
    assert sum(e.micros for e in traffic(more)) == 600 and after.unbooked_traffic == 0


def test_at_the_end_nothing_of_it_is_lost_or_taken_back():
    one = replace(SEEN, unbooked_traffic=900, billed_until=WALL + HOUR)
    same, left = ledger.accrue(one, WALL + HOUR)
    assert same == () and ledger.rest_of_traffic(left, WALL + HOUR) == (
        Entry(one.id, TRAFFIC, WALL + HOUR, WALL + HOUR, 900),
    )
    assert ledger.rest_of_traffic(replace(left, unbooked_traffic=0), WALL) == ()
    booked = (Entry(one.id, TRAFFIC, WALL, WALL + HOUR, 900),)
    assert ledger.settle(one, WALL + MINUTE, booked) == ()


COUNTED = (Entry("a", TRAFFIC, WALL, WALL + HOUR, 600), Entry("a", "gpu", WALL, WALL + HOUR, 10**6))


def test_what_the_bill_has_more_is_entered_where_the_bill_before_it_ended():
    found = billed_traffic(SEEN, 1000, COUNTED, WALL + 30 * MINUTE, WALL + HOUR, is_settled=False)
    assert sum(e.micros for e in found) == 400 and {e.reason for e in found} == {BILL}
    assert (found[0].from_at, found[-1].to_at) == (WALL + 30 * MINUTE, WALL + HOUR)


def test_what_it_has_less_counts_once_it_is_settled():
    assert billed_traffic(SEEN, 100, COUNTED, 0, WALL + HOUR, is_settled=False) == ()
    found = billed_traffic(SEEN, 100, COUNTED, WALL + 30 * MINUTE, WALL + HOUR, is_settled=True)
    assert sum(e.micros for e in found) == -500 and all(e.correction for e in found)
    assert found[0].from_at == SEEN.sent_at


def test_what_was_counted_beyond_the_bill_is_kept():
    found = billed_traffic(SEEN, 600, COUNTED, 0, WALL + 30 * MINUTE, is_settled=False)
    assert sum(e.micros for e in found) == 300, "300 of 600 were counted in that time"


@given(
    bills=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 5 * HOUR)), min_size=1, max_size=5),
    counted=st.integers(0, 10**6),
)
def test_after_the_settled_bill_the_ledger_has_exactly_its_traffic(bills: list[tuple[int, int]], counted: int):
    entries, before = [Entry("a", TRAFFIC, WALL, WALL + HOUR, counted)], 0
    for billed, span in bills:
        entries += billed_traffic(SEEN, billed, entries, before, WALL + span, is_settled=False)
        before = WALL + span
    last = 777
    entries += billed_traffic(SEEN, last, entries, before, WALL + 9 * HOUR, is_settled=True)
    assert sum(e.micros for e in entries) == last
    assert all(e.micros >= 0 or e.correction for e in entries)
    assert all(e.from_at // HOUR == max(e.to_at - 1, e.from_at) // HOUR for e in entries[1:]), "no entry beyond an hour"


@pytest.mark.parametrize("held_at", [HOUR + 30 * MINUTE, HOUR + 5 * MINUTE])
def test_a_bill_that_was_read_before_the_end_was_known_counts_whole_once_it_is_closed(held_at: int):
    """Its entries may lie beyond the end: read between off and the receipt, or dated by the upgrade to schema 8."""
    end = WALL + HOUR
    closed = attempt(State.CLOSED, offer=PRICED, off_at=end, closed_at=end + 5 * MINUTE)
    held = (Entry("a", TRAFFIC, WALL + held_at, WALL + held_at, 900_000, reason=BILL),)
    assert billed_traffic(closed, 900_000, held, end, end, is_settled=True) == ()
