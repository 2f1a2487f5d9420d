"""Consumers: add one, or give one another name, which its sessions and budgets follow."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.engine.context import Context
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.commands.provision_request import MAX_CONSUMER_LENGTH
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import NotFound, UsageError
from gpushopper.store import consumers

_HINT = "see them with: gpu-shopper consumers"


def add_consumer(handle: EngineHandle, name: str, key: IdempotencyKey | None = None) -> str:
    """Record a consumer, and return its name; a former name of another one becomes one of its own again.

    Raises:
        UsageError: there is one of this name, or it is no name.
    """
    ctx = handle.ctx

    def effect(tx: Transaction) -> wire.ConsumerName:
        _check(name)
        if _known(ctx).get(name, "") is None:
            raise UsageError(f"there is a consumer {name} already", _HINT, code="name_taken")
        consumers.add_consumer(ctx.store, name, tx.now.wall)
        tx.add_event(EventDraft("consumer_added", f"consumer {name} was added"))
        return wire.ConsumerName(name)

    return perform_once(ctx, ctx.clock.now(), key, wire.ConsumerName, effect).name


def rename_consumer(handle: EngineHandle, old: str, new: str, key: IdempotencyKey | None = None) -> str:
    """Give a consumer another name, and return it; the former one goes on meaning it.

    Raises:
        NotFound: no consumer has this name.
        UsageError: the new name is another's, or no name.
    """
    ctx = handle.ctx

    def effect(tx: Transaction) -> wire.ConsumerName:
        _check(new)
        known = _known(ctx)
        if old not in known:
            raise NotFound(f"no consumer is called {old!r}", _HINT, code="no_consumer")
        present = known[old] or old
        if new == present:
            return wire.ConsumerName(present)
        if new in known and known[new] != present:
            raise UsageError(f"{new} is another consumer's name", "choose another one", code="name_taken")
        count = consumers.rename_consumer(ctx.store, present, new, tx.now.wall)
        tx.add_event(EventDraft("consumer_renamed", f"consumer {present} is now {new}", {"sessions": count}))
        return wire.ConsumerName(new)

    return perform_once(ctx, ctx.clock.now(), key, wire.ConsumerName, effect).name


def _known(ctx: Context) -> dict[str, str | None]:
    """Every name that was ever one of a consumer, with the name that this one has now; None: itself."""
    return {each.name: each.renamed_to for each in consumers.load_consumers(ctx.store)}


def _check(name: str) -> None:
    if not name.strip() or name != name.strip() or len(name) > MAX_CONSUMER_LENGTH:
        raise UsageError(f"a consumer's name has 1 to {MAX_CONSUMER_LENGTH} characters", code="bad_name")
