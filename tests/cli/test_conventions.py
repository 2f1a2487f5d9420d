"""Conventions and former promises that no other test shows; docs/conventions.md lists all, each with its test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.in_process import Inside

GUIDE = Path(__file__).parents[2] / "docs" / "conventions.md"
RENT = ("provision", "-g", "4090", "-c", "conventions", "-y")


@pytest.fixture(scope="module")
def name(market: Shell) -> Iterator[str]:
    """A session that is ready."""
    gs = Inside(market.home, "--sandbox")
    ran = gs(*RENT, "--name", "kept-to", "-q")
    assert ran.code == 0, ran
    yield ran.out.strip()
    gs("shutdown", "kept-to", "-y")


def test_every_convention_and_promise_has_a_row_with_a_test():
    """That the tests are there is shown by tests/floors/test_docs.py."""
    kept, promised = GUIDE.read_text().split("## What the forerunner promised")
    for part, count in ((kept, 37), (promised, 12)):
        rows = re.findall(r"^\| (\d+) \|.*\| `tests/[^|]*`\) \|$", part, re.MULTILINE)
        assert rows == [str(number) for number in range(1, count + 1)]


def test_a_create_prints_its_name_alone(name: str):
    assert name == "kept-to"


def test_audit_shows_a_live_session_as_ours_and_ends_nothing(inside: Inside, name: str):
    found = inside("audit", "--json").json["instances"]
    assert [row["kind"] for row in found if row["session"] == name] == ["ours"]
    assert inside("cleanup-orphans", "--execute", "--force").code == 2
    assert inside("get", name, "--json").json["session"]["status"] == "running"


def test_the_cheapest_offer_comes_first_however_the_gpu_is_spelt(inside: Inside):
    for text in ("RTX4090", "rtx 4090", "4090"):
        found = inside("inventory", "-g", text, "--json").json["offers"]
        rates = [offer["rate_micros"] for offer in found]
        assert rates == sorted(rates) and {offer["gpu"] for offer in found} == {"RTX 4090"}
    offers = inside("plan", "-g", "4090", "--json").json["plan"]["offers"]
    assert offers[0]["rate_micros"] == min(offer["rate_micros"] for offer in offers)


def test_what_is_being_provisioned_can_be_ended(inside: Inside):
    assert inside(*RENT, "--name", "aborted", "--no-wait").code == 0
    ended = inside("shutdown", "aborted", "-y", "--wait", "proven", "--json")
    assert ended.code == 0, ended
    (session,) = ended.json["sessions"]
    assert session["end_stage"] == "proven" and all(attempt["receipt"] for attempt in session["attempts"])
