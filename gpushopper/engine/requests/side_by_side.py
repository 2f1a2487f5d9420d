"""Calls at clouds side by side, under one deadline: one that hangs costs its own answer and no other's (I17)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import structlog

from gpushopper.clock import Clock
from gpushopper.engine.shared_calls import SharedCall, SharedCalls
from gpushopper.providers.base import ErrorKind, ReadFailed

SPARE_S = 1.0
"""A cloud's call ends so long before the deadline, so that what it has read by then still counts."""

T = TypeVar("T")
Asked = tuple[str, Hashable]
"""An account, and what is asked of it: calls with the same of both are shared between requests."""
_log = structlog.get_logger(__name__)


def ask_all(
    shared: SharedCalls,
    clock: Clock,
    calls: Mapping[Asked, Callable[[], T | ReadFailed]],
    limit_s: float,
    has_failed: Callable[[object], bool] = lambda answer: isinstance(answer, ReadFailed),
) -> dict[Asked, T | ReadFailed]:
    """Make these calls at the same time, or join those that are under way; each answers or has failed by `limit_s`."""
    ends_at = clock.monotonic() + limit_s
    started = {asked: shared.start(*asked, call) for asked, call in calls.items()}
    under_way = {asked: start[0] for asked, start in started.items() if start is not None}
    shared.wait(under_way.values(), limit_s)
    answers: dict[Asked, T | ReadFailed] = {asked: _value(asked[0], under_way.get(asked), limit_s) for asked in calls}
    left_s = ends_at - clock.monotonic()
    joined = {asked for asked, start in started.items() if start is not None and not start[1]}
    # What another request began may have had less time than this one.
    again = {asked: (asked[0], (asked[1], "again")) for asked in joined if has_failed(answers[asked])}
    if not again or left_s <= SPARE_S:
        return answers
    second = ask_all(shared, clock, {key: calls[asked] for asked, key in again.items()}, left_s, has_failed)
    return answers | {asked: second[key] for asked, key in again.items()}


def _value(account: str, call: SharedCall | None, limit_s: float) -> Any:
    if call is None:
        return ReadFailed(ErrorKind.NETWORK, "it has not answered earlier requests yet")
    if not call.is_done:
        return ReadFailed(ErrorKind.NETWORK, f"no answer within {limit_s:g} s")
    try:
        return call.value
    except Exception as error:  # noqa: BLE001 - a fault in one cloud's adapter must not hide what another one has
        _log.error("a call at a cloud has failed", account=account, exc_info=error)
        return ReadFailed(ErrorKind.SHAPE, f"a fault in our program: {type(error).__name__}")
