"""`costs`, `consumers` and tags as typed and printed; a consumer of its own keeps the shared market's others out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gpushopper.cli.commands.money_and_safety.costs import print_forecast
from gpushopper.cli.output.documents.csv_output import of_fields
from gpushopper.cli.output.money.bars import bar, sparkline
from gpushopper.cli.output.money.cost_views import BY_SESSION, forecast_lines, spark_line, total_line
from gpushopper.client import JsonObject
from gpushopper.core.model.money import DOLLAR
from gpushopper.wire import CostForecast
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

RENT = ("provision", "--gpu", "RTX 4090", "--hours", "1", "-c", "payer", "--tag", "paper=neurips", "-y")


def test_a_bar_is_as_long_as_its_share():
    assert [bar(value, 10, 4) for value in (0, 5, 10)] == ["", "██", "████"]
    assert bar(0, 0, 4) == ""


def test_in_a_sparkline_little_is_not_nothing():
    assert sparkline([0, 1, 500, 1000]) == " ▁▄█"
    assert sparkline([]) == sparkline([0])[1:] == ""


def test_what_is_final_never_shows_a_max_cost_below_its_cost():
    row = JsonObject(
        name="long", consumer="lab", provider="vast", gpu="RTX 4090", accrued=1_603_100, max_cost=1_603_100
    )
    shown = {column.title: column.value(row) for column in BY_SESSION if column.title in ("ACCRUED", "AT MOST")}
    assert shown["ACCRUED"] == shown["AT MOST"] == "$1.6031"
    total = JsonObject(accrued=1_603_100, max_cost=1_603_100, by="session", rows=[row])
    assert total_line(total) == "$1.6031 accrued, at most $1.6031, in 1 session"  # type: ignore[arg-type]


class Market:
    """Stands for the client: answers with two days, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def costs(self, **query: Any) -> JsonObject:
        self.asked.append(query)
        return JsonObject(groups=[day("2026-11-29", DOLLAR), day("2026-11-30", 2 * DOLLAR)])


def test_the_last_days_are_those_of_the_costs_above(capsys: pytest.CaptureFixture[str]):
    market = Market()
    app = SimpleNamespace(
        client=market, output="table", is_terminal=lambda _: True, now=lambda: SimpleNamespace(wall=0)
    )
    found = JsonObject(forecast=NOTHING, by="session", start_at=None)
    print_forecast(app, found, "", {"consumer": "ada", "tag": "paper"})  # type: ignore[arg-type]
    assert [(query["consumer"], query["tag"], query["by"]) for query in market.asked] == [("ada", "paper", "day")]
    assert capsys.readouterr().out == "Last 2 days: ▄█  $3.00\n"


NOTHING = CostForecast(0, 0, 1_793_491_200_000_000, 0, 0, 0, None)


def test_the_forecast_says_what_there_is():
    assert forecast_lines(NOTHING) == []
    one = CostForecast(430_000, 2 * DOLLAR, NOTHING.month_start_at, 0, 5 * DOLLAR, 7 * DOLLAR, 40 * DOLLAR)
    assert forecast_lines(one) == [
        "Open sessions cost $0.43/h now: $2.00 more by their deadlines.",
        "November: $5.00 so far, $7.00 with open sessions, about $40.00 at the pace of the last days.",
    ]


def test_a_name_in_csv_is_no_formula():
    assert of_fields([{"name": "=1+1", "accrued": -5}], ("name", "accrued")) == "name,accrued_usd\n'=1+1,-0.000005"


def test_csv_spells_yes_and_no_as_json_does():
    rows = [{"name": "a", "settled": True}, {"name": "b", "settled": False}]
    assert of_fields(rows, ("name", "settled")) == "name,settled\na,true\nb,false"


def day(key: str, accrued: int) -> JsonObject:
    return JsonObject(key=key, accrued=accrued)


def test_a_sparkline_needs_two_days_with_costs():
    assert spark_line([day("2026-11-29", 0), day("2026-11-30", 5 * DOLLAR)]) == ""
    assert spark_line([day("2026-11-29", DOLLAR), day("2026-11-30", 2 * DOLLAR)]) == "Last 2 days: ▄█  $3.00"


@pytest.fixture(scope="module")
def payer(market: Shell) -> Iterator[Inside]:
    """Commands in the shared market, where this consumer has one session."""
    inside = Inside(market.home, *market.first)
    rented = inside(*RENT, "--name", "pays")
    assert rented.code == 0, rented.err
    yield inside
    inside("shutdown", "pays", "-y", "--no-wait")


