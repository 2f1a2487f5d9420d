"""An instance rented by the version before: its guard knows no early ends (ends.md E4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gpushopper.remote import guard_files
from tests.e2e.ends.rented import at, rent
from tests.sandbox_home import SandboxHome

pytestmark = pytest.mark.proofs


FORMER = Path(__file__).parents[2] / "agent" / "guard_1.txt"


def test_an_instance_with_the_guard_of_the_version_before_is_read_renewed_and_ended(
    sandbox: SandboxHome, wait_until: Callable[..., None]
) -> None:
    (former,) = rent(sandbox, wait_until, "former", life="150s")
    number = former.number
    former.until_watched()
    head, found, _ = former.file("guard.sh").partition("exec 2>/dev/null\n")
    assert found
    text = FORMER.read_text() if "destroy()" in head else guard_files.shortened(FORMER.read_text())
    sandbox.must("cp", str(sandbox.write("guard.sh", head + text)), "former:.gs-guard/guard.new")
    former.says(
        "cd .gs-guard && kill -9 $(cut -d' ' -f1 holder1) $(cut -d' ' -f1 holder2) $(cut -d' ' -f1 agent.pid);"
        # The guard first: the parts would be brought again to one that knows ends.
        "mv guard.new guard.sh; rm -f state renewal test holder* agent* upkeep.sh limits report.json contact;"
        "sh $PWD/guard.sh boot"
    )
    former.until(lambda: former.session["limits"]["unwatched"] == "its guard is of an older version")
    former.until(lambda: former.session["guard_state"] == "armed" and former.session["guard_in_sync"])
    assert former.file("agent.py") == "", "it could not obey it"
    assert "now ends" in sandbox.must("extend", "former", "--yes", "--for", "1m")
    deadline = former.session["deadline_at"]
    assert sandbox.kill_daemon()
    row = former.until_gone(number, timeout_s=300)
    assert row["ended_by"] == "instance_key"
    print(f"\nended {at(row['ended_at']) - at(deadline):+.1f} s from the deadline that was renewed")
    assert -15 < at(row["ended_at"]) - at(deadline) < 60
