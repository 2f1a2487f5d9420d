"""Corrects an attempt by its cloud's bill, only for what was hidden from us: a price, a stop or an end that nobody saw.

Our books go on to the first absence, and by the old price to the sighting of the new one: they may have too much or too
little for as long as nobody looked. What the bill differs by beyond that is no correction, but an alarm (D11).
"""

from __future__ import annotations

from collections.abc import Mapping

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import CENT, Micros, cost_over
from gpushopper.core.model.records.charge import Charge
from gpushopper.core.model.records.hidden_span import Spans, total_us
from gpushopper.core.spending.ledger import BILL, GPU, MINIMUM, STORAGE, Entry, by_hours


def hidden_cost(attempt: Attempt, spans: Spans) -> Micros:
    """The most by which our count can be wrong for what nobody saw, micro-dollars."""
    return cost_over(max(attempt.agreed_rate, attempt.current_rate or 0), total_us(spans))


def corrections(attempt: Attempt, spans: Spans, charge: Charge, ours: Mapping[str, Micros]) -> tuple[Entry, ...]:
    """The entries by which GPU time and disk become what the settled bill has; none without need, or beyond the bound.

    `ours` is what the ledger has by kind. What a cloud names neither GPU nor disk nor traffic counts as GPU time. What
    is no more than a cent may be how bills are rounded.
    """
    gpu = charge.gpu + charge.other - ours.get(GPU, 0) - ours.get(MINIMUM, 0)
    disk = charge.storage - ours.get(STORAGE, 0)
    if not CENT < abs(gpu + disk) <= hidden_cost(attempt, spans):
        return ()
    start, end = max(spans, key=lambda span: span[1] - span[0])
    found = [by_hours(attempt.id, kind, more, start, end, BILL) for kind, more in ((GPU, gpu), (STORAGE, disk)) if more]
    return tuple(entry for entries in found for entry in entries)
