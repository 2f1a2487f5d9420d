"""Executor: runs calls to providers and instances on thread pools, or on simulated time; results are collected (S5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

Key = Hashable
DESTROY, HEARTBEAT, ATTACH, OUTPUTS, PULL = "destroy", "heartbeat", "keys", "outputs", "pull"
CALLS = "call"
"""The pool of every kind of call that has none of its own."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """A finished call; `value` is what it returned. `error`: it could not even be begun, and there is no value."""

    key: Key
    value: Any
    error: BaseException | None = None


class Executor(Protocol):
    """Runs calls for the engine. A key begins with the account and the kind of the call."""

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
    """Thread pools for each account: reads and creates; destroys, so that nothing delays them (F38); probes, outputs of
    runs, and pulls, so that hosts that hang delay neither. No account waits for another's calls (I17).

    Pools belong to the account's name, so that a key that is read again goes on with the threads of before.
    """

    def __init__(
        self,
        on_done: Callable[[], None] = lambda: None,
        workers: int = 6,
        destroyers: int = 4,
        logins: int = 8,
        pulls: int = 4,
    ) -> None:
        self.on_done = on_done
        self._sizes = {CALLS: workers, DESTROY: destroyers, HEARTBEAT: logins, OUTPUTS: 1, PULL: pulls}
        self._pools: dict[tuple[Hashable, str], ThreadPoolExecutor] = {}
        self._done: list[CallResult] = []
        self._lock = threading.Lock()

    def submit(self, key: tuple[Any, ...], call: Callable[[], Any], limit_s: float) -> None:
        self._pool(key[0], key[1] if key[1] in self._sizes else CALLS).submit(self._run, key, call)

    def _pool(self, account: Hashable, kind: str) -> ThreadPoolExecutor:
        """An account's pool; its threads start as they are needed."""
        with self._lock:
            if (account, kind) not in self._pools:
                self._pools[account, kind] = ThreadPoolExecutor(
                    self._sizes[kind], thread_name_prefix=f"{account} {kind}"
                )
            return self._pools[account, kind]

    def _run(self, key: Key, call: Callable[[], Any]) -> None:
        try:
            done = CallResult(key, call())
        except Exception as error:  # noqa: BLE001 - a pool thread must survive
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
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