def test_costs_of_a_time_by_what_one_asks(payer: Inside):
    of = ("costs", "-c", "payer")
    for by in ("session", "consumer", "cloud", "account", "gpu", "tag", "day", "month"):
        found = json.loads(payer(*of, "--by", by, "--json").out)
        assert found["by"] == by and found["costs"]
        assert {"accrued_micros", "accrued_usd"} <= found["costs"][0].keys()
        assert sum(row["accrued_micros"] for row in found["costs"]) == found["accrued_micros"]
    assert json.loads(payer(*of, "--until", "1d", "--json").out)["costs"] == []
    assert len(json.loads(payer(*of, "-p", "daily", "--json").out)["costs"]) == 1
    assert json.loads(payer(*of, "--tag", "paper=icml", "--json").out)["costs"] == []
    assert "pays" in payer("costs", "--tag", "paper", "--since", "1h").out
    assert "by cloud:" in payer("costs", "summary", "-c", "payer").out
    rows = list(csv.DictReader(io.StringIO(payer(*of, "--csv").out)))
    assert [row["name"] for row in rows] == ["pays"] and float(rows[0]["accrued_usd"]) > 0
    (day,) = csv.DictReader(io.StringIO(payer(*of, "--by", "day", "--csv", "-p", "daily").out))
    assert day["start_at"].endswith("Z") and day["gpu_usd"]
    shown = payer(*of, "--by", "gpu").out
    assert "RTX 4090" in shown and "accrued, at most" in shown and "by their deadlines" in shown


def test_costs_that_make_no_sense(payer: Inside):
    for words in (("-p", "daily", "--since", "1d"), ("--since", "1h", "--until", "2h"), ("--since", "soon"),
                  ("--csv", "--json"), ("--by", "weather")):  # fmt: skip
        assert payer("costs", *words).code == 2, words


def test_a_rebuild_changes_nothing(payer: Inside):
    done = payer("costs", "-c", "payer", "--rebuild")
    assert (done.code, "nothing changed" in done.err) == (0, True)


def test_a_report_is_markdown_with_cost_and_receipt(payer: Inside):
    shown = payer("report", "pays").out
    for text in ("# Compute report: pays", "| tags | paper=neurips |", "## Instance", "no receipt yet", "| total |",
                 "costs are not final: at most $"):  # fmt: skip
        assert text in shown, text
    assert all(line.count("|") - line.count("\\|") in (0, 3, 5) for line in shown.splitlines())
    assert json.loads(payer("report", "pays", "--json").out)["report"]["accrued_micros"] > 0


def test_a_report_of_a_month(payer: Inside):
    (row, *_) = csv.DictReader(io.StringIO(payer("report", "--month", "--by", "consumer", "--csv").out))
    assert row["consumer"] and row["accrued_usd"]
    assert payer("report", "--month", "2026-02").out.startswith("$0.0000 accrued")
    for words in (("pays", "--month"), ("pays", "--csv"), ("--month", "2026-13"), ("--month", "soon")):
        assert payer("report", *words).code == 2, words
    assert "--month 2026-13 is not a month" in payer("report", "--month", "2026-13").err


def test_tags_are_shown_and_checked(payer: Inside):
    assert json.loads(payer("get", "pays", "--json").out)["session"]["tags"] == {"paper": "neurips"}
    assert "paper=neurips" in payer("get", "pays").out
    for tag in ("paper", "Paper=x", "paper="):
        assert payer("plan", "--gpu", "RTX 4090", "--tag", tag).code == 2, tag


def test_consumers_are_added_shown_and_renamed(payer: Inside):
    assert payer("consumers", "add", "lab").code == 0
    assert payer("consumers", "add", "lab").code == 2
    assert payer("consumers", "rename", "lab", "lab two").code == 0
    shown = payer("consumers", "show", "lab")
    assert (shown.code, "lab two" in shown.out) == (0, True)
    rows = {row["name"]: row for row in json.loads(payer("consumers", "--json").out)["consumers"]}
    assert rows["lab two"]["former_names"] == ["lab"] and rows["payer"]["open_sessions"] == 1
    assert payer("consumers", "show", "nobody").code == 3
    assert payer("consumers", "rename", "nobody", "x").code == 3
    assert payer("consumers", "rename", "payer", "lab two").code == 2
    assert payer("ls", "-c", "lab").code == 0
