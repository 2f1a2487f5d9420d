"""Shared calls on real threads, held and let go by events: few threads, none of them waited for (I17)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gpushopper.engine.shared_calls import SharedCall, ThreadedCalls


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets go of every call that hangs."""
    event = threading.Event()
    yield event
    event.set()


def begin(calls: ThreadedCalls, account: str, key: str, release: threading.Event) -> tuple[SharedCall, bool]:
    started = calls.start(account, key, lambda: release.wait(20))
    assert started is not None
    return started


def test_a_call_under_way_is_joined_and_a_later_one_is_new(release: threading.Event):
    calls = ThreadedCalls()
    first, is_new = begin(calls, "a", "x", release)
    assert is_new and begin(calls, "a", "x", release) == (first, False)
    assert begin(calls, "b", "x", release)[1] and begin(calls, "a", "y", release)[1]
    release.set()
    calls.wait([first], 20)
    assert first.is_done and first.value is True
    assert begin(calls, "a", "x", release)[0] is not first


def test_a_cloud_that_hangs_has_few_threads_and_the_other_all_of_its_own(release: threading.Event):
    calls = ThreadedCalls(threads=2)
    hanging = [begin(calls, "a", str(number), release)[0] for number in range(2)]
    assert calls.start("a", "3", lambda: 1) is None, "no thread piles up"
    other = calls.start("b", "3", lambda: 1)
    assert other is not None
    calls.wait([other[0]], 20)
    assert other[0].value == 1
    calls.wait(hanging, 0.0)
    assert not any(each.is_done for each in hanging)
    release.set()
    calls.wait(hanging, 20)
    assert calls.start("a", "3", lambda: 1) is not None


def test_no_thread_keeps_the_process_from_ending(release: threading.Event):
    begin(ThreadedCalls(), "a", "x", release)
    [thread] = [each for each in threading.enumerate() if each.name == "a search"]
    assert thread.daemon


def test_what_a_call_raises_is_raised_where_it_is_read():
    calls = ThreadedCalls()
    started = calls.start("a", "x", lambda: 1 // 0)
    assert started is not None
    calls.wait([started[0]], 20)
    with pytest.raises(ZeroDivisionError):
        _ = started[0].value
