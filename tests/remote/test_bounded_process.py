"""A child process ends at its time limit and at its output size limit, whatever it does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from gpushopper.remote.bounded_process import Finished, Killed, LimitKind, run_bounded

PATH = {"PATH": "/usr/bin:/bin"}
LOOSE_S = 20
"""What a loaded computer may take beyond the limit."""


def run(script: str, *, limit_s: float = 30, size_limit: int = 1000, stdin: bytes = b"") -> Finished | Killed:
    return run_bounded(["sh", "-c", script], limit_s=limit_s, size_limit=size_limit, environ=PATH, stdin=stdin)


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split(") ")[1][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second where it ends between opening and reading
        return True


def test_status_and_both_outputs_come_back():
    assert run("echo out; echo err >&2; exit 7") == Finished(7, b"out\n", b"err\n")


def test_the_whole_input_is_written_and_closed():
    text = os.urandom(300_000)
    found = run_bounded(["cat"], limit_s=30, size_limit=400_000, environ=PATH, stdin=text)
    assert found == Finished(0, text, b"")


def test_a_child_that_reads_nothing_does_not_block_us():
    assert run("exit 3", stdin=b"x" * 1_000_000) == Finished(3, b"", b"")


def test_a_gigabyte_of_output_ends_at_the_size_limit():
    found = run("head -c 1000000000 /dev/zero")
    assert isinstance(found, Killed)
    assert (found.limit, len(found.out)) == (LimitKind.SIZE, 1000)


def test_endless_stderr_ends_at_the_size_limit():
    found = run("yes >&2")
    assert isinstance(found, Killed)
    assert (found.limit, len(found.err)) == (LimitKind.SIZE, 1000)


@pytest.mark.parametrize("script", ["sleep 600", "while :; do printf x; sleep 0.2; done", "exec >&- 2>&-; sleep 600"])
def test_the_time_limit_is_for_the_whole_run(script: str):
    began = time.monotonic()
    found = run(script, limit_s=1.0)
    assert isinstance(found, Killed) and found.limit is LimitKind.TIME
    assert 1.0 <= time.monotonic() - began < LOOSE_S


def test_the_whole_process_group_is_killed_at_the_limit(wait_until: Callable[..., None]):
    found = run("sleep 600 & echo $!; trap '' TERM INT; wait", limit_s=1.0)
    assert isinstance(found, Killed)
    wait_until(lambda: is_gone(int(found.out)), timeout_s=60)


def test_a_grandchild_that_keeps_the_pipes_is_not_waited_for():
    """OpenSSH leaves such a one: the shared connection."""
    began = time.monotonic()
    found = run("setsid sleep 25 & echo done", limit_s=60)
    assert found == Finished(0, b"done\n", b"")
    assert time.monotonic() - began < LOOSE_S


def test_only_the_given_variables_are_passed():
    found = run_bounded(["/usr/bin/env"], limit_s=30, size_limit=1000, environ={"A": "1"})
    assert found == Finished(0, b"A=1\n", b"")


def test_a_program_that_is_not_there_raises():
    with pytest.raises(FileNotFoundError):
        run_bounded(["/nonexistent"], limit_s=1, size_limit=1, environ=PATH)
