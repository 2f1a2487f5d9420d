"""Executor: runs calls to providers and instances on thread pools, or on simulated time; results are collected (S5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

Key = Hashable
DESTROY, HEARTBEAT, ATTACH = "destroy", "heartbeat", "keys"


@dataclass(frozen=True, slots=True)
class CallResult:
    """A finished call. `error` is set only by a bug of ours: adapters return their failures as values (D17)."""

    key: Key
    value: Any
    error: BaseException | None = None


class Executor(Protocol):
    """Runs calls for the engine; a key names its call and, by its first part, its kind."""

    def submit(self, key: tuple[Any, ...], call: Callable[[], Any], limit_s: float) -> None:
        """Start a call that bounds itself to `limit_s`."""
        ...

    def collect(self) -> list[CallResult]:
        """The calls that have finished since the last `collect`."""
        ...

    def next_due(self) -> int | None:
        """Boot-clock µs of the next result in a simulation; None where it is not known."""
        ...


class ThreadExecutor:
    """Three thread pools: reads and creates; destroys, so that nothing delays them (F38); probes, so that hosts that
    hang delay neither (I17).
    """

    def __init__(
        self, on_done: Callable[[], None] = lambda: None, workers: int = 6, destroyers: int = 4, logins: int = 8
    ) -> None:
        self.on_done = on_done
        self._calls = ThreadPoolExecutor(workers, thread_name_prefix="call")
        self._destroys = ThreadPoolExecutor(destroyers, thread_name_prefix="destroy")
        self._logins = ThreadPoolExecutor(logins, thread_name_prefix="login")
        self._done: list[CallResult] = []
        self._lock = threading.Lock()

    def submit(self, key: tuple[Any, ...], call: Callable[[], Any], limit_s: float) -> None:
        pool = {DESTROY: self._destroys, HEARTBEAT: self._logins}.get(key[1], self._calls)
        pool.submit(self._run, key, call)

    def _run(self, key: Key, call: Callable[[], Any]) -> None:
        try:
            done = CallResult(key, call())
        except Exception as error:  # noqa: BLE001 - a pool thread must survive; the reconciler reports it
            done = CallResult(key, None, error)
        with self._lock:
            self._done.append(done)
        self.on_done()

    def collect(self) -> list[CallResult]:
        with self._lock:
            done, self._done = self._done, []
        return done

    def next_due(self) -> int | None:
        return None

    def close(self) -> None:
        """Start nothing new; calls under way end by their own limits."""
        self._calls.shutdown(wait=False, cancel_futures=True)
        self._destroys.shutdown(wait=False, cancel_futures=True)
        self._logins.shutdown(wait=False, cancel_futures=True)
