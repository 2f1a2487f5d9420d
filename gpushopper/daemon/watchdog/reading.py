"""One list of an account as the watchdog reads it: retried for a while, with the clocks that it was read by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gpushopper.clock import Clock
from gpushopper.core.listing.watchdog import WatchedList, certain_time
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import clocks_disagree
from gpushopper.engine.requests.refusals import why_unread
from gpushopper.providers.base import Endpoint, ErrorKind, InstanceNotFound, Provider, ReadFailed

_RETRIES = 3
_LONGEST_WAIT_S = 120.0
"""A rate limit that asks for more is a list that was not seen."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the job needs of the world: the clocks, a way to let time pass, and where to say what it does."""

    clock: Clock
    pause: Callable[[float], object]
    note: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Watched:
    """One account: its client, and the policy for its cloud's limits."""

    name: str
    client: Provider
    policy: Policy
    source: str = ""
    """Where its key is from."""


def read_list(account: Watched, means: Means) -> WatchedList | str:
    """All instances of the account, or why they cannot be seen; retried where that may help."""
    client, policy = account.client, account.policy
    for pause_s in (*policy.failure_poll_steps_s[:_RETRIES], 0.0):
        wait_for(client, Endpoint.LIST, means)
        answer = client.fetch_instances(policy.read_timeout_s)
        if not isinstance(answer, ReadFailed) and answer.is_whole(client.traits.limits.list_proof):
            break
        if isinstance(answer, ReadFailed) and answer.error_kind is ErrorKind.AUTH:
            break
        means.pause(min(max(pause_s, getattr(answer, "retry_after_s", None) or 0.0), _LONGEST_WAIT_S))
    if isinstance(answer, ReadFailed):
        return why_unread(account.name, answer, account.source)
    now = replace(means.clock.now(), provider_date=answer.date)
    return WatchedList(answer.instances, answer.is_whole(client.traits.limits.list_proof), now)


def doubt(seen: WatchedList) -> str:
    """Why this list is not enough to watch by; empty where it is."""
    if not seen.is_whole:
        return "its list is not whole"
    if certain_time(seen.now) is None:
        return "there is no second clock to compare this computer's with"
    return "this computer's clock and the cloud's disagree" if clocks_disagree(seen.now) else ""


def is_unknown_by_id(account: Watched, instance_id: str, means: Means) -> bool:
    """Whether the read by id says that there is no such instance."""
    wait_for(account.client, Endpoint.GET, means)
    return isinstance(account.client.fetch_instance(instance_id, account.policy.read_timeout_s), InstanceNotFound)


def wait_for(client: Provider, endpoint: Endpoint, means: Means) -> None:
    """Let the rate limit's interval pass."""
    wait = client.available_at(endpoint) - means.clock.monotonic()
    if wait > 0:
        means.pause(min(wait, _LONGEST_WAIT_S))
