"""What users ask for, committed as rows before anything acts on it; repeating a request changes nothing (S20)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

from gpushopper import wire
from gpushopper.core.model.actions import Note, StartAttempt
from gpushopper.core.model.attempt import Attempt, DesiredState
from gpushopper.core.model.gpu_names import gpu_token
from gpushopper.core.model.money import dollars
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session, current
from gpushopper.core.model.session_names import fitted, name_fault
from gpushopper.core.model.shell_environment import name_problem, value_problem
from gpushopper.core.policy import HARD_MAXIMUM_S, SHORTEST_LIFE_S
from gpushopper.core.spending import ledger
from gpushopper.core.spending.admission import Denial, affordable, denied_by_balance
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, Deadline, clocks_disagree, us
from gpushopper.core.timing.duration_text import span
from gpushopper.engine.context import Context
from gpushopper.engine.image_checks import refuse_impossible, refuse_unreadable_login, registry_for
from gpushopper.engine.queries import views
from gpushopper.engine.refusals import keyless, no_guard
from gpushopper.engine.session_lookup import find_exactly
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import DiskFull, NoOffer, NotFound, NotReady, Refused, UsageError
from gpushopper.paths import FREE_FLOOR
from gpushopper.store import events, idempotency, sessions

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

T = TypeVar("T")
DEFAULT_LIFE_S = 2 * 3600
MOST_RETRIES = 100
LONGEST_CONSUMER = 100
LONGEST_STEM = 20
"""Characters of a made-up name before the part of its id."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A request that may be repeated: its key, and a digest of what it asked."""

    key: str
    method: str
    path: str
    digest: str


def _perform(
    ctx: Context, now: ClockSnapshot, once: IdempotencyKey | None, cls: type[T], effect: Callable[[Transaction], T]
) -> T:
    """Do it once: the effect and its answer are one transaction; a repeated key gets the former answer (I22)."""
    with ctx.store.transaction():
        if once is not None:
            former = idempotency.load_response(ctx.store, once.key)
            if former is not None:
                if (former.method, former.path, former.request_digest) != (once.method, once.path, once.digest):
                    raise UsageError("this idempotency key was used for something else", code="idempotency_mismatch")
                return wire.from_json(cls, json.loads(former.response_body))
        answer = effect(Transaction(ctx, now))
        if once is not None:
            idempotency.save_response(
                ctx.store,
                once.key,
                at=now.wall,
                method=once.method,
                path=once.path,
                request_digest=once.digest,
                response_status=202,
                response_body=json.dumps(asdict(answer)),  # type: ignore[call-overload]
            )
        return answer


# ---- provision


def provision(
    ctx: Context,
    reconcilers: Mapping[str, AccountReconciler],
    request: wire.ProvisionRequest,
    once: IdempotencyKey | None,
) -> wire.Accepted:
    """Commit a session and its first attempt: label, deadline, reserve and all (I1, I13).

    Raises:
        UsageError, NoOffer, NotReady, Refused, Misconfigured, DiskFull: nothing was written.
    """
    refuse_impossible(request.image)
    reconciler = reconcilers.get(request.offers[0].provider) if request.offers else None
    now = ctx.clock.now()
    at = now if reconciler is None else reconciler.at(now)
    session_id = ctx.new_id(16)
    if ctx.remote is not None and ctx.policy.needs_login:
        # Durable before anything can be rented that it must open (I23), and before the transaction: a program that
        # hangs must not hold up a commit that ends something. The key of a refused request is pruned later.
        ctx.remote.public_key(session_id)
    if (
        request.image_login
        and reconciler is not None
        and (once is None or idempotency.load_response(ctx.store, once.key) is None)
    ):
        # Outside of the transaction too: a keyring may take its whole time to answer.
        refuse_unreadable_login(ctx, reconciler, request.image)
    return _perform(ctx, at, once, wire.Accepted, lambda tx: _provision(tx, reconcilers, request, session_id))


