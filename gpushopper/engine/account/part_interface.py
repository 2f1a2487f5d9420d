"""What a part may use of its account: Protocols of the reconciler, so that no part imports the reconciler itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.calls.provider_calls import ProviderCalls
from gpushopper.engine.account.inferred_identity import InferredIdentity
from gpushopper.engine.account.observed_state import ObservedState
from gpushopper.engine.context import Context
from gpushopper.engine.transaction import Transaction
from gpushopper.providers.base import Provider


class Account(Protocol):
    """What every part needs: the account's name and client, its calls, its observed and its stored state."""

    @property
    def name(self) -> str:
        """The account's name; that of the first account of a cloud is the cloud's."""
        ...

    @property
    def ctx(self) -> Context: ...

    @property
    def policy(self) -> Policy:
        """The rules' numbers, with the limits of this cloud."""
        ...

    @property
    def client(self) -> Provider | None:
        """The provider's client; None without a key."""
        ...

    @property
    def calls(self) -> ProviderCalls: ...

    @property
    def observed(self) -> ObservedState: ...

    @property
    def identity(self) -> InferredIdentity | None:
        """What proves the account; None where the cloud tells it."""
        ...

    @property
    def same_as(self) -> str:
        """The other name under which this very account is used too; empty where there is none."""
        ...

    def show_account(self, **shown: Any) -> None:
        """Note what the account has shown of itself."""
        ...

    @property
    def key_digest(self) -> str:
        """The salted digest of the key in use."""
        ...

    def open_attempts(self) -> list[Attempt]:
        """The open attempts of this account, as stored now."""
        ...

    def transact(self, now: ClockSnapshot, work: Callable[[Transaction], None]) -> bool:
        """Run one transaction; False where it was undone, and the next step decides anew."""
        ...


class PollableAccount(Account, Protocol):
    """For parts whose results make a new list worth having."""

    def wake(self) -> None:
        """Poll the list as soon as the rate limit allows it."""
        ...


class RentableAccount(PollableAccount, Protocol):
    """For the part that creates."""

    @property
    def can_rent(self) -> bool:
        """Whether an instance rented here ends as its cloud's traits say, or is simulated on this computer."""
        ...
