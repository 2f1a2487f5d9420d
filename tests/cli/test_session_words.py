"""The words in which a session is shown: its status, its end, its guards, and the progress of renting it."""

from __future__ import annotations

import re
import sys
from itertools import pairwise

import pytest

from gpushopper.cli.output import session_phases, session_views
from gpushopper.cli.output.progress_display import LiveProgress, PlainProgress
from gpushopper.client import JsonObject
from gpushopper.errors import ShopperError
from tests.cli.in_process import Stream


def view(**changed: object) -> JsonObject:
    attempt = JsonObject(
        id="a1", state="booting", provider_status="loading", offer="vast:1", gpu="H100", gpu_count=1, rate=2_000_000,
        instance_id="77", sent_at=0, ready_at=None, deadline_at=10, reason="", accrued=0, receipt=None,
    )  # fmt: skip
    base = JsonObject(
        id="s1", name="train", status="provisioning", end_stage="", health="", reason="",
        guard_state="not_applicable", guards="D",
        accrued=0, max_cost=9, waiting_for="", waiting_until=None, attempts=[attempt], provider="vast", cloud="vast",
        least_billed_us=0, least_cost=0, waits_for_account=False, bills_on=False, ended_at=None,
        ssh_host="h",
        ssh_port=22, gpu="H100", gpu_count=1,
    )  # fmt: skip
    return JsonObject({**base, **changed})


def test_an_unknown_status_is_treated_as_running():
    assert session_views.status(view(status="paused")) == "paused (unknown: treat as running)"


def test_what_a_bill_has_changed_is_told_beside_the_money():
    """Of all attempts at a cloud together; nothing where no bill has changed anything."""

    def attempt(cloud: str, **by_bill: int) -> JsonObject:
        return JsonObject(cloud=cloud, by_bill=JsonObject(by_bill))

    attempts = [attempt("vast", gpu_micros=-200_000), attempt("vast", gpu_micros=-110_000, traffic_micros=14_000)]
    said = session_views.bill_text(view(attempts=[*attempts, attempt("tensordock", gpu_micros=0)]))  # type: ignore[arg-type]
    assert said == "corrected by Vast.ai's bill: -$0.31; traffic by Vast.ai's bill: +$0.0140"
    assert session_views.bill_text(view(attempts=[])) == ""  # type: ignore[arg-type]


def test_a_simulated_instance_has_neither_ssh_nor_guard():
    assert session_views.ssh(view()) == "none (simulated)"
    assert session_views.guards(view()) == "daemon (simulated)"
    assert session_views.ssh(view(guard_state="armed")) == "gpu-shopper ssh train"
    assert session_views.ssh(view(guard_state="armed", ended_at=9)) == "-"
    assert session_views.guards(view(guard_state="self_destroy", guards="D+I")) == "daemon+instance"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"guard_state": "armed", "guards": "D+I", "guard_deadline_at": 100, "guard_in_sync": True},
            "the instance ends itself",
        ),
        (
            {"guard_state": "armed", "guards": "D+I", "guard_deadline_at": 100, "guard_in_sync": False},
            "the instance ends itself at ",
        ),
        (
            {"guard_state": "unconfirmed", "guard_deadline_at": 100, "guard_in_sync": False},
            "its guard (unconfirmed) may end it at ",
        ),
        (
            {"guard_state": "unconfirmed", "guard_deadline_at": None, "guard_in_sync": False},
            "nothing ends it until noon; by hand: https://cloud.vast.ai/instances/",
        ),
    ],
)
def test_what_enforces_the_deadline_is_printed_with_its_uncertainty(changes: dict[str, object], words: str):
    """A guard that is called lost may still act, and at the end it was last told."""
    session = view(status="running", **{"bills_on": False, **changes})
    said = session_views.who_enforces_deadline(session, "noon", 0)
    assert said == words or (words.endswith(" ") and said.startswith(words))
    assert session_views.is_guard_in_sync(session) is (changes["guard_deadline_at"] is None or changes["guard_in_sync"])


def test_a_session_that_waits_for_an_account_is_seen_in_lists_and_progress(capsys: pytest.CaptureFixture[str]):
    refused = JsonObject({**view().attempts[0], "state": "closed", "reason": "throttled"})
    awaited = "an account that can rent the next offer"
    waits = view(status="pending", waits_for_account=True, waiting_for=awaited, waiting_until=None, attempts=[refused])
    assert session_views.status(waits) == "pending (waits for an account)"
    assert session_views.status(view(status="pending")) == "pending"
    session_phases.show_provisioning_progress(PlainProgress(), waits, 0)
    assert capsys.readouterr().err.splitlines() == ["vast:1 failed: throttled", f"waiting for {awaited}"]


def test_what_is_billed_whatever_the_end_is_said_before_it():
    assert session_views.least_billed(view()) == ""
    soon = view(least_billed_us=3_600_000_000, least_cost=400_000)
    assert session_views.least_billed(soon) == "at least 1h is billed: $0.40"


