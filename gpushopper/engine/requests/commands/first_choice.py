"""Choose the offer of a session's first attempt: the first whose account can rent it now (S16, I20).

An account that cannot is passed over, with an event that says so; its offers stay for failover, unless it never can.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.lifecycle.account_choice import AccountState, image_problem, why_unsuitable
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.engine.requests.commands.rentable_account import account_state, refuse_wrong_clock, rentable_client
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.image_checks import refuse_login_at
from gpushopper.errors import NotFound, ShopperError, UsageError
from gpushopper.providers.base import Provider


@dataclass(frozen=True, slots=True)
class FirstChoice:
    """The offer that the first attempt takes. `shortlist` are the offers that remain for failover.

    `passed_over` are the accounts whose offers come earlier, or can never be taken, each with the reason.
    """

    offer: Offer
    client: Provider
    state: AccountState
    shortlist: tuple[Offer, ...]
    passed_over: dict[str, str]


def first_choice(handle: EngineHandle, session: Session, sends_login: bool) -> FirstChoice:
    """The first offer of the shortlist whose account can rent now; else the first whose lists fail for the moment.

    Raises:
        NotFound, NotReady, Refused, Misconfigured, UsageError, DiskFull: no account can rent; why the first cannot.
    """
    able: dict[str, tuple[Provider, AccountState]] = {}
    problems: dict[str, ShopperError] = {}
    for name in dict.fromkeys(offer.provider for offer in session.shortlist):
        try:
            able[name] = _rentable(handle, session, name, sends_login)
        except ShopperError as problem:
            problems[name] = problem
    offers = [offer for offer in session.shortlist if offer.provider in able]
    if not offers:
        raise problems[session.shortlist[0].provider]
    chosen = next((offer for offer in offers if not able[offer.provider][1].unable), offers[0])
    client, state = able[chosen.provider]
    why = {name: problem.message for name, problem in problems.items()}
    why |= {name: each.unable for name, (_, each) in able.items() if each.unable and name != chosen.provider}
    left = tuple(
        each for each in session.shortlist if each is not chosen and not _never(handle, session, each.provider)
    )
    ahead = {each.provider for each in session.shortlist[: session.shortlist.index(chosen)]}
    kept = {each.provider for each in left}
    passed_over = {name: text for name, text in why.items() if name in ahead or name not in kept}
    return FirstChoice(chosen, client, state, left, passed_over)


def _rentable(handle: EngineHandle, session: Session, name: str, sends_login: bool) -> tuple[Provider, AccountState]:
    """The account's client and state.

    Raises:
        ShopperError: this session cannot be rented there now.
    """
    ctx, reconciler = handle.ctx, handle.reconcilers.get(name)
    if reconciler is None:
        text = f"no cloud or account is called {name!r}"
        raise NotFound(text, f"known: {', '.join(handle.reconcilers)}", code="provider_not_found")
    client = rentable_client(ctx, reconciler, allow_unguarded=session.allow_unguarded)
    if problem := image_problem(name, session.image, client.traits):
        raise UsageError(problem, "leave --image out for the cloud's own", code="image_kind")
    if sends_login:
        refuse_login_at(client.traits)
    state = account_state(ctx, reconciler, ctx.clock.now())
    refuse_wrong_clock(state.at)
    if problem := why_unsuitable(session, state):
        raise UsageError(problem, "rent elsewhere: --provider NAME", code="unsuitable")
    return client, state


def _never(handle: EngineHandle, session: Session, name: str) -> bool:
    """Whether the session can never be rented at the account, so that failover need not try."""
    reconciler = handle.reconcilers.get(name)
    state = None if reconciler is None else account_state(handle.ctx, reconciler, handle.ctx.clock.now())
    return bool(why_unsuitable(session, state))