def _provision(
    tx: Transaction, reconcilers: Mapping[str, AccountReconciler], request: wire.ProvisionRequest, session_id: str
) -> wire.Accepted:
    ctx = tx.ctx
    if not request.disk_gb >= 1:
        raise UsageError("a session needs at least 1 GB of disk")
    if not request.consumer or not 0 <= request.retries <= MOST_RETRIES:
        raise UsageError(f"a session needs a consumer, and at most {MOST_RETRIES} retries")
    if len(request.consumer) > LONGEST_CONSUMER:
        raise UsageError(f"a consumer's name has at most {LONGEST_CONSUMER} characters")
    if request.name is not None and (fault := name_fault(request.name)):
        raise UsageError(fault, "choose another name, or none", code="bad_name")
    offers = affordable([_offer(view) for view in request.offers], request.disk_gb, request.max_rate)
    if not offers:
        raise NoOffer("none of the offers is within the price cap", "raise --max-price, or run the plan again")
    reconciler = _lane_for(reconcilers, offers[0].provider)
    _may_spend(ctx, reconciler)
    _refuse_wrong_clock(tx.now)
    offers = tuple(offer for offer in offers if offer.provider == offers[0].provider)
    session = _session(tx, reconciler, offers, request, session_id)
    _refuse_denied(tx, session, offers[0])
    sessions.insert_session(ctx.store, session)
    tx.note(Note("requested", f"{session.name}: {offers[0].gpu} for {session.consumer}"), session.id)
    tx.run([StartAttempt(session, offers[0], offers[1:], uses_retry=False)])
    return wire.Accepted([session.id], events.last_id(ctx.store), session.name)


def _refuse_wrong_clock(now: ClockSnapshot) -> None:
    """A deadline written by a clock that is off would come at the wrong time (F62, I12)."""
    if clocks_disagree(now):
        text = "this computer's clock and the provider's are more than two minutes apart"
        raise Refused(text, "set the clock, then try again", code="clock_skew")


def _refuse_denied(tx: Transaction, session: Session, offer: Offer) -> None:
    """Refuse before anything is written what a brake or the balance would stop (I13)."""
    attempt = tx.prepared(session, offer)
    _refuse(tx.denied(attempt.provider, attempt.agreed_rate, attempt.reserve, new_session=True))


def _refuse(denial: Denial | None) -> None:
    if denial is None:
        return
    if denial.rule == "balance":
        raise Refused(denial.text, "add credit at the provider, or ask for less time", code=denial.rule)
    raise Refused(denial.text, f"raise {denial.rule} in the configuration, or end a session", code=denial.rule)


def _lane_for(reconcilers: Mapping[str, AccountReconciler], provider: str) -> AccountReconciler:
    if provider not in reconcilers:
        raise NotFound(f"no provider is called {provider!r}", code="provider_not_found")
    return reconcilers[provider]


def _may_spend(ctx: Context, reconciler: AccountReconciler) -> None:
    """Everything that must hold before money is spent (I20, S10, S16, F67)."""
    if not ctx.may_spend:
        hint = "run: gpu-shopper config installation keep (it moved) or new (it is a copy)"
        raise Refused("this home folder was copied or moved: nothing is rented until you say which", hint, code="clone")
    if reconciler.connection is None:
        raise keyless(reconciler.setup)
    if not reconciler.can_rent:
        raise no_guard(reconciler.setup)
    if reconciler.health.wrong_account:
        raise Refused(f"{reconciler.name}: the key belongs to another account than your sessions", code="wrong_account")
    if reconciler.health.is_inconsistent:
        text = f"{reconciler.name}'s list lacks instances that you have: nothing is rented while it is not believed"
        raise Refused(text, "see: gpu-shopper alarms", code="list_inconsistent")
    if not reconciler.is_ready:
        why = reconciler.health.last_error or "its first complete look is under way"
        raise NotReady(f"{reconciler.name} is not ready: {why}", "try again in a moment, or see: gpu-shopper status")
    if ctx.store.free_bytes() < FREE_FLOOR:
        raise DiskFull("less than 200 MB are free: nothing new is rented", "free some space first")


