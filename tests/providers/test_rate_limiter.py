"""Rate limits: one slot per interval, none lost between threads, a bounded backoff after each refusal (S6, F75)."""

from __future__ import annotations

import threading
from itertools import pairwise

import httpx
from hypothesis import given
from hypothesis import strategies as st

from gpushopper.providers.api import ApiClient, Call, Failure, RateLimit, Reply, bearer
from gpushopper.providers.api.rate_limiter import RateLimiter
from gpushopper.providers.base import ErrorKind


class ManualClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


RATE_LIMITS = {"x": RateLimit(3.0, backoff_s=12.0, max_wait_s=60.0), "y": RateLimit(1.0)}


def test_a_slot_is_booked_once_and_only_within_the_allowed_wait():
    clock = ManualClock()
    limiter = RateLimiter(RATE_LIMITS, clock)
    assert limiter.available_at("x") == 0.0
    assert limiter.reserve("x", 0.0) == 0.0
    assert limiter.available_at("x") == 103.0
    assert limiter.reserve("x", 2.0) == 3.0
    assert limiter.available_at("x") == 103.0, "beyond the allowed wait: not booked"
    assert limiter.reserve("x", 5.0) == 3.0
    assert limiter.available_at("x") == 106.0
    assert limiter.reserve("y", 0.0) == 0.0, "endpoints do not share"


def test_backoff_grows_with_each_refusal_up_to_a_bound():
    clock = ManualClock()
    limiter = RateLimiter(RATE_LIMITS, clock)
    assert [limiter.refused("x", None) for _ in range(7)] == [12.0, 12.0, 12.0, 24.0, 48.0, 48.0, 48.0]
    assert limiter.refused("x", 30.0) == 48.0
    assert limiter.refused("x", 1e9) == 60.0, "a nonsensical header stops nothing for a day"
    limiter.accepted("x")
    assert limiter.refused("x", None) == 12.0


@given(st.lists(st.tuples(st.sampled_from(["x", "y"]), st.floats(0, 10), st.floats(0, 5)), max_size=40))
def test_calls_of_an_endpoint_are_never_closer_than_its_interval(asks: list[tuple[str, float, float]]):
    clock = ManualClock()
    limiter = RateLimiter(RATE_LIMITS, clock)
    starts: dict[str, list[float]] = {"x": [], "y": []}
    for name, max_wait_s, elapsed in asks:
        delay = limiter.reserve(name, max_wait_s)
        if delay <= max_wait_s:
            starts[name].append(clock.now + delay)
        clock.now += elapsed
    for name, times in starts.items():
        assert all(b - a >= RATE_LIMITS[name].interval_s - 1e-9 for a, b in pairwise(times))


def test_threads_never_share_a_slot():
    limiter = RateLimiter(RATE_LIMITS, lambda: 100.0)
    slots: list[float] = []

    def take() -> None:
        for _ in range(50):
            slots.append(limiter.reserve("x", 1e6))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slots) == [3.0 * n for n in range(200)]


def api(handler, clock: ManualClock) -> ApiClient:
    transport = httpx.MockTransport(handler)
    return ApiClient("http://127.0.0.1:9", bearer("k" * 40), RATE_LIMITS, clock, transport, clock.wait)


def test_a_read_is_retried_once_after_a_quick_failure_and_never_after_a_timeout():
    for error, tries in ((httpx.ReadError("x"), 2), (httpx.ConnectError("x"), 2), (httpx.ReadTimeout("x"), 1)):
        clock, seen = ManualClock(), []

        def fail(request: httpx.Request, error=error, seen=seen) -> httpx.Response:
            seen.append(request)
            raise error

        one = api(fail, clock)
        answer = one.read(Call("y", "GET", "/"), one.limit(30))
        assert isinstance(answer, Failure) and answer.kind is ErrorKind.NETWORK
        assert len(seen) == tries


def test_a_retry_beyond_the_time_limit_is_not_sent():
    clock, seen = ManualClock(), []

    def busy(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(429, headers={"Retry-After": "20"})

    one = api(busy, clock)
    answer = one.read(Call("y", "GET", "/"), one.limit(10))
    assert isinstance(answer, Reply) and answer.status == 429 and answer.retry_after_s == 20
    assert len(seen) == 1


def test_a_send_is_never_retried():
    for status in (429, 500, 502, 503, 504):
        clock, seen = ManualClock(), []

        def busy(request: httpx.Request, status=status, seen=seen) -> httpx.Response:
            seen.append(request)
            return httpx.Response(status)

        one = api(busy, clock)
        one.send(Call("x", "PUT", "/"), one.limit(60))
        assert len(seen) == 1


def test_retry_after_may_be_a_date_or_the_time_of_a_reset():
    clock = ManualClock()
    told = [
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, 30.0),
        ({"X-RateLimit-Reset": "1792567720"}, 40.0),
        ({"Retry-After": "-5"}, 12.0),
        ({"Retry-After": "soon"}, 12.0),
    ]
    for headers, seconds in told:
        date = {"Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
        one = api(lambda request, h=headers, d=date: httpx.Response(429, headers={**d, **h}), clock)
        answer = one.send(Call("x", "GET", "/"), one.limit(60))
        assert isinstance(answer, Reply) and answer.retry_after_s == seconds
