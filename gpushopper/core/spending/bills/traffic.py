"""Traffic in the ledger: counted by an instance's own network until its cloud's bill says what it was (F25).

Each counts once: what the bill has beyond what was counted is entered, and less only once the bill is settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import NetworkCount
from gpushopper.core.model.money import Micros
from gpushopper.core.spending.ledger import BILL, TRAFFIC, Entry, by_hours
from gpushopper.core.spending.pro_rata import share

GB = 10**9
MOST_BYTES = 750 * GB
"""The most that one heartbeat may add each way: ten minutes of 10 Gbit/s. What is more is for the bill to tell."""


def count_traffic(attempt: Attempt, seen: NetworkCount | None) -> dict[str, Any]:
    """The columns of an attempt after a heartbeat with these counters; none where nothing is to be noted.

    The first counters begin the count: what came before them may be another's. So do counters that have become smaller:
    the instance has restarted, or an interface is gone; what came with it is for the bill to tell. A host may report
    anything: no more is believed than a fast link carries. What is worth less than a micro-dollar waits for more.
    """
    if seen is None:
        return {}
    counters = {"received_bytes": seen.received, "sent_bytes": seen.sent}
    received, sent = attempt.received_bytes, attempt.sent_bytes
    if received is None or sent is None:
        return counters
    if seen.received < received or seen.sent < sent:
        return counters
    down, up = min(seen.received - received, MOST_BYTES), min(seen.sent - sent, MOST_BYTES)
    more = attempt.offer.download_gb * down + attempt.offer.upload_gb * up
    if more < GB:
        return {}
    return counters | {"unbooked_traffic": attempt.unbooked_traffic + more // GB}


def billed_traffic(
    attempt: Attempt, billed: Micros, counted: Iterable[Entry], from_at: int, until: int, *, is_settled: bool
) -> tuple[Entry, ...]:
    """The entries by which the traffic up to `until` becomes what the bill has; wall µs.

    `counted` are all entries of the attempt, with what accrues now. What the bill has more is spread from `from_at` on,
    where the bill before it ended; what it has less, over all the time that was billed.
    """
    start = attempt.sent_at if attempt.sent_at is not None else attempt.prepared_at
    end = max(until, start)
    booked = [entry for entry in counted if entry.kind == TRAFFIC]
    # Of what is closed all is booked: entries of a bill that was read before its end was known may lie beyond that end.
    more = billed - sum(_up_to(entry, end) if attempt.is_open else entry.micros for entry in booked)
    if more == 0 or (more < 0 and not is_settled):
        return ()
    begin = max(from_at, start) if more > 0 and from_at < end else start
    return by_hours(attempt.id, TRAFFIC, more, begin, end, BILL)


def _up_to(entry: Entry, end: int) -> Micros:
    """Its part up to a moment; one that lasts no time counts at that moment still."""
    return share(entry.micros, entry.from_at, entry.to_at, 0, end + 1 if entry.from_at == entry.to_at else end)
