"""The daemon as a child: whether its process still runs, and what a stop may claim."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from gpushopper.cli.process.daemon_process import is_alive
from tests.cli.conftest import Shell


def test_a_process_that_waits_to_be_reaped_has_ended(wait_until: Callable[..., None]):
    """A parent that never reaps, as some containers' first process, keeps its number in use for ever."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(child.pid)
    child.kill()
    wait_until(lambda: not is_alive(child.pid))
    os.kill(child.pid, 0)  # its number is still there
    child.communicate()
    assert not is_alive(child.pid)


def test_without_a_daemon_nobody_says_that_nothing_bills(gs: Shell):
    ran = gs("daemon", "stop", "--json")
    assert (ran.code, ran.json["was_running"], ran.json["may_still_bill"]) == (0, False, None)
    plain = gs("daemon", "stop")
    assert plain.out == "it was not running\n" and "not known" in plain.err
