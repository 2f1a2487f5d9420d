"""The plan and the question before renting say where each offer of the shortlist is, and what differs there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper import wire
from gpushopper.cli.output.offer_table import COLUMNS
from gpushopper.cli.output.plan_view import summary_lines
from gpushopper.cli.terminal_text import wrapped
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.daemon.stand_ins import OFFER

NOW = 1_800_000_000_000_000
HERE = wire.PlanAccount("vast", "vast", "cuda", "self_destroy")
THERE = wire.PlanAccount("lab", "tensordock", "ubuntu2404", "poweroff_only", bills_on=True, minimum_us=HOUR)
OTHER = replace(OFFER, key="lab:x", provider="lab", rate=700_000)


def plan(*accounts: wire.PlanAccount, **more: Any) -> wire.Plan:
    offers = [OFFER, OTHER][: len(accounts)]
    return wire.Plan(offers, 1_400_000, NOW + 2 * HOUR, 2 * HOUR, "cuda", 20, 800_000, "self_destroy", 2,
                     accounts=list(accounts), bills_on=any(each.bills_on for each in accounts), **more)  # fmt: skip


def test_the_summary_names_each_offer_and_what_differs_at_other_accounts():
    lines = summary_lines(plan(HERE, THERE), NOW)
    assert "Shortlist: vast:1 ($0.400), lab:x ($0.700)." in "\n".join(lines)
    assert any(
        line.startswith("At lab (tensordock): image ubuntu2404, self-destruct: powers off only") for line in lines
    )
    assert any("minimum rental 1h" in line for line in lines)
    assert "bills $0.700/h at lab until your balance is used up" in lines[-2]
    assert "gpu-shopper watchdog --help" in lines[-1]


def test_one_account_needs_no_such_lines():
    assert len(summary_lines(plan(HERE), NOW)) == 3


def test_the_table_of_a_plan_always_says_where_an_offer_is():
    assert (COLUMNS[0].title, COLUMNS[0].value(OTHER), COLUMNS[0].wide) == ("ID", "lab:x", False)
    (cloud,) = [column for column in COLUMNS if column.title == "CLOUD"]
    assert cloud.wide and cloud.value(OTHER) == "lab"
    assert "PROVIDER" not in [column.title for column in COLUMNS]


def test_the_disk_is_the_one_that_the_cloud_makes():
    larger, as_asked = replace(THERE, disk_gb=100), replace(HERE, disk_gb=20)
    assert "Disk 20 GB, image" in summary_lines(plan(as_asked, larger), NOW)[2]
    assert "At lab (tensordock): disk 100 GB, image" in "\n".join(summary_lines(plan(as_asked, larger), NOW))
    alone = plan(replace(HERE, disk_gb=100))
    assert "Disk 100 GB (asked: 20 GB), image" in summary_lines(alone, NOW)[2]


def test_a_long_sentence_is_broken_between_words():
    text = "RTX 4090 at $0.442/h for 2h: tensordock:wiwpbtt-1, else 2 further offers."
    assert wrapped(text, 40) == [
        "RTX 4090 at $0.442/h for 2h:", "  tensordock:wiwpbtt-1, else 2 further", "  offers.",
    ]  # fmt: skip
    assert wrapped(text, 200) == [text] and wrapped("", 80) == [""]
    said = "nothing is known of it: see gpu-shopper --sandbox get train; or gpu-shopper ls"
    assert wrapped(said, 40) == [
        "nothing is known of it: see", "  gpu-shopper --sandbox get train; or", "  gpu-shopper ls",
    ], "half a command is another command"  # fmt: skip
    assert "x" * 50 in "\n".join(wrapped("a " + "x" * 50, 20))
