"""An account's calls: never more than it may make in any window, and always some left for destroys (I17)."""

from __future__ import annotations

import threading

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.core.cloud import Pace
from gpushopper.providers.api import ApiClient, Call, RateLimit, Reply, bearer
from gpushopper.providers.api.rate_limiter import RateLimiter
from tests.providers.test_rate_limiter import ManualClock

GAPS = {"list": RateLimit(0.5), "destroy": RateLimit(0.0)}
URGENT = frozenset({"destroy"})

paces = st.builds(Pace, calls=st.integers(2, 12), window_s=st.floats(1, 60), destroy_share=st.floats(0, 1))
asks = st.lists(
    st.tuples(st.sampled_from(["list", "get", "create", "destroy"]), st.floats(0, 90), st.floats(0, 20)), max_size=60
)


def kept_of(pace: Pace) -> int:
    limiter = RateLimiter(GAPS, lambda: 0.0, pace, URGENT)
    assert limiter._account is not None
    return limiter._account.kept


def most_in_a_window(starts: list[float], window_s: float) -> int:
    return max((sum(a <= b < a + window_s for b in starts) for a in starts), default=0)


def run(
    pace: Pace, sequence: list[tuple[str, float, float]]
) -> tuple[RateLimiter, ManualClock, dict[str, list[float]]]:
    """Ask for each slot in turn; when the calls that were booked start, by kind."""
    clock = ManualClock()
    limiter = RateLimiter(GAPS, clock, pace, URGENT)
    starts: dict[str, list[float]] = {"destroy": [], "other": []}
    for name, max_wait_s, elapsed in sequence:
        told = limiter.available_at(name)
        delay = limiter.reserve(name, max_wait_s)
        assert max(told, clock.now) == pytest.approx(clock.now + delay), "available_at covers both levels"
        if delay <= max_wait_s:
            starts["destroy" if name == "destroy" else "other"].append(clock.now + delay)
        clock.now += elapsed
    return limiter, clock, starts


@given(paces, asks)
def test_no_window_has_more_calls_than_the_account_may_make(pace: Pace, sequence: list[tuple[str, float, float]]):
    _, _, starts = run(pace, sequence)
    assert most_in_a_window(starts["destroy"] + starts["other"], pace.window_s) <= pace.calls
    assert most_in_a_window(starts["other"], pace.window_s) <= pace.calls - kept_of(pace)


@given(paces, asks, st.integers(1, 30))
def test_destroys_wait_no_longer_than_their_share_says(
    pace: Pace, sequence: list[tuple[str, float, float]], burst: int
):
    """However reads crowd in before and between: so many as are kept start at once, as many more a window later."""
    reads = [("list" if name == "destroy" else name, wait, elapsed) for name, wait, elapsed in sequence]
    limiter, clock, _ = run(pace, reads)
    for number in range(burst):
        limiter.reserve("get", 1e6)
        delay = limiter.reserve("destroy", 1e6)
        assert delay <= (number // kept_of(pace)) * pace.window_s + 1e-6, clock.now


def test_reads_leave_the_share_of_destroys_untouched():
    clock = ManualClock()
    limiter = RateLimiter({}, clock, Pace(calls=100, window_s=60, destroy_share=0.25), URGENT)
    reads = sum(limiter.reserve("get", 0.0) == 0.0 for _ in range(200))
    assert reads == 75
    assert limiter.available_at("get") == 160.0
    assert [limiter.reserve("destroy", 0.0) for _ in range(25)] == [0.0] * 25
    assert limiter.available_at("destroy") == 160.0


def test_an_account_without_a_limit_has_gaps_alone():
    limiter = RateLimiter({}, ManualClock(), Pace(), URGENT)
    assert {limiter.reserve("get", 0.0) for _ in range(500)} == {0.0}
    assert limiter.available_at("get") <= 100.0


@pytest.mark.parametrize(("told_s", "waits_s"), [(None, 5.0), (30.0, 30.0), (1e9, 120.0)])
def test_a_refusal_delays_every_endpoint_of_the_account_but_destroys(told_s: float | None, waits_s: float):
    """A read's 429 does not say that the kept share is used up; and no header stops an account for longer (I6)."""
    clock = ManualClock()
    limiter = RateLimiter({}, clock, Pace(calls=100), URGENT)
    limiter.reserve("list", 0.0)
    assert limiter.refused("list", told_s) == pytest.approx(min(waits_s, 120.0))
    assert limiter.available_at("create") == pytest.approx(100.0 + waits_s)
    assert limiter.available_at("destroy") == 100.0
    limiter.refused("destroy", told_s)
    assert 100.0 < limiter.available_at("destroy") <= 100.0 + 120.0
    clock.now += 120.0
    assert limiter.reserve("create", 0.0) == limiter.reserve("destroy", 0.0) == 0.0


def test_threads_never_share_a_place_in_the_window():
    pace = Pace(calls=20, window_s=10, destroy_share=0.25)
    limiter = RateLimiter({}, lambda: 100.0, pace, URGENT)
    starts: list[float] = []

    def take(name: str) -> None:
        for _ in range(25):
            starts.append(100.0 + limiter.reserve(name, 1e6))

    threads = [threading.Thread(target=take, args=(name,)) for name in ("list", "get", "destroy", "create")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(starts) == 100
    assert most_in_a_window(starts, pace.window_s) <= 20


def test_two_calls_that_start_at_once_do_not_fail_for_want_of_one_place():
    """The engine asks `available_at` for each; the second waits a little on its own thread."""
    clock = ManualClock()
    pace = Pace(calls=4, window_s=2, destroy_share=0.25)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    api = ApiClient("http://127.0.0.1:9", bearer("k" * 40), {}, clock, transport, clock.wait, URGENT, pace)
    answers = [api.send(Call(name, "GET", "/"), api.limit(20)) for name in ("list", "get", "create", "account")]
    assert all(isinstance(answer, Reply) for answer in answers)
    assert clock.now == 102.0
