"""The unit of docs/deploy and the one that `daemon install` writes promise the same."""

from __future__ import annotations

import re

from gpushopper.cli.process.supervisor.unit_text import systemd_unit
from tests.floors.tree import text_of
from tests.packages.compose import DEPLOY

SAME = re.compile(
    r"^(?:Type|Restart\w*|Watchdog\w+|Timeout\w+|KillMode|OOMPolicy|LimitCORE|UMask|StartLimit\w+)=.*", re.MULTILINE
)


def test_both_units_restart_and_watch_it_alike():
    found = set(SAME.findall(text_of(DEPLOY / "gpu-shopper.service")))
    assert found == set(SAME.findall(systemd_unit([], {}))) and len(found) == 11
