"""Record what a command is about to send to an instance: before the first byte, so that nothing is sent unrecorded."""

from __future__ import annotations

from gpushopper import wire
from gpushopper.core.model.records.sent_item import SentItem, SentKind
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import UsageError
from gpushopper.store import sessions
from gpushopper.store.instances.sent_items import add_sent

MOST_ITEMS = 1000
LONGEST_NAME = 1000


def record_sent(
    handle: EngineHandle, ref: str, request: wire.SentRequest, key: IdempotencyKey | None = None
) -> wire.SentRecorded:
    """Write a row for each file and variable.

    Raises:
        NotFound: no session has this name or id.
        UsageError: the attempt is not of this session, or too much is named at once.
    """
    ctx = handle.ctx

    def effect(tx: Transaction) -> wire.SentRecorded:
        session = find_exactly(ctx, ref)
        attempt = sessions.load_attempt(ctx.store, request.attempt)
        if attempt is None or attempt.session_id != session.id or not request.means:
            raise UsageError("this was sent to no instance of that session", code="bad_attempt")
        named = [(SentKind.FILE, name) for name in request.files]
        named += [(SentKind.VARIABLE, name) for name in request.variables]
        if len(named) > MOST_ITEMS or not all(0 < len(name) <= LONGEST_NAME for _, name in named):
            raise UsageError(f"at most {MOST_ITEMS} names can be recorded at once", code="too_many")
        items = [SentItem(attempt.id, tx.now.wall, kind, request.means, name, request.target) for kind, name in named]
        add_sent(ctx.store, items)
        return wire.SentRecorded(len(items))

    return perform_once(ctx, ctx.clock.now(), key, wire.SentRecorded, effect)
