"""Nobody comes back: no contact, the end of a run and the script before the end, side by side (ends.md E3, E6, E7)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.ends.rented import WHOLE_S, at, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs

CONTACT_S, WORK_S, GRACE_S, LATE_S = 20, 45, 9, 60
"""`LATE_S`: the warning, and what ticks, the hook, the destroy and a busy computer may add."""
OPTIONS = f"--contact {CONTACT_S}s --before-end @"


def test_lack_of_contact_ends_what_nobody_uses_and_the_end_of_its_run_what_was_in_use(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    hook = sandbox.write("hook.sh", "ls .gs-guard | grep '^end-[a-z]*$' >hooked")
    silent, busy = rent(sandbox, wait_until, "silent", "busy", options=f"{OPTIONS}{hook}")
    numbers = {one.name: one.number for one in (silent, busy)}
    homes = {one.name: one.home(numbers[one.name]) for one in (silent, busy)}
    for one in (silent, busy):
        one.until_watched()
    # A GPU at work: on a busy computer a loop gets less than what counts as use of a processor.
    sandbox.must("sandbox", "revise", numbers["busy"], "gpu_load", "40")
    begun = time.time()
    sandbox.must("run", "busy", "-d", "--rm", "--", "sleep", str(WORK_S))
    left_at = time.time()
    assert sandbox.kill_daemon()

    seen: dict[str, set[str]] = {"silent": set(), "busy": set()}
    hooks: dict[str, str] = {}

    def are_gone() -> bool:
        for name, home in homes.items():
            seen[name] |= {path.name for path in home.glob(".gs-guard/end-*") if path.name.count(".") == 0}
            if (home / "hooked").is_file():
                hooks[name] = (home / "hooked").read_text().strip()
        return all(one.row(numbers[one.name])["state"] == "gone" for one in (silent, busy))

    silent.until(are_gone, timeout_s=180)
    ended = {one.name: one.row(numbers[one.name]) for one in (silent, busy)}
    assert {row["ended_by"] for row in ended.values()} == {"instance_key"}
    assert CONTACT_S - WHOLE_S < at(ended["silent"]["ended_at"]) - left_at < CONTACT_S + LATE_S
    # In use it outlived its contact.
    assert WORK_S + GRACE_S - WHOLE_S < at(ended["busy"]["ended_at"]) - begun < WORK_S + GRACE_S + LATE_S
    assert seen == {"silent": {"end-contact"}, "busy": {"end-run"}}
    assert hooks == {"silent": "end-contact", "busy": "end-run"}, "each had its script, once its end was announced"
