"""Requests that wait for a market or a keyring never take the last threads of the API (I17)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.client import Client
from gpushopper.daemon.api.listener import THREADS, Listener
from gpushopper.daemon.api.server import build_app
from gpushopper.daemon.api.service import LOGINS_AT_ONCE, SLOW_AT_ONCE, Service
from gpushopper.errors import Refused
from tests.daemon.test_api import EmptyAccount, WatchedHandle, assert_error, provision, serving

HANG_S = 300
"""Longer than any of these tests waits: what came one after the other would not be there in time."""


@pytest.fixture
def service(home: Path) -> Iterator[Service]:
    with serving(EmptyAccount()) as found:
        yield found


def test_searches_never_take_the_last_threads(service: Service):
    entered, leave = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        entered.release()
        leave.wait(HANG_S)

    service.handle = WatchedHandle(service.handle, hang)  # type: ignore[assignment]
    app = build_app(service)
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(app.test_client().get("/api/v1/inventory").status_code))
        for _ in range(SLOW_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=60)
    assert_error(app.test_client().get("/api/v1/inventory"), 503, "busy", 1)
    leave.set()
    for thread in threads:
        thread.join(10)
    assert codes == [200] * SLOW_AT_ONCE
    assert app.test_client().get("/api/v1/inventory").status_code == 200


def test_twenty_requests_at_once_are_retried_until_there_is_room(service: Service):
    """More than may search at once: each is told so, comes back, and gets its answer."""
    entered, most = threading.Semaphore(0), threading.Semaphore(SLOW_AT_ONCE)

    def search() -> None:
        assert most.acquire(blocking=False), "more at once than may be"
        entered.release()
        first_four.wait(HANG_S)
        most.release()

    first_four = threading.Event()
    service.handle = WatchedHandle(service.handle, search)  # type: ignore[assignment]
    opened = Listener(service.home, build_app(service))
    opened.open()
    answers: list[Any] = []
    try:
        asking = [threading.Thread(target=lambda: answers.append(Client(service.home).audit())) for _ in range(20)]
        for each in asking:
            each.start()
        for _ in range(SLOW_AT_ONCE):
            assert entered.acquire(timeout=60)
        first_four.set()
        for each in asking:
            each.join(30)
    finally:
        opened.close()
    assert answers == [{"rows": [], "unavailable": {}, "problems": 0, "clock_off_us": {}}] * 20


def test_a_provision_that_waits_for_a_login_waits_for_no_search_and_leaves_threads(service: Service):
    entered, leave = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        entered.release()
        leave.wait(HANG_S)
        raise Refused("over", code="over")

    service.handle = WatchedHandle(service.handle, hang)  # type: ignore[assignment]
    app = build_app(service)

    def rent(**changes: Any) -> Any:
        return app.test_client().post("/api/v1/sessions", json=provision(**changes))

    searches = [service.slow.acquire(blocking=False) for _ in range(SLOW_AT_ONCE)]
    assert all(searches) and SLOW_AT_ONCE + LOGINS_AT_ONCE < THREADS
    threads = [threading.Thread(target=rent, kwargs={"image_login": True}) for _ in range(LOGINS_AT_ONCE)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=60)
    refused = rent(image_login=True)
    assert_error(refused, 503, "busy", 1)
    assert refused.json["error"]["message"] == "too many rentals wait for a login at once"
    leave.set()
    for thread in threads:
        thread.join(10)
    assert_error(rent(image_login=True), 409, "over", 6)
    assert_error(rent(), 409, "over", 6)
