"""What a login says first: when the session ends, and what it costs; also where the instance does not know that yet."""

from __future__ import annotations

from typing import Any, cast

from gpushopper.cli.output.session_views import login_banner
from gpushopper.client import JsonObject
from gpushopper.core.timing.clock_snapshot import HOUR

NOW = 1_793_400_000_000_000
SESSION: dict[str, Any] = {
    "name": "train", "status": "running", "deadline_at": NOW + 2 * HOUR, "guard_deadline_at": NOW + 2 * HOUR,
    "guard_in_sync": True, "ended_at": None, "accrued": 430_000, "max_cost": 1_720_000,
    "done_command": "",
}  # fmt: skip


def said(**changes: Any) -> str:
    return login_banner(cast("Any", JsonObject(SESSION | changes)), NOW)


def test_it_says_when_it_ends_and_what_it_costs():
    assert said().startswith("train ends ") and said().endswith("(in 2h); $0.43 so far, at most $1.72")


def test_it_says_so_where_the_instance_would_end_earlier():
    assert "(the instance itself would end" in said(guard_in_sync=False, guard_deadline_at=NOW + HOUR)


def test_it_says_how_to_end_it_from_there_by_its_path_where_that_is_not_in_the_path():
    assert said(done_command="gpu-shopper-done").endswith("\nWhen the work there is done, type: gpu-shopper-done")
    assert said(done_command="/root/.gs-guard/gpu-shopper-done").endswith(": /root/.gs-guard/gpu-shopper-done")
