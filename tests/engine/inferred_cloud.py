"""A cloud that tells no account id, for tests: the sandbox's, through a client that hides it (Identity.INFERRED)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core.cloud import Identity, ListProof
from gpushopper.engine.context import AccountSetup
from gpushopper.providers import adapter
from gpushopper.providers.base import Account, InstanceList, Marks, Provider, ReadFailed
from tests.credentials import api_key
from tests.sim.world import World

URL = "http://127.0.0.1:9"


class InferredClient:
    """The real client, without what the cloud would not tell: the account's id, and how many instances there are."""

    def __init__(self, real: Provider) -> None:
        self.real = real
        limits = replace(real.traits.limits, list_proof=ListProof.NOTHING)
        self.traits = replace(real.traits, identity=Identity.INFERRED, limits=limits)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def fetch_account(self, limit_s: float) -> Account | ReadFailed:
        found = self.real.fetch_account(limit_s)
        return found if isinstance(found, ReadFailed) else replace(found, account_id="")

    def fetch_instances(self, limit_s: float) -> InstanceList | ReadFailed:
        found = self.real.fetch_instances(limit_s)
        return found if isinstance(found, ReadFailed) else replace(found, total=None)


def inferred(world: World, key: str, name: str = "vast") -> AccountSetup:
    """The setup of an account with this key."""
    transport = world.executor.transport
    real = adapter("vast")(URL, api_key(key), world.clock.monotonic, transport=transport, wait=transport.wait)
    client: Any = InferredClient(real)
    return AccountSetup(name, client, "", "test", URL, is_local=True, credential=api_key(key))


def use_key(world: World, key: str) -> None:
    """Another key of the account that is called as its cloud."""
    world.engine.replace_account(inferred(world, key))


def restart_with(world: World, key: str) -> None:
    """Another process, which has this key from its start."""
    world.restart()
    use_key(world, key)


def rotated_key(world: World) -> str:
    """A second key of the first key's account."""
    market = world.market
    return market.add_key(market.keys[world.key].account_id, "5" * 64).secret


class MarkableClient(InferredClient):
    """A cloud where ssh keys can be registered at the account; `registered` are those of its organisation."""

    def __init__(self, real: Provider, registered: list[str]) -> None:
        super().__init__(real)
        self.registered = registered
        self.public_keys: list[str] = []

    def fetch_marks(self, limit_s: float) -> Marks | ReadFailed:
        return Marks(frozenset(self.registered))

    def add_mark(self, name: str, public_key: str, limit_s: float) -> str | ReadFailed:
        self.public_keys.append(public_key)
        self.registered.append(f"key-{len(self.registered)}-{id(self.registered)}")
        return self.registered[-1]


def markable(world: World, key: str, registered: list[str], name: str = "vast") -> AccountSetup:
    """The setup of an account of the organisation where these keys are registered."""
    setup = inferred(world, key, name)
    client: Any = MarkableClient(setup.client.real, registered)  # type: ignore[union-attr]
    return replace(setup, client=client, cloud="vast")
