"""The daemon as a child: whether its process still runs, and what a stop may claim."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gpushopper.cli.process.daemon_process import is_alive
from tests.cli.conftest import Shell


def test_a_zombie_process_has_ended(wait_until: Callable[..., None]):
    """A parent that never reaps, as some containers' first process, keeps its number in use for ever."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(child.pid)
    child.kill()
    wait_until(lambda: not is_alive(child.pid))
    os.kill(child.pid, 0)  # its number is still there
    child.communicate()
    assert not is_alive(child.pid)


_FIRST_THREAD_ENDS = """
import ctypes, threading
threading.Thread(target=input).start()
print(flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_first_thread_ended_before_the_others_still_runs(wait_until: Callable[..., None]):
    """Linux shows it as a zombie, as it does a killed process until its other threads have closed its files."""
    words = [sys.executable, "-c", _FIRST_THREAD_ENDS]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()
        wait_until(lambda: _state(child.pid) == "Z")
        assert is_alive(child.pid)
        child.kill()
        wait_until(lambda: not is_alive(child.pid))


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_without_a_daemon_no_command_says_that_nothing_bills(gs: Shell):
    ran = gs("daemon", "stop", "--json")
    assert (ran.code, ran.json["was_running"], ran.json["may_still_bill"]) == (0, False, None)
    plain = gs("daemon", "stop")
    assert plain.out == "it was not running\n" and "not known" in plain.err
