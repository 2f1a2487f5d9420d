"""A guard whose key may only stop its instance: what it announced is then destroyed from here (ends.md E5, F23)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import IDLE, at, receipt, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


def test_an_idle_instance_that_could_only_stop_itself_is_destroyed_soon(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    sandbox.fault("host", "key_scope", "stop")
    (one,) = rent(sandbox, wait_until, "stopped", options=IDLE)
    number = one.number
    session = one.until_proven()
    assert (session["reason"], receipt(one)["reason"]) == ("idle", "idle")
    ends = [(row["by"], row["outcome"]["effect"]) for row in one.destroys(number)]
    assert ends[-1] == ("api", "gone") and ("instance_key", "gone") not in ends, ends
    times = {event["kind"]: at(event["at"]) for event in one.events()}
    print(f"\nstopped {times['interrupted'] - at(session['ending_at']):.1f} s after its announced end,"
          f" destroyed {times['end_requested'] - times['interrupted']:.1f} s later")  # fmt: skip
    assert times["ending"] < times["interrupted"] < times["end_requested"]
