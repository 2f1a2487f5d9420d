"""Money as integer micro-dollars (I14): prices parsed and bounded, cost over a span rounded up, formatting."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation

from gpushopper.core.timing.clock_snapshot import HOUR

Micros = int
"""Millionths of a US dollar."""

DOLLAR: Micros = 1_000_000
CENT: Micros = DOLLAR // 100
MAX_RATE: Micros = 10_000 * DOLLAR
"""An hourly price above this is invalid (F116)."""
MAX_AMOUNT: Micros = 1_000_000 * DOLLAR
"""An amount above this is invalid, also a balance."""


def parse_dollars(value: object) -> Micros | None:
    """Read a price; None for anything that is not a finite, non-negative number (F116).

    Accepts int, float, Decimal and numeric text, because Vast sends both (vastai.md 3.1).
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0 or amount * DOLLAR > MAX_AMOUNT:
        return None
    return int((amount * DOLLAR).to_integral_value(rounding="ROUND_HALF_EVEN"))


def is_sane_rate(rate: Micros | None) -> bool:
    """Whether an hourly price is valid: known, above zero, not above `MAX_RATE` (F116)."""
    return rate is not None and 0 < rate <= MAX_RATE


def cost_over(rate_per_hour: Micros, span_us: int) -> Micros:
    """Cost of a span in µs at an hourly rate, rounded up to a micro-dollar. Negative spans cost 0."""
    if span_us <= 0:
        return 0
    return -(-rate_per_hour * span_us // HOUR)


def dollars(amount: Micros, places: int = 2) -> str:
    """`$1.72`; a minus sign stands before the dollar sign."""
    number = f"{Decimal(abs(amount)) / DOLLAR:.{places}f}"
    sign = "-" if amount < 0 and number.strip("0.") else ""  # what rounds to nothing has no sign
    return f"{sign}${number}"


def signed_dollars(amount: Micros, places: int = 2) -> str:
    """`+$0.31` or `-$0.31`: by how much something changes."""
    return dollars(amount, places) if amount < 0 else f"+{dollars(amount, places)}"


def decimal_text(amount: Micros) -> str:
    """Plain six-decimal text for programs: `1.720000`."""
    return f"{Decimal(amount) / DOLLAR:.6f}"
