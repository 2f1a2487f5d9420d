"""What a member is shown: everybody's rows, without what is others' own or the owner's alone.

Left out of others' sessions: image and its registry, address, proofs of the end, what is pulled where, and texts of
clouds and hosts, which name such things. Of accounts: id, balance, where the key is. Of the history: what is of no
session of theirs. Of alarms: those of others' sessions, those that only the owner can do something about, and of what
keeps everybody from renting all but the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gpushopper import wire
from gpushopper.core import alarms
from gpushopper.daemon.api.members.callers import Caller
from gpushopper.daemon.api.members.requests import is_own
from gpushopper.engine.context import Context
from gpushopper.engine.requests.queries import events as event_queries
from gpushopper.store import sessions

OF_ALL = frozenset(
    {
        alarms.DEGRADED, alarms.KEY_REJECTED, alarms.LIST_INCONSISTENT, alarms.MASS_DISAPPEARANCE, alarms.CLOCK_SKEW,
        alarms.OFFLINE, alarms.BUDGET_WARNING, alarms.BUDGET_USED_UP, alarms.BUDGET_OVERCOMMITTED, alarms.BUDGET_ENDS,
    }
)  # fmt: skip
"""Alarms of no session that members see: why they cannot rent, or may soon not."""
OF_ALL_HINT = "the owner of this daemon can see to it"

Show = Callable[[Context, Caller, Any], Any]


def shown_to(ctx: Context, caller: Caller, answer: Any) -> Any:
    """The answer as this caller may see it; an answer without a rule here goes to the owner alone (KeyError)."""
    return answer if caller.consumer is None else SHOWN[type(answer)](ctx, caller, answer)


def _as_it_is(_ctx: Context, _caller: Caller, answer: Any) -> Any:
    return answer


def _session(ctx: Context, caller: Caller, view: wire.SessionView) -> wire.SessionView:
    if is_own(ctx, caller, view.consumer):
        return view
    return replace(
        view,
        image="",
        image_login="",
        ssh_host=None,
        ssh_port=None,
        done_command="",
        waiting_for="",
        pulls=[],
        landing=wire.LandingView(),
        attempts=[replace(each, label="", image="", receipt=None, provider_status="") for each in view.attempts],
    )


def _sessions(ctx: Context, caller: Caller, found: wire.Sessions) -> wire.Sessions:
    return wire.Sessions([_session(ctx, caller, each) for each in found.sessions])


def _account(status: wire.ProviderStatus) -> wire.ProviderStatus:
    detail = status.detail if status.key_state == "ok" else f"its key is {status.key_state}"
    return replace(status, account="", detail=detail, balance=None, runway_us=None, key_source="", key_hint="")


def _providers(_ctx: Context, _caller: Caller, found: wire.Providers) -> wire.Providers:
    return wire.Providers([_account(each) for each in found.providers])


def _status(ctx: Context, caller: Caller, found: wire.DaemonStatus) -> wire.DaemonStatus:
    shown = _alarms(ctx, caller, event_queries.alarms(ctx)).alarms
    providers = [_account(each) for each in found.providers]
    return replace(found, providers=providers, channels=[], alarms=len(shown))


def _alarms(ctx: Context, caller: Caller, found: wire.Alarms) -> wire.Alarms:
    rows = [_alarm(ctx, caller, each) for each in found.alarms]
    return wire.Alarms([each for each in rows if each is not None])


def _alarm(ctx: Context, caller: Caller, alarm: wire.AlarmView) -> wire.AlarmView | None:
    attempt = sessions.load_attempt(ctx.store, alarm.subject)
    session = sessions.load_session(ctx.store, alarm.subject if attempt is None else attempt.session_id)
    if session is not None:
        return alarm if is_own(ctx, caller, session.consumer) else None
    if alarm.kind in alarms.ABOUT_BUDGETS & OF_ALL:
        return replace(alarm, hint=OF_ALL_HINT)
    # The text may hold an account's id, a place of a key, or a cloud's own words.
    text = f"{alarm.kind.replace('_', ' ')}, of an account or of this server"
    return replace(alarm, subject="", text=text, hint=OF_ALL_HINT) if alarm.kind in OF_ALL else None


def _events(ctx: Context, caller: Caller, found: wire.Events) -> wire.Events:
    """Those of own sessions; the cursor goes on over the others."""
    with ctx.store.read():
        own = {each.id for each in sessions.load_sessions(ctx.store) if is_own(ctx, caller, each.consumer)}
    return replace(found, events=[each for each in found.events if each.session in own])


def _plan(ctx: Context, caller: Caller, found: wire.Plan) -> wire.Plan:
    caller.shown.add(found.offers, ctx.clock.now().boot)
    return found


_RULES: dict[type, Show] = {
    wire.SessionView: _session,
    wire.Sessions: _sessions,
    wire.Providers: _providers,
    wire.DaemonStatus: _status,
    wire.Events: _events,
    wire.Alarms: _alarms,
    wire.Plan: _plan,
}
_WHOLE = (
    dict, wire.Accepted, wire.Budgets, wire.BudgetView, wire.ConnectionView, wire.Consumers,
    wire.ConsumerView, wire.Costs, wire.CostSummary, wire.Custody, wire.Health, wire.Inventory, wire.KeptOutputs,
    wire.LandedAnswer, wire.Loads, wire.OfferView, wire.ProviderLog, wire.Ready, wire.Report,
    wire.SentRecorded, wire.WhyView,
)  # fmt: skip
SHOWN: Mapping[type, Show] = _RULES | dict.fromkeys(_WHOLE, _as_it_is)
"""By the type of an answer. A test holds it to the routes: one that a member may call must have a rule."""
