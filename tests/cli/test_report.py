"""Reports in Markdown: what a host, a command or a name says stays text."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper.cli.output.records.markdown import code, facts, plain, table
from gpushopper.cli.output.records.report_view import report_lines
from gpushopper.client import JsonObject

NOW = 1_793_400_000_000_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", "a\\|b"), ("[x](http://y)", "\\[x\\](http://y)"), ("<b>", "\\<b\\>"), ("two\nlines", "two lines"),
        ("`id`", "\\`id\\`"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_text_cannot_become_markup(text: str, shown: str):
    assert plain(text) == shown


def test_code_has_as_many_backticks_as_it_needs():
    assert code("python train.py") == "`python train.py`"
    assert code("echo `id` | tee x") == "`` echo `id` \\| tee x ``"


def test_tables():
    assert facts([("a", "1"), ("b", "")]) == ["| | |", "|---|---|", "| a | 1 |"]
    assert table(("name", "cost"), [("x", "$1.00")]) == ["| name | cost |", "|---|---:|", "| x | $1.00 |"]
    assert table(("name", "cost"), []) == ["| name | cost |", "|---|---|"]


def attempt(**more: Any) -> JsonObject:
    fields: dict[str, Any] = {
        "provider": "lab", "cloud": "vast", "offer": "vast:7", "gpu": "RTX 4090", "gpu_count": 2, "vram_mb": 24564,
        "cpu_cores": None, "ram_mb": 64000, "disk_gb": 20.0, "driver": "550.1", "cuda": 12.4, "reliability": None,
        "verified": None, "host": None, "region": "Texas, US", "is_spot": False, "instance_id": "33", "label": "gs2-x",
        "image": "pytorch", "rate": 412_000, "sent_at": NOW, "ready_at": NOW, "off_at": None, "closed_at": None,
        "gpu_hours": 1.5, "gpu_load": 83, "state": "running", "reason": "", "accrued": 700_000, "receipt": None,
    }  # fmt: skip
    return JsonObject(fields | more)


def session(**more: Any) -> Any:
    host = JsonObject(cloud="vast", host="", reached="host", variables=["HF_TOKEN"], registry="", sent=[])
    host = JsonObject(host | {"has_hook": True})
    fields: dict[str, Any] = {
        "session": "s1", "name": "night|x", "consumer": "me", "tags": JsonObject(paper="a*b"), "status": "running",
        "reason": "", "created_at": NOW, "ready_at": NOW, "ended_at": None, "deadline_at": NOW, "image": "pytorch",
        "attempts": [attempt(instance_id=None), attempt()], "runs": [], "gpu_micros": 690_000, "storage_micros": 10_000,
        "traffic_micros": 0, "minimum_micros": 0, "accrued": 700_000, "max_cost": 0, "gpu_hours": 1.5,
        "custody": JsonObject(hosts=[host, JsonObject(host | {"reached": "cloud"})]), "version": "1", "made_at": NOW,
        "bill": None, "notes": ["one"], "days": [], "time_zone": "UTC",
    }  # fmt: skip
    return JsonObject(fields | more)


def test_a_session_as_a_document():
    lines = report_lines(session())
    text = "\n".join(lines)
    assert lines[0] == "# Compute report: night\\|x"
    assert "| tags | paper=a\\*b |" in lines
    assert "## Instance" in lines, "one of two attempts had an instance: no number"
    assert "| GPU | 2 × RTX 4090, 24 GB each |" in lines
    assert "| cloud | vast (account lab) |" in lines and "CPU cores" not in text
    assert "| host | not named by the cloud, Texas, US |" in lines
    assert "| end | no receipt yet: it may still bill |" in lines
    assert "| total | $0.7000 |" in lines and "traffic" not in text
    sent = "- to vast host without a name: variable `HF_TOKEN`; the script of `--before-end`"
    assert [line for line in lines if line.startswith("- to")] == [sent]


def test_amounts_have_four_places_and_parts_add_up_to_their_total():
    parts = {"gpu_micros": 690_040, "storage_micros": 10_040, "traffic_micros": 40, "accrued": 700_120}
    days = [JsonObject(key=f"2026-11-0{number}", accrued=350_060) for number in (1, 2)]
    text = "\n".join(report_lines(session(**parts, days=days)))
    shown = (
        "| cost | $0.7001 |",
        "| GPU | $0.6900 |",
        "| disk | $0.0101 |",
        "| traffic | $0.0000 |",
        "| total | $0.7001 |",
    )
    assert [line for line in shown if line not in text] == []
    assert "| 2026-11-01 | $0.3501 |" in text and "| 2026-11-02 | $0.3500 |" in text


def test_the_clouds_bill_and_runs_are_in_it_where_they_are_known():
    bill = JsonObject(billed_micros=710_000, ours_micros=700_000, until_at=NOW, is_settled=False)
    run = JsonObject(run="r1", command="make | tee log", status="0", started_at=NOW, ended_at=NOW + 90_000_000)
    days = [JsonObject(key=f"2026-11-0{number}", accrued=350_000) for number in (1, 2)]
    text = "\n".join(report_lines(session(bill=bill, runs=[run], days=days, time_zone="Europe/Berlin")))
    assert "| day (Europe/Berlin) | counted here |" in text and "| 2026-11-02 | $0.3500 |" in text
    assert (
        "The cloud has billed $0.7100 up to" in text and "may still grow; counted here for that time: $0.7000." in text
    )
    assert "| `make \\| tee log` |" in text and "| 1m 30s | exit 0 |" in text