def test_a_session_that_bills_on_says_so():
    assert session_views.bills_on(view()) == ""
    text = "powering it off does not end its bill; if this computer never comes back, it bills until the balance"
    assert session_views.bills_on(view(bills_on=True)).startswith(text)
    assert session_views.bills_on(view(bills_on=True, ended_at=5)) == "", "it has ended"


def test_progress_prints_a_step_once_and_a_failed_offer_on_one_line(capsys: pytest.CaptureFixture[str]):
    steps = PlainProgress()
    failed = {"id": "a0", "state": "closed", "reason": "boot_timeout", "offer": "vast:9"}
    first = JsonObject({**view().attempts[0], **failed})
    now = JsonObject(view().attempts[0])
    for _ in range(3):
        session_phases.show_provisioning_progress(steps, view(attempts=[first, now]), 0)
    held = JsonObject({**now, "id": "a3", "state": "prepared"})
    why = "its create to be sent: vast refuses the key"
    session_phases.show_provisioning_progress(steps, view(attempts=[held], waiting_for=why), 0)
    unclear = JsonObject({**now, "id": "a2", "state": "uncertain"})
    session_phases.show_provisioning_progress(steps, view(attempts=[unclear], waiting_for="the list"), 0)
    assert capsys.readouterr().err.splitlines() == [
        "vast:9 failed: boot timeout",
        "starting instance 77: loading",
        "requesting vast:1 (1x H100, $2.000/h): vast refuses the key",
        "create outcome of vast:1 unknown: waiting for the list; counted as billed until then",
    ]


def test_an_ended_session_is_called_destroyed_and_has_no_guards():
    """On Vast a stopped instance bills: the word would frighten."""
    over = view(status="stopped", ended_at=0, end_stage="proven", guards="D+I", guard_state="armed")
    assert session_views.status(over) == "destroyed" and session_views.guards(over) == "-"
    assert session_views.ends(over, 5).startswith("ended ") and "ago" not in session_views.ends(over, 5)
    never = view(status="stopped", attempts=[])
    assert session_views.status(never) == "ended, nothing was rented"


def test_what_has_failed_gets_no_tick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", Stream(is_terminal=True))
    monkeypatch.setenv("TERM", "xterm")
    failed = {"id": "a0", "state": "closed", "reason": "boot_timeout", "offer": "vast:9"}
    first, now = JsonObject({**view().attempts[0], **failed}), view().attempts[0]
    ready = JsonObject({**now, "state": "running", "ready_at": 5_000_000})
    with LiveProgress() as steps:
        steps.step("a0 booting", "starting instance 9")
        session_phases.show_provisioning_progress(steps, view(attempts=[first, now]), 0)
        session_phases.show_provisioning_progress(steps, view(attempts=[first, ready], status="running"), 0)
    said = [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "\n", sys.stderr.getvalue()).splitlines()]
    lines = [" ".join(pair) for pair in pairwise(said) if pair[0] in ("✓", "✗")]
    assert lines == [
        "✗ vast:9 failed: boot timeout",
        "✓ starting instance 77: loading",
        "✓ ready in 5s, ends 00:00 (now)",
    ]


@pytest.mark.parametrize(("reason", "code"), [("retries_exhausted", 7), ("key_rejected", 4), ("limit_reached", 6)])
def test_a_failed_session_ends_with_the_status_of_its_reason(reason: str, code: int):
    error: ShopperError = session_phases.provisioning_error(view(status="failed", reason=reason), "seen so")
    assert "seen so" in error.message
    assert error.exit_code == code


def test_where_little_has_room_a_status_is_its_word_and_guards_are_who_ends_it_without_us():
    columns = {column.title: column for column in session_views.columns(0)}
    short = {title: columns[title].short for title in ("STATUS", "GUARDS")}
    cut_off = view(status="running", health="unreachable", guard_state="armed", guards="D+I")
    assert short["STATUS"](cut_off) == "unreachable" and short["STATUS"](view(status="failed")) == "failed"
    assert [short["GUARDS"](view(guards=letters)) for letters in ("D", "D+I", "D+P")] == ["daemon", "instance", "cloud"]


def test_of_more_than_five_ends_the_progress_has_numbers(capsys: pytest.CaptureFixture[str]):
    """18 names that scroll by tell nobody how many are left; few are told by name."""
    stages = ["requested"] * 2 + ["off"] * 3 + ["proven"]
    quiet = JsonObject(reason="", pulled_at=None)
    ends = [view(id=f"s{n}", name=f"n{n}", end_stage=stage, pulls=[], landing=quiet) for n, stage in enumerate(stages)]
    steps = PlainProgress()
    for _ in range(2):
        session_phases.show_endings(steps, ends, 0)
    session_phases.show_endings(steps, ends[:1], 0)
    assert capsys.readouterr().err.splitlines() == [
        "6 sessions: 2 to be destroyed, 3 no longer listed, verified in the background, 1 ended and verified",
        "n0: destroy requested",
    ]
