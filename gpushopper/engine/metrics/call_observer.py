"""The one place where calls to clouds and instances are observed: how long each took, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from gpushopper.core.model.ends.landed import NotLanded
from gpushopper.core.model.heartbeat import ProbeFailure
from gpushopper.providers.base import Destroyed, DestroyOutcome, ReadFailed, RejectedCreate, UnknownOutcome

OK = "ok"
UNKNOWN, REFUSED, FAILED, RAISED = "unknown", "refused", "failed", "raised"

T = TypeVar("T")


class ObserveCall(Protocol):
    """Notes one call that has ended. Called on the thread that made it, so it must be quick and thread-safe.

    `account` is its name, `operation` the kind of the call (an endpoint, or a login over ssh), `seconds` how long it
    took, `outcome` what `outcome_of` says.
    """

    def __call__(self, account: str, operation: str, outcome: str, seconds: float) -> None: ...


class ObserveFirstLogin(Protocol):
    """Notes the first login to an instance that has worked, with how many were tried, itself included."""

    def __call__(self, account: str, tries: int) -> None: ...


def unobserved_first_login(account: str, tries: int) -> None:
    """For an engine whose metrics nobody reads."""


def unobserved(account: str, operation: str, outcome: str, seconds: float) -> None:
    """For an engine whose metrics nobody reads."""


def observed(
    observe: ObserveCall, monotonic: Callable[[], float], account: str, operation: str, work: Callable[[], T]
) -> T:
    """Make a call and note it, also where it raises."""
    began = monotonic()
    outcome = RAISED
    try:
        value = work()
        outcome = outcome_of(value)
        return value
    finally:
        observe(account, operation, outcome, monotonic() - began)


def outcome_of(value: object) -> str:
    """A call's answer as one of few words: `ok`, or why not.

    That an instance is not found is an answer like any other; a destroy of one that is gone has done its work.
    """
    match value:
        case ReadFailed(error_kind=kind):
            return kind.value
        case RejectedCreate(why=why):
            return why.value
        case UnknownOutcome():
            return UNKNOWN
        case Destroyed(outcome=outcome):
            is_done = outcome in (DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND)
            return OK if is_done else outcome.value
        case ProbeFailure(kind=why_not):
            return why_not.value
        case (Destroyed(), *_):
            # One call for several instances: it has failed where it has failed for any.
            return next((word for each in value if (word := outcome_of(each)) != OK), OK)
        case NotLanded():
            return FAILED
        case False:
            return REFUSED
        case _:
            return OK
