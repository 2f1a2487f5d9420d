"""Limits are changed in place, and not where nobody answers: both values are told (ends.md E4)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import IDLE, at, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

HOLD_S = 45


def test_idle_is_switched_off_in_place_and_not_where_nobody_answers(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    # Results that find no place hold its end, so that there is time to withdraw it.
    taken = sandbox.write("taken", "a file where the daemon would make a folder")
    (work,) = rent(sandbox, wait_until, "work", options=f"{IDLE} --pull out:{taken} --hold {HOLD_S}s")
    number = work.number
    work.until(lambda: work.session["ending_reason"] == "idle")
    begun = time.time()
    assert f"early ends: hold {HOLD_S}s" in sandbox.must("set", "work", "--idle", "off")
    print(f"\nset --idle off took {time.time() - begun:.1f} s")
    work.until(lambda: "ending_withdrawn" in [event["kind"] for event in work.events()])
    assert work.file("end-idle") == "" and work.session["ending_reason"] == ""
    wait_until(lambda: time.time() - begun > HOLD_S, timeout_s=120)
    assert work.row(number)["state"] == "running"

    sandbox.must("set", "work", "--idle", "1h")
    before = at(work.session["deadline_at"])
    sandbox.fault("host", "ssh_refuse")
    wait_until(lambda: work.hang_up() or work.session["health"] == "unreachable", timeout_s=60)
    done = sandbox.run("set", "work", "--idle", "2h", "--timeout", "3s")
    assert done.returncode == 8, done.stdout + done.stderr
    assert "idle 2h" in done.stderr and "idle 1h" in done.stderr
    done = sandbox.run("extend", "work", "--yes", "--for", "30m", "--timeout", "3s")
    assert done.returncode == 8, done.stdout + done.stderr
    clock = r"(\d\d):(\d\d)"
    both = re.search(rf"the new deadline, {clock}.* yet and would end itself at {clock}", done.stderr)
    assert both, done.stderr
    asked, own = (60 * int(hour) + int(minute) for hour, minute in (both.groups()[:2], both.groups()[2:]))
    assert 29 <= (asked - own) % (24 * 60) <= 31
    session = work.session
    assert abs(at(session["guard_deadline_at"]) - before) < 30 and at(session["deadline_at"]) > before + 900
    sandbox.must("sandbox", "fault", "clear")
    work.until(lambda: (found := work.session)["guard_in_sync"] and found["limits"]["confirmed"])
    session = work.session
    assert session["limits"]["there"]["idle_seconds"] == 7200
    assert abs(at(session["guard_deadline_at"]) - at(session["deadline_at"])) < 30
