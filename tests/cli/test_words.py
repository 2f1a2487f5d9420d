"""Times, spans, money and foreign text, in and out."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from freezegun import freeze_time

from gpushopper.cli import new_app
from gpushopper.cli.input import durations
from gpushopper.cli.output import json_output, text_format
from gpushopper.cli.terminal_text import clean
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, SECOND
from gpushopper.core.timing.duration_text import span
from gpushopper.errors import UsageError

NOON = round(datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()) * SECOND


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch):
    """A zone that is neither UTC nor a whole hour away."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0s"), (45 * SECOND, "45s"), (90 * SECOND, "1m 30s"), (600 * SECOND, "10m"), (HOUR - SECOND, "1h"),
        (118 * MINUTE, "1h 58m"), (2 * HOUR - SECOND, "2h"), (27 * HOUR, "1d 3h"), (48 * HOUR - MINUTE, "2d"),
        (-90 * SECOND, "1m 30s"), (SECOND // 2, "0.5s"), (1, "0.1s"),
    ],
)  # fmt: skip
def test_durations_have_two_units_and_are_rounded(micros: int, text: str):
    assert span(micros) == text


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (1_257, "$0.0013"),
        (99_999, "$0.1000"),
        (1_720_000, "$1.72"),
        (-430_000, "-$0.43"),
        (None, "-"),
        (-1, "$0.00"),
        (-49, "$0.00"),
        (-1_257, "-$0.0013"),
        (-51, "-$0.0001"),
    ],
)
def test_a_small_amount_is_not_shown_as_zero(micros: int | None, text: str):
    assert text_format.money(micros) == text


def test_a_price_per_gb_has_no_trailing_zeros():
    assert [text_format.per_gb(micros) for micros in (0, 5_000, 13_500, 1_000_000)] == ["$0", "$0.005", "$0.0135", "$1"]


@pytest.mark.parametrize(
    ("before", "text", "age"),
    [(3 * MINUTE, "3m ago", "3m"), (0, "now", "0s"), (-5 * SECOND, "now", "0s"), (-59 * SECOND, "now", "0s"),
     (-3 * HOUR, "clock changed", "0s")],
)  # fmt: skip
def test_a_past_event_is_never_shown_in_the_future(before: int, text: str, age: str):
    """The computer's clock was set back since (F62): no `in 3h` under SINCE."""
    assert (text_format.ago(NOON - before, NOON), text_format.age(NOON - before, NOON)) == (text, age)


@freeze_time("2026-11-24 12:00:00")
def test_a_table_shows_local_and_relative_time():
    now = new_app().now().wall
    assert now == NOON
    assert text_format.when(now + 118 * MINUTE, now) == "19:28 (in 1h 58m)"
    assert text_format.when(now - 3 * MINUTE, now) == "17:27 (3m ago)"
    assert text_format.when(now + 27 * HOUR, now).startswith("Wed 20:30")
    assert text_format.when(now + 24 * 10 * HOUR, now).startswith("4 Dec 17:30")
    assert text_format.when(now, now) == "17:30 (now)"
    assert text_format.when(None, now) == "-"


def test_json_times_are_rfc_3339_in_utc():
    assert json_output.rfc3339(NOON) == "2026-11-24T12:00:00Z"
    assert json_output.rfc3339(NOON + 250_000) == "2026-11-24T12:00:00.250000Z"


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mred", "a\nb", "a\rb", "\x9b31m", "\x07", "\u202eabc", "\u200babc", "a\u2028b", "\x00", "\ud800"],
)
def test_foreign_text_cannot_command_the_terminal(text: str):
    shown = clean(text)
    assert shown.isprintable()
    shown.encode()


def test_text_with_non_ascii_letters_stays():
    assert clean("Zürich ├ 東京 [bold]") == "Zürich ├ 東京 [bold]"


@pytest.mark.parametrize(
    ("text", "micros"),
    [("90m", 90 * MINUTE), ("1h30m", 90 * MINUTE), ("2d", 48 * HOUR), ("1.5h", 90 * MINUTE), ("45s", 45 * SECOND),
     ("1h 30m", 90 * MINUTE), ("2H", 2 * HOUR)],
)  # fmt: skip
def test_durations(text: str, micros: int):
    assert durations.parse_span(text) == micros


@pytest.mark.parametrize(
    "text",
    ["", "2", "h", "-1h", "0m", "1h-", "2 hours", "1e3h", "inf", "nan", "3651d", "9" * 400 + "h", "0.0000001s"],
)
def test_invalid_durations_are_refused(text: str):
    with pytest.raises(ValueError):
        durations.parse_span(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("18:00", NOON + 30 * MINUTE),
        ("17:30", NOON + 24 * HOUR),
        ("9:00", NOON + 15 * HOUR + 30 * MINUTE),
        ("2026-11-24T18:00:00Z", NOON + 6 * HOUR),
        ("2026-11-24T18:00:00+05:30", NOON + 30 * MINUTE),
        ("2026-11-24 18:00", NOON + 30 * MINUTE),
    ],
)
def test_until(text: str, at: int):
    assert durations.parse_until(text, NOON) == at


@pytest.mark.parametrize("text", ["24:00", "18", "tomorrow", "2026-11-24T11:59:00Z", ""])
def test_invalid_deadlines_are_refused(text: str):
    with pytest.raises(UsageError):
        durations.parse_until(text, NOON)
