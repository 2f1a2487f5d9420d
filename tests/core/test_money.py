"""Prices are parsed strictly, multiplied exactly, and rounded so that no cost is hidden (F116, I14)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.model.money import (
    DOLLAR,
    MAX_AMOUNT,
    MAX_RATE,
    cost_over,
    decimal_text,
    dollars,
    is_sane_rate,
    parse_dollars,
)
from gpushopper.core.timing.clock_snapshot import HOUR


@pytest.mark.parametrize(
    ("told", "micros"),
    [
        (0.412, 412_000), (1, 1_000_000), ("0.412", 412_000), (" 0.4 ", 400_000), (Decimal("0.1"), 100_000),
        (0, 0), ("1e-3", 1_000), (0.1 + 0.2, 300_000), (0.0000005, 0), (0.0000015, 2), ("12.345678", 12_345_678),
    ],
)  # fmt: skip
def test_numbers_and_numeric_text_are_prices(told: object, micros: int):
    assert parse_dollars(told) == micros


@pytest.mark.parametrize(
    "told",
    [None, True, False, "", " ", "free", "$1", "1,5", "nan", "inf", "-inf", "sNaN", "-0.01", -1, -0.5, "1e30", 1e300,
     float("nan"), float("inf"), float("-inf"), b"1", [1], {}, Decimal("NaN"), "1e9999999999999999999", "0x10"],
)  # fmt: skip
def test_anything_else_is_no_price(told: object):
    assert parse_dollars(told) is None


@given(st.one_of(st.text(), st.floats(), st.integers(), st.binary(), st.none(), st.decimals()))
def test_whatever_is_read_is_a_whole_number_not_below_zero(told: object):
    amount = parse_dollars(told)
    assert amount is None or (type(amount) is int and amount >= 0)


@given(st.integers(0, 1_000 * DOLLAR))
def test_text_of_an_amount_reads_back_as_the_amount(micros: int):
    assert parse_dollars(decimal_text(micros)) == micros
    assert parse_dollars(micros / DOLLAR) == micros


@pytest.mark.parametrize(
    ("rate", "sane"), [(None, False), (0, False), (-1, False), (1, True), (MAX_RATE, True), (MAX_RATE + 1, False)]
)
def test_a_rate_must_be_known_above_zero_and_below_the_maximum(rate: int | None, sane: bool):
    assert is_sane_rate(rate) is sane


def test_a_rate_above_ten_thousand_dollars_an_hour_is_invalid():
    assert is_sane_rate(parse_dollars("10000"))
    assert not is_sane_rate(parse_dollars("10000.000001"))


def test_a_balance_may_be_higher_than_any_price_but_not_absurd():
    assert parse_dollars("25000.5") == 25_000_500_000
    assert parse_dollars("1000000") == MAX_AMOUNT
    assert parse_dollars("1000000.000001") is None


@given(rate=st.integers(0, MAX_RATE), span=st.integers(1, 100 * HOUR))
def test_a_cost_is_rounded_up_by_less_than_one(rate: int, span: int):
    assert 0 <= cost_over(rate, span) - Fraction(rate * span, HOUR) < 1


@given(rate=st.integers(0, MAX_RATE), span=st.integers(-100 * HOUR, 0))
def test_no_time_costs_nothing(rate: int, span: int):
    assert cost_over(rate, span) == 0


def test_an_hour_costs_its_rate():
    assert cost_over(412_000, HOUR) == 412_000
    assert cost_over(1, 1) == 1


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "$0.00"), (1_720_000, "$1.72"), (-1_720_000, "-$1.72"), (1_234_567_890, "$1234.57"), (4_999, "$0.00")],
)
def test_amounts_are_shown_in_dollars(micros: int, text: str):
    assert dollars(micros) == text


def test_small_rates_show_their_places():
    assert dollars(412_345, 4) == "$0.4123"
    assert decimal_text(1_720_000) == "1.720000"
