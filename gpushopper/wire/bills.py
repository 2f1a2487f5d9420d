"""The response types about clouds' own bills, compared with ours; micro-dollars, wall µs. They only gain fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BillRow:
    """One session that a cloud has billed, and what we have counted over the same time.

    `difference` is the bill less our count. `is_beyond`: it is above `tolerance`. `is_settled`: the bill is as good as
    final. `until`: how far the bill goes.
    """

    session: str
    name: str
    provider: str
    ours: int
    billed: int
    difference: int
    tolerance: int
    is_beyond: bool
    is_settled: bool
    gpu_billed: int
    storage_billed: int
    traffic_billed: int
    other_billed: int
    until: int
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
    start: int | None = None
    end: int | None = None
    lost: int | None = None
    ours: int | None = None
    is_beyond: bool = False
    console: str = ""


@dataclass(frozen=True, slots=True)
class Bills:
    """Every bill that is known. `unbilled`: the names of ended sessions whose bill has not come."""

    rows: list[BillRow]
    accounts: list[AccountBill]
    unbilled: list[str]
    ours: int
    billed: int