def _session(
    tx: Transaction,
    reconciler: AccountReconciler,
    offers: tuple[Offer, ...],
    request: wire.ProvisionRequest,
    session_id: str,
) -> Session:
    now, ctx = tx.now, tx.ctx
    life, until = _span(request, now)
    if reconciler.connection is None:
        raise keyless(reconciler.setup)
    default_image = reconciler.connection.traits.default_image
    return Session(
        id=session_id,
        name=request.name if request.name is not None else _name(ctx, offers[0], session_id),
        consumer=request.consumer,
        provider=reconciler.name,
        account=reconciler.health.account_id,
        desired_state=DesiredState.RUNNING,
        reason="",
        version=1,
        created_at=now.wall,
        image=request.image or default_image,
        disk_gb=request.disk_gb,
        shortlist=offers[1:],
        max_rate=request.max_rate,
        retries_left=max(request.retries, 0),
        duration_us=life,
        deadline_at=until,
        keep_stopped=request.keep_stopped,
        max_duration_us=request.max_duration_us,
        max_duration_reason=request.max_duration_reason,
        environment=_environment(request.environment),
        allow_unguarded=request.allow_unguarded,
        image_login=registry_for(request.image, default_image) if request.image_login else "",
    )


LONGEST_VARIABLE = 256
"""Characters of a name or a value that a provider takes (vastai.md 4.1)."""


