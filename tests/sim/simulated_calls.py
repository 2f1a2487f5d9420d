"""Shared calls on simulated time: each acts at once, and its answer is there once the charged seconds have passed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gpushopper.engine.shared_calls import SharedCall
from tests.transport import FaultTransport


@dataclass
class SimCall:
    """A call whose answer is on its way until `due_s`, monotonic seconds."""

    calls: SimCalls
    due_s: float
    result: Any = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.due_s <= self.calls.monotonic() + 1e-6

    @property
    def value(self) -> Any:
        assert self.is_done, "what is on its way cannot be read"
        if self.error is not None:
            raise self.error
        return self.result


@dataclass
class SimCalls:
    """Calls of different accounts overlap: the time of each is charged beside the others', not after them."""

    transport: FaultTransport
    monotonic: Callable[[], float]
    under_way: dict[tuple[str, Hashable], SimCall] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)

    def start(self, account: str, key: Hashable, call: Callable[[], Any]) -> tuple[SharedCall, bool] | None:
        self.under_way = {each: known for each, known in self.under_way.items() if not known.is_done}
        if (account, key) in self.under_way:
            return self.under_way[account, key], False
        self.begun.append(account)
        began = self.transport.charged_s
        made = SimCall(self, 0.0)
        try:
            made.result = call()
        except Exception as error:  # noqa: BLE001 - raised again where its value is read
            made.error = error
        made.due_s, self.transport.charged_s = self.monotonic(), began
        self.under_way[account, key] = made
        return made, True

    def wait(self, calls: Iterable[SharedCall], limit_s: float) -> None:
        dues = [each.due_s for each in calls if isinstance(each, SimCall)]
        passed = min(max(dues, default=0.0) - self.monotonic(), limit_s)
        self.transport.charged_s += max(passed, 0.0)
