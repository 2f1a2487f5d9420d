"""`budget` as typed and printed; a consumer of its own keeps the shared market's other sessions out of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gpushopper.cli.output.money.budget_view import LimitRow, bar, columns, limit_text, state
from gpushopper.client import JsonObject
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.cli.in_process import Inside

NOW = 1_793_400_000_000_000
RENT = ("provision", "--gpu", "RTX 4090", "--hours", "1", "-c", "spender", "-y", "--no-wait")


def limit(spent: float, committed: float, amount: float = 10, **fields: Any) -> Any:
    values = {
        "kind": "daily", "limit_micros": round(amount * DOLLAR), "spent_micros": round(spent * DOLLAR),
        "committed_micros": round(committed * DOLLAR), "left_micros": round(max(amount - committed, 0) * DOLLAR),
        "used_up_at": None, "session": "",
    }  # fmt: skip
    return JsonObject(values | fields)


@pytest.mark.parametrize(
    ("one", "drawn", "word"),
    [
        (limit(0, 0), "..........", "ok"),
        (limit(2, 5), "##===.....", "ok"),
        (limit(8.3, 8.3), "########..", "83 % spent"),
        (limit(2, 10), "##========", "full"),
        (limit(2, 12), "##========", "over"),
        (limit(10, 12), "##########", "used up"),
        (limit(0, 0, 0), "##########", "used up"),
    ],
)
def test_a_limit_is_drawn_and_named(one: Any, drawn: str, word: str):
    assert (bar(one), state(one, NOW)) == (drawn, word)


def test_the_moment_at_which_it_is_used_up_is_said():
    assert state(limit(2, 12, used_up_at=NOW + HOUR), NOW).startswith("lasts until ")
    assert limit_text(limit(0, 0, kind="session", session="train")) == "$10.00 a session: train"


def test_a_limit_of_some_cents_has_two_digits():
    assert limit_text(limit(0, 0, 0.05)) == "$0.05 a day"
    assert limit_text(limit(0, 0, 0.0125)) == "$0.0125 a day"


def test_a_list_is_one_row_for_each_limit():
    budget = JsonObject(name="lab", scope_kind="consumer", scope="ada", at_100="stop")
    cells = [str(column.value(LimitRow(budget, limit(2, 5)))) for column in columns(NOW)]
    assert cells == ["lab", "consumer ada", "$10.00 a day", "$2.00", "$5.00", "$5.00", "##===.....", "stop", "ok"]


@pytest.fixture
def spender(inside: Inside) -> Iterator[Inside]:
    rented = inside(*RENT, "--name", "spends")
    assert rented.code == 0, rented.err
    yield inside
    inside("budget", "rm", "spender")
    inside("shutdown", "spends", "-y", "--no-wait")


def test_a_budget_is_set_shown_lowered_and_removed(spender: Inside):
    made = spender("budget", "set", "spender", "--consumer", "spender", "--daily", "500", "--monthly", "1000")
    assert made.code == 0 and "counts    sessions of consumer spender" in made.out
    assert [line.split()[0] for line in spender("budget").out.splitlines()] == ["BUDGET", "spender", "spender"]
    lowered = spender("budget", "set", "spender", "--daily", "0.01", "--monthly", "off")
    assert "No room for spends. Nothing is ended by this; to end it, add --stop-now" in lowered.err
    assert "a month" not in lowered.out
    refused = spender(*RENT)
    assert refused.code == 6 and "budget spender (consumer spender): $0.01 a day; " in refused.err
    assert "nothing fits now; raise the limit: gpu-shopper --sandbox budget set spender --daily " in refused.err
    asked = spender("budget", "set", "spender", "--at-100", "stop", answer="n\n")
    assert asked.code != 0 and "It would end 1 session at the present rates: spends at " in asked.err
    stopping = spender("budget", "set", "spender", "--at-100", "stop", "--dry-run").err
    assert "No room for spends; to end it now, add --stop-now" in stopping and "Nothing is ended" not in stopping
    kept = spender("budget", "set", "spender", "--at-100", "stop", "--stop-now", answer="n\n")
    assert kept.code != 0 and "Will destroy spends: 1x RTX 4090 on vast" in kept.err
    assert "It would end" not in kept.err, "it is ended now, not later"
    assert '"reason": ""' in spender("get", "spends", "--json").out
    ended = spender("budget", "set", "spender", "--stop-now", "-y")
    assert ended.code == 0
    assert '"reason": "budget"' in spender("get", "spends", "--json").out
    removed = spender("budget", "rm", "spender")
    assert removed.out == "budget spender is removed\n"
    assert spender("budget", "show", "spender").code == 3


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("x",), "a budget needs a limit"),
        (("x", "--daily", "-3"), "amount"),
        (("x", "--daily", "lots"), "'lots' is not an amount"),
        (("x", "--daily", "3", "--all", "--tag", "a"), "one of --consumer, --account, --tag and --all"),
        (("X y", "--daily", "3"), "cannot be a budget's name"),
        (("x", "--daily", "3", "--at-100", "kill"), "kill"),
    ],
)
def test_what_cannot_be_meant_is_refused(inside: Inside, words: tuple[str, ...], text: str):
    refused = inside("budget", "set", *words)
    assert refused.code == 2 and text in refused.err
