"""Change the tags of a session, open or ended: its costs are grouped by those it has now, all of them (D11, I13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from gpushopper import wire
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.session import Session
from gpushopper.core.spending.budget import Budget, ScopeKind, counts_tags
from gpushopper.core.spending.tags import tags_problem
from gpushopper.engine.context import Context
from gpushopper.engine.money.budget_denial import denied_by_tags
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.commands.rentable_account import refuse_denied
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.requests.session_view import session_view
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import UsageError
from gpushopper.store.money.budgets import load_budgets, save_budget
from gpushopper.store.money.tags import set_tags, tags_of
from gpushopper.store.sqlite.disk_reserve import with_reserve


def change_tags(
    handle: EngineHandle, ref: str, request: wire.TagsRequest, key: IdempotencyKey | None = None
) -> wire.SessionView:
    """Give a session tags, and take others away; the session after that.

    Raises:
        NotFound: no session has this name or id.
        Refused: the budget of a tag has no room for what the session has cost and may still cost.
        UsageError: a tag makes no sense, or one to take away is none of its own.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    commit = partial(
        perform_once, ctx, ctx.clock.now(), key, wire.SessionView,
        lambda tx: _change(tx, find_exactly(ctx, ref), request),
    )  # fmt: skip
    view = with_reserve(ctx.home.disk_reserve, commit)
    handle.notify()
    return view


def _change(tx: Transaction, session: Session, request: wire.TagsRequest) -> wire.SessionView:
    ctx = tx.ctx
    former = tags_of(ctx.store, session.id)
    tags = _changed(session, former, request)
    if tags != former:
        refuse_denied(denied_by_tags(ctx, session.id, tags, tx.now))
        set_tags(ctx.store, session.id, tags)
        named = ", ".join(f"{key}={value}" for key, value in tags.items())
        text = f"{session.name} is now tagged {named}" if named else f"{session.name} has no tags any more"
        tx.add_event(EventDraft("tags_changed", text, {"tags": tags}), session.id)
        if session.ended_at is None:  # else it only adds what has room, and would put off an end that is due
            _warn_before_ends(ctx, former, tags, tx.now.wall)
    return session_view(ctx, session)


def _changed(session: Session, former: Mapping[str, str], request: wire.TagsRequest) -> dict[str, str]:
    unknown = [key for key in request.remove if key not in former]
    if unknown:
        raise UsageError(f"{session.name} has no tag {unknown[0]}", f"see: gpu-shopper get {session.name}")
    tags = {key: value for key, value in former.items() if key not in request.remove} | request.tags
    if fault := tags_problem(tags):
        raise UsageError(fault, "write --tag paper=neurips")
    return dict(sorted(tags.items()))


def _warn_before_ends(ctx: Context, former: Mapping[str, str], tags: Mapping[str, str], wall: int) -> None:
    """A budget that counts the session from now on ends none before its warning, as after any change of a budget."""
    for each in load_budgets(ctx.store):
        if _counts(each, tags) and not _counts(each, former):
            save_budget(ctx.store, replace(each, changed_at=wall))


def _counts(budget: Budget, tags: Mapping[str, str]) -> bool:
    return budget.scope_kind is ScopeKind.TAG and counts_tags(budget.scope, tags)
