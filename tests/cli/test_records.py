"""`costs --verify`, `report` and `custody` as typed and printed, by a real daemon in the shared market."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gpushopper.client import Client
from gpushopper.errors import UsageError
from gpushopper.paths import Home
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

NAME, CONSUMER = "papers", "appendix"


@pytest.fixture(scope="module")
def rented(market: Shell) -> Iterator[Inside]:
    """Commands in the shared market, where one session of this consumer runs."""
    inside = Inside(market.home, *market.first)
    made = inside("provision", "--gpu", "RTX 4090", "--hours", "1", "-c", CONSUMER, "--name", NAME, "-y")
    assert made.code == 0, made.err
    yield inside
    inside("shutdown", NAME, "-y", "--no-wait")


def test_bills_are_shown_beside_what_was_counted(rented: Inside):
    shown = rented("costs", "--verify")
    assert shown.code == 0, shown.err
    assert shown.out.splitlines()[0].split() == ["SESSION", "CLOUD", "BILLED", "COUNTED", "DIFFERENCE", "BILL"]
    assert "vast: checked by its charges" in shown.out
    assert "tensordock: tells neither charges nor a balance; compare at https://" in shown.out
    found = json.loads(rented("costs", "--verify", "--json").out)
    (row,) = [row for row in found["bills"] if row["name"] == NAME]
    assert row["is_beyond"] is False and row["difference_micros"] == row["billed_micros"] - row["ours_micros"]


def test_bills_are_not_filtered(rented: Inside):
    assert rented("costs", "--verify", "-s", NAME).code == rented("costs", "--verify", "--csv").code == 2


def test_a_bill_that_is_wrong_exits_9_and_names_the_session(rented: Inside):
    instance = json.loads(rented("get", NAME, "--json").out)["session"]["attempts"][0]["instance_id"]
    fault = rented("sandbox", "fault", "add", "vast", "charges", "misbill", "x1000000", "--instance", instance)
    assert fault.code == 0, fault.err
    shown = rented("costs", "--verify")
    assert shown.code == 9 and f"the bill differs for 1 session: {NAME}" in shown.err
    assert rented("sandbox", "fault", "clear", fault.out.split()[0]).code == 0
    assert rented("costs", "--verify").code == 0
    assert "bill_differs" not in rented("alarms").out, "a right bill clears the alarm"


def test_a_session_is_reported_as_text_and_for_programs(rented: Inside):
    shown = rented("report", NAME)
    assert shown.code == 0, shown.err
    assert shown.out.startswith(f"# Compute report: {NAME}\n") and "| consumer | appendix |" in shown.out
    found = json.loads(rented("report", NAME, "--json").out)["report"]
    assert found["attempts"][0]["gpu"] == "RTX 4090" and found["attempts"][0]["receipt"] is None
    assert found["gpu_hours"] >= 0 and "accrued_usd" in found


@pytest.mark.parametrize(
    "words",
    [("--by", "gpu"), ("--csv",), ("--month", "2026-13"), (NAME, "--month", "2026-11")],
)
def test_a_report_of_nothing_is_a_usage_error(rented: Inside, words: tuple[str, ...]):
    shown = rented("report", *words)
    assert shown.code == 2 and shown.out == ""


def test_what_is_sent_is_recorded_by_the_daemon_and_shown(rented: Inside, market: Shell):
    client = Client(Home(data=market.home / "sandbox", config=market.home / "sandbox"))
    found = client.connection(NAME)
    client.record_sent(found, "cp", "/root/data", files=["/srv/ann/.env"], variables=[])
    client.record_sent(found, "run", "r1", files=[], variables=["HF_TOKEN", "LR"])
    shown = rented("custody", NAME)
    assert shown.code == 0, shown.err
    assert "variables  HF_TOKEN, LR" in shown.out and "/srv/ann/.env to /root/data (cp, " in shown.out
    assert "If the host is hostile, rotate: HF_TOKEN, /srv/ann/.env\n" in shown.out
    assert "Rotate what is secret in: LR\n" in shown.out
    row = json.loads(rented("custody", NAME, "--json").out)["hosts"][0]
    assert [item["name"] for item in row["sent"]] == ["/srv/ann/.env", "HF_TOKEN", "LR"]
    by_host = json.loads(rented("custody", "--host", f"vast:{row['host']}", "--json").out)
    assert NAME in {each["name"] for each in by_host["hosts"]}
    assert rented("custody", "--host", "vast:0").out == "Nothing was sent to host vast:0.\n"
    other = found | {"attempt": "none"}  # type: ignore[operator]
    with pytest.raises(UsageError):
        client.record_sent(type(found)(other), "cp", "x", files=["y"], variables=[])  # type: ignore[call-arg]
