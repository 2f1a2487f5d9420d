"""Set or remove a budget. Lowering ends nothing by itself: sessions without room are named, and end if requested."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

from gpushopper import wire
from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.model.actions import EventDraft
from gpushopper.core.model.session import current
from gpushopper.core.spending.budget import At80, At100, Budget, LimitKind, ScopeKind
from gpushopper.core.spending.budget_end import standings
from gpushopper.engine.context import Context
from gpushopper.engine.money.standings import Now, load_now
from gpushopper.engine.requests.budget_view import budget_view, no_budget
from gpushopper.engine.requests.commands.idempotency import IdempotencyKey, perform_once
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import NotFound, UsageError
from gpushopper.store import sessions
from gpushopper.store.consumers import load_consumers, present_name
from gpushopper.store.money.budgets import load_budget, remove_budget, save_budget
from gpushopper.store.sqlite.disk_reserve import with_reserve

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_TAG = re.compile(r"[^=\s]+(=.*)?")
EVENT = "budget_changed"


def set_budget(
    handle: EngineHandle, name: str, request: wire.BudgetRequest, key: IdempotencyKey | None = None
) -> wire.BudgetView:
    """Create or change a budget; how it stands after that.

    Sessions named in `stop` are ended if the limits have no room for them: with their landing, as `done` does.

    Raises:
        UsageError: the name, a limit or a scope makes no sense, or no limit is left.
        NotFound: there is no such account or consumer.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    now = ctx.clock.now()
    changed = _changed(handle, name, request, now.wall)
    if request.dry_run:
        with ctx.store.read():
            return _view(ctx, changed, load_now(ctx, now.wall))
    commit = partial(
        perform_once, ctx, now, key, wire.BudgetView,
        lambda tx: _set(tx, _changed(handle, name, request, now.wall), request),
    )  # fmt: skip
    view = with_reserve(ctx.home.disk_reserve, commit)
    handle.notify()
    return view


def forget_budget(handle: EngineHandle, name: str, key: IdempotencyKey | None = None) -> wire.BudgetView:
    """Remove a budget; what it was. What it held back is free at once.

    Raises:
        NotFound: there is none of this name.
        DiskFull: even the disk reserve was not enough.
    """
    ctx = handle.ctx
    commit = partial(perform_once, ctx, ctx.clock.now(), key, wire.BudgetView, lambda tx: _forget(tx, name))
    view = with_reserve(ctx.home.disk_reserve, commit)
    handle.notify()
    return view


def _set(tx: Transaction, changed: Budget, request: wire.BudgetRequest) -> wire.BudgetView:
    save_budget(tx.ctx.store, changed)
    text = f"budget {changed.name} was set"
    data: dict[str, Any] = {str(kind): amount for kind, amount in changed.limits()}
    tx.add_event(EventDraft(EVENT, text, data | {"at_100": str(changed.at_100)}))
    view = _view(tx.ctx, changed, load_now(tx.ctx, tx.now.wall))
    for session_id in [end.session for end in view.must_end if end.session in request.stop]:
        _end(tx, session_id, changed)
    return view


def _end(tx: Transaction, session_id: str, changed: Budget) -> None:
    session = sessions.load_session(tx.ctx.store, session_id)
    if session is None:
        return
    attempt = current(sessions.attempts_of(tx.ctx.store, session.id))
    if attempt is not None and landing.lands(session, attempt):
        tx.run([] if session.landing == landing.USER else [landing.begin(session, landing.USER, tx.now)])
    else:
        text = f"{session.name} ends: budget {changed.name} was lowered, and has no room for it"
        tx.end_session(session, landing.BUDGET, text)


def _forget(tx: Transaction, name: str) -> wire.BudgetView:
    former = load_budget(tx.ctx.store, name)
    if former is None:
        raise no_budget(name)
    view = _view(tx.ctx, former, load_now(tx.ctx, tx.now.wall))
    remove_budget(tx.ctx.store, name)
    tx.add_event(EventDraft(EVENT, f"budget {name} was removed"))
    return view


def _view(ctx: Context, one: Budget, now: Now) -> wire.BudgetView:
    found = standings(one, now.held, now.periods, now.wall, now.pace)
    return budget_view(one, found, now.wall)


def _changed(handle: EngineHandle, name: str, request: wire.BudgetRequest, wall: int) -> Budget:
    """The budget as it would be; whatever makes no sense is raised."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a budget's name", "use up to 40 small letters, digits, dots, hyphens and underscores"
        )
    former = load_budget(handle.ctx.store, name)
    base = former or Budget(name, ScopeKind.ALL, "", None, None, None, created_at=wall)
    given = {kind.value: getattr(request, kind.value) for kind in LimitKind}
    fields: dict[str, Any] = {kind: amount for kind, amount in given.items() if amount is not None}
    fields |= {kind: None for kind in request.unset if kind in given}
    if request.at_80 is not None:
        fields["at_80"] = At80(request.at_80)
    if request.at_100 is not None:
        fields["at_100"] = At100(request.at_100)
    if request.scope_kind is not None:
        kind, scope = ScopeKind(request.scope_kind), request.scope or ""
        scope = present_name(handle.ctx.store, scope) if kind is ScopeKind.CONSUMER else scope
        fields |= {"scope_kind": kind, "scope": scope}
    changed = replace(base, **fields, changed_at=wall)
    if not changed.limits():
        hint = f"remove it: gpu-shopper budget rm {name}" if former else f"gpu-shopper budget set {name} --monthly 100"
        raise UsageError("a budget needs a limit: --daily, --monthly or --session", hint)
    _refuse_unknown_scope(handle, changed)
    return changed


def _refuse_unknown_scope(handle: EngineHandle, changed: Budget) -> None:
    """A budget for a name that was mistyped would limit nobody."""
    match changed.scope_kind:
        case ScopeKind.ACCOUNT if changed.scope not in handle.reconcilers:
            raise NotFound(f"there is no account {changed.scope}", "see: gpu-shopper status")
        case ScopeKind.CONSUMER if changed.scope not in {each.name for each in load_consumers(handle.ctx.store)}:
            raise NotFound(f"there is no consumer {changed.scope}", f"gpu-shopper consumers add {changed.scope}")
        case ScopeKind.TAG if not _TAG.fullmatch(changed.scope):
            raise UsageError(f"{changed.scope!r} is no tag", "write KEY or KEY=VALUE")
