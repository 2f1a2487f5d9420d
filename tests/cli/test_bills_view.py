"""`costs --verify` in words: what agrees, what differs, and how each account is checked."""

from __future__ import annotations

from typing import Any

from gpushopper.cli.output.money.bills_view import account_line, problem_text, verdict
from gpushopper.client import JsonObject

NOW = 1_793_400_000_000_000


def row(name: str, **more: Any) -> Any:
    return JsonObject(**{"name": name, "is_beyond": False, "is_settled": True} | more)


def account(source: str, **more: Any) -> Any:
    fields = {
        "provider": "vast", "source": source, "problem": "", "beyond_use_us": None, "start_at": None, "end_at": None,
        "lost_micros": None, "ours_micros": None, "is_beyond": False, "console": "https://x.example",
    }  # fmt: skip
    return JsonObject(**fields | more)


def test_verdicts():
    assert [verdict(row("a")), verdict(row("a", is_settled=False)), verdict(row("a", is_beyond=True))] == [
        "agrees", "may still grow", "differs",
    ]  # fmt: skip


def test_each_account_says_how_it_is_checked():
    assert account_line(account("nothing"), NOW) == (
        "vast: tells neither charges nor a balance; compare at https://x.example"
    )
    assert account_line(account("charges"), NOW) == "vast: checked by its charges for each instance"
    assert account_line(account("charges", problem="no answer"), NOW) == "vast: not checked now: no answer"
    assert "to the second" in account_line(account("charges", beyond_use_us=900_000), NOW)
    assert account_line(account("charges", beyond_use_us=31_000_000), NOW).endswith(
        "it bills 31s more than the GPU time counted here, for an instance (not applied)"
    )
    assert "readings of two days" in account_line(account("balance"), NOW)
    fell = account("balance", start_at=NOW - 3_600_000_000, lost_micros=3_000_000, ours_micros=1_000_000)
    assert "fell by $3.00 since" in account_line(fell, NOW) and "$1.00 of it counted here" in account_line(fell, NOW)
    assert "has grown" in account_line(account("balance", start_at=NOW), NOW)


def test_what_differs_is_named():
    found = JsonObject(rows=[row("a"), row("b", is_beyond=True)], accounts=[account("balance", is_beyond=True)])
    assert problem_text(found) == "the bill differs for 1 session: b; more was spent than counted at vast"  # type: ignore[arg-type]
    assert problem_text(JsonObject(rows=[row("a")], accounts=[])) == ""  # type: ignore[arg-type]
