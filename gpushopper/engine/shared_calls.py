"""Shared calls: a request's reads at clouds, on threads of each account's own; the next request joins one under way.

A cloud that hangs costs the request that waits its deadline, and nobody else anything (I17): its threads are few, none
is waited for, and none keeps the process from ending.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol

THREADS = 6
"""Calls of one account that may be under way at once. Requests that wait are fewer, but a call can outlive its own."""


class SharedCall(Protocol):
    """A call that is under way, or has ended."""

    @property
    def is_done(self) -> bool: ...

    @property
    def value(self) -> Any:
        """What it returned; only once it is done. Raises what it raised."""
        ...


class SharedCalls(Protocol):
    """Starts calls and waits for them; tests have a twin on simulated time."""

    def start(self, account: str, key: Hashable, call: Callable[[], Any]) -> tuple[SharedCall, bool] | None:
        """The call under way with this key, or a new one, and whether it is new.

        None: the account has as many calls under way as it may, so it does not answer.
        """
        ...

    def wait(self, calls: Iterable[SharedCall], limit_s: float) -> None:
        """Until all are done, or the limit has passed."""
        ...


class ThreadCall:
    """A call on a thread."""

    def __init__(self) -> None:
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def value(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


class ThreadedCalls:
    """Shared calls on threads that end with their call. Thread-safe."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._changed = threading.Condition()
        self._under_way: dict[tuple[str, Hashable], ThreadCall] = {}
        self._counts: Counter[str] = Counter()

    def start(self, account: str, key: Hashable, call: Callable[[], Any]) -> tuple[SharedCall, bool] | None:
        with self._changed:
            known = self._under_way.get((account, key))
            if known is not None:
                return known, False
            if self._counts[account] >= self._threads:
                return None
            self._counts[account] += 1
            made = self._under_way[account, key] = ThreadCall()
        # A daemon thread: the process does not wait for it when it ends.
        threading.Thread(
            target=self._run, args=(account, key, made, call), name=f"{account} search", daemon=True
        ).start()
        return made, True

    def _run(self, account: str, key: Hashable, made: ThreadCall, call: Callable[[], Any]) -> None:
        try:
            made.result = call()
        except Exception as error:  # noqa: BLE001 - raised again where its value is read
            made.error = error
        with self._changed:
            del self._under_way[account, key]
            self._counts[account] -= 1
            made.is_done = True
            self._changed.notify_all()

    def wait(self, calls: Iterable[SharedCall], limit_s: float) -> None:
        awaited = list(calls)
        with self._changed:
            self._changed.wait_for(lambda: all(each.is_done for each in awaited), max(limit_s, 0.0))
