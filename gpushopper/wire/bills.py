"""The response types about clouds' own bills, compared with ours; micro-dollars, wall µs. They only gain fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BillRow:
    """One session that a cloud has billed, and what we have counted over the same time.

    `ours` is our count, `difference` the bill less it; `is_beyond`: it is above `tolerance`. `is_settled`: the bill is
    as good as final. `until_at`: how far the bill goes.
    """

    session: str
    name: str
    provider: str
    ours_micros: int
    billed_micros: int
    difference_micros: int
    tolerance_micros: int
    is_beyond: bool
    is_settled: bool
    gpu_micros: int
    storage_micros: int
    traffic_micros: int
    other_micros: int
    until_at: int
    read_at: int


@dataclass(frozen=True, slots=True)
class AccountBill:
    """How one account is checked: by `charges`, by its `balance`, or by `nothing` that its cloud tells.

    `problem` says why it could not be read now. `beyond_use_us`: what it bills beyond the GPU time used, for an
    instance in the median; it is shown and applied to nothing. Of a balance: `lost` and `ours` between two readings,
    `lost` None where it was topped up.
    """

    provider: str
    source: str
    problem: str = ""
    beyond_use_us: int | None = None
    start_at: int | None = None
    end_at: int | None = None
    lost_micros: int | None = None
    ours_micros: int | None = None
    is_beyond: bool = False
    console: str = ""


@dataclass(frozen=True, slots=True)
class Bills:
    """Every bill that is known. `unbilled`: the names of ended sessions whose bill has not come."""

    rows: list[BillRow]
    accounts: list[AccountBill]
    unbilled: list[str]
    ours_micros: int
    billed_micros: int