def _environment(asked: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The user's variables; ours carry the proof of ownership and are not the user's to set (S4)."""
    for name, value in asked.items():
        if problem := name_problem(name) or value_problem(name, value):
            raise UsageError(problem, code="bad_variable")
        if max(len(name), len(value)) > LONGEST_VARIABLE:
            raise UsageError(f"{name} has more than {LONGEST_VARIABLE} characters", code="bad_variable")
    return tuple(asked.items())


def _span(request: wire.ProvisionRequest, now: ClockSnapshot) -> tuple[int | None, int | None]:
    """The life or the end asked for, within the hard maximum; two hours where nothing was said (S19)."""
    most = us(HARD_MAXIMUM_S) if request.max_duration_us is None else request.max_duration_us
    if most > us(HARD_MAXIMUM_S) and not request.max_duration_reason:
        raise UsageError("a life of more than 12 h needs a reason", "give --reason TEXT", code="reason_needed")
    if request.duration_us is not None and request.deadline_at is not None:
        raise UsageError("give a duration or an end, not both")
    if request.deadline_at is not None:
        if request.deadline_at <= now.wall:
            raise UsageError("the end is in the past")
        wanted = request.deadline_at - now.wall
    else:
        wanted = us(DEFAULT_LIFE_S) if request.duration_us is None else request.duration_us
    refuse_short(wanted)
    if wanted > most:
        raise Refused(
            "no session lives longer than 12 h",
            "override at provision: --hard-max 24h --reason TEXT",
            code="hard_maximum",
        )
    return (None, request.deadline_at) if request.deadline_at is not None else (wanted, None)


def refuse_short(span: int) -> None:
    """Refuse a life, or a change of one, of less than a minute.

    Raises:
        UsageError: it is shorter.
    """
    if span < us(SHORTEST_LIFE_S):
        raise UsageError("less than a minute is no time to rent for", "ask for 1m or more", code="too_short")


def _name(ctx: Context, offer: Offer, session_id: str) -> str:
    """`rtx4090-k3f`: what it is, and enough of the id to be unique among the open ones."""
    taken = {session.name for session in sessions.load_sessions(ctx.store)}
    stem = fitted(gpu_token(offer.gpu) or "gpu", LONGEST_STEM)
    names = [f"{stem}-{session_id[:length]}" for length in range(3, 17)]
    return next((name for name in names if name not in taken), names[-1])


_OFFER_FIELDS = tuple(f.name for f in fields(Offer))


def _offer(view: wire.OfferView) -> Offer:
    return Offer(**{name: getattr(view, name) for name in _OFFER_FIELDS})


# ---- ending


def end(ctx: Context, refs: list[str] | None, reason: str, once: IdempotencyKey | None) -> wire.Accepted:
    """Make sessions unwanted: durable at once, carried out by the engine (I8). None means all open ones."""
    return _perform(ctx, ctx.clock.now(), once, wire.Accepted, lambda tx: _end(tx, refs, reason))


def _end(tx: Transaction, refs: list[str] | None, reason: str) -> wire.Accepted:
    cursor = events.last_id(tx.ctx.store)
    if refs is None:
        wanted = sessions.load_sessions(tx.ctx.store, open_only=True)
    else:
        wanted = list({s.id: s for s in (find_exactly(tx.ctx, ref) for ref in refs)}.values())
    for session in wanted:
        tx.end_session(session, reason)
    return wire.Accepted([session.id for session in wanted], cursor)


# ---- extending


def extend(
    ctx: Context,
    reconcilers: Mapping[str, AccountReconciler],
    ref: str,
    request: wire.ExtendRequest,
    once: IdempotencyKey | None,
) -> wire.SessionView:
    """Move the current attempt's deadline, at most to its hard maximum, with a new reserve (I9, I13).

    Raises:
        Refused: past the hard maximum, more than the balance covers, or the session is ending.
    """
    now, session = ctx.clock.now(), find_exactly(ctx, ref)
    at = reconcilers[session.provider].at(now) if session.provider in reconcilers else now
    return _perform(ctx, at, once, wire.SessionView, lambda tx: _extend(tx, find_exactly(ctx, session.id), request))


def _extend(tx: Transaction, session: Session, request: wire.ExtendRequest) -> wire.SessionView:
    attempt = current(sessions.attempts_of(tx.ctx.store, session.id))
    if session.desired_state is not DesiredState.RUNNING or attempt is None or not attempt.is_wanted:
        raise Refused(f"{session.name} is ending or has ended", code="ending")
    _refuse_wrong_clock(tx.now)
    wall = _new_deadline(attempt, request, tx.now)
    if wall > attempt.hard_max_at:
        left = max(attempt.hard_max_at - attempt.deadline.wall, 0) // us(60) * us(60)
        raise Refused(
            f"{session.name} may not live longer than its hard maximum; {span(left)} more are possible",
            "ask for less, or rent another; only provision takes --hard-max",
            code="hard_maximum",
        )
    moved = replace(attempt, deadline=Deadline.at(wall, tx.now))
    reserve = ledger.reserve_for(moved, tx.ctx.policy)
    more = max(reserve - attempt.reserve, 0)
    _refuse(denied_by_balance(tx.ctx.balances.get(attempt.provider), tx.load(attempt.provider), more))
    text = f"{session.name}: worst case now {dollars(reserve)}"
    tx.change(attempt, {"deadline": moved.deadline, "reserve": reserve}, Note("extended", text, {"until": wall}))
    if session.deadline_at is not None or request.deadline_at is not None:
        sessions.update_session(tx.ctx.store, session, deadline_at=wall, duration_us=None)
    elif session.duration_us is not None and request.add_us is not None:
        # An attempt that takes this one's place gets the longer life too: it was promised.
        sessions.update_session(tx.ctx.store, session, duration_us=session.duration_us + request.add_us)
    return views.session(tx.ctx, find_exactly(tx.ctx, session.id))


def _new_deadline(attempt: Attempt, request: wire.ExtendRequest, now: ClockSnapshot) -> int:
    if (request.add_us is None) == (request.deadline_at is None):
        raise UsageError("give a duration to add, or an end")
    if request.add_us is not None:
        refuse_short(abs(request.add_us))
    wall = request.deadline_at if request.deadline_at is not None else attempt.deadline.wall + (request.add_us or 0)
    if wall <= now.wall:
        raise UsageError("the new end is in the past", "end it with: gpu-shopper shutdown NAME")
    if request.deadline_at is not None:
        refuse_short(wall - now.wall)
    return wall
