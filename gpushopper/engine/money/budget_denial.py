"""Check budgets in the transaction that spends; say what would fit, and when there is room again (D11, I13, F113)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.model.session import Session
from gpushopper.core.spending.admission import BUDGET, Denial
from gpushopper.core.spending.budget import Budget, Commitment, ScopeKind
from gpushopper.core.spending.budget_check import Breach, first_breach, fit_text, longest_fit, refusal_text
from gpushopper.core.spending.later.free_again import first_fit, moments_before, said_with_time
from gpushopper.core.spending.later.future import Future, cut_off, merged, moved
from gpushopper.core.timing.clock_snapshot import MINUTE, ClockSnapshot, us
from gpushopper.engine.context import Context
from gpushopper.engine.money.commitments import NOTHING_BOOKED, as_changed, commitment, load_commitments
from gpushopper.store.money.budgets import load_budgets
from gpushopper.store.money.tags import tags_of


@dataclass(frozen=True, slots=True)
class _Request:
    """One attempt more, or one that lasts longer, beside all others; `former` is the attempt as it is, None: new."""

    ctx: Context
    budgets: tuple[Budget, ...]
    others: tuple[Commitment, ...]
    former: Commitment | None
    wanted: Commitment
    now: ClockSnapshot

    def breach(self, wanted: Commitment) -> Breach | None:
        """The limit that this would pass now."""
        return first_breach(self.budgets, self.others, self.former, wanted, self.now.wall, self.ctx.zone)

    def free_at(self) -> int | None:
        """When the same request would be accepted if nothing else happens, wall µs; None where that is not known."""
        now, zone, former = self.now.wall, self.ctx.zone, self.former
        others = merged(self.others, self.wanted.session_id)
        future = Future(others, now, zone, us(self.ctx.policy.budget_end_s))
        ends_at = None if former is None or former.going is None else former.going.until_at

        def fits(at: int, until: int | None = None) -> bool:
            if former is None:
                before, wanted = None, moved(self.wanted, at - now)
            else:
                before, wanted = future.one_at(former, at), future.one_at(self.wanted, at)
            others = future.others_at(at)
            return first_breach(self.budgets, others, before, cut_off(wanted, until), at, zone) is None

        return first_fit(moments_before(future.moments(), ends_at), now, fits, future.borders())


def denied_by_budget(
    ctx: Context,
    session: Session,
    former: Attempt | None,
    wanted: Attempt,
    now: ClockSnapshot,
    tags: Mapping[str, str] | None = None,
) -> Denial | None:
    """The budget that `wanted`, new or in place of `former`, would pass, what would fit, and when it would be accepted.

    `tags` are those of a session that is not written yet; None: as stored.
    """
    budgets = load_budgets(ctx.store)
    if not budgets:
        return None
    request = _request(ctx, budgets, session, former, wanted, now, tags)
    breach = request.breach(request.wanted)
    if breach is None:
        return None

    def fits(span_us: int) -> bool:
        lasting = _lasting(ctx, former, wanted, span_us, now)
        return request.breach(as_changed(ctx, request.wanted, lasting, now.wall)) is None

    longest = longest_fit(MINUTE, _span(former, wanted, now), fits)
    denial = Denial(
        BUDGET,
        refusal_text(breach, now.wall, ctx.zone),
        _hint(breach, longest),
        free_at=request.free_at(),
        is_of_account=breach.budget.scope_kind is ScopeKind.ACCOUNT,
    )
    return said_with_time(denial, now.wall, ctx.zone)


def denied_by_tags(ctx: Context, session_id: str, tags: Mapping[str, str], now: ClockSnapshot) -> Denial | None:
    """The budget of a tag that has no room for a session: for what it has cost, and what it may still cost."""
    budgets = load_budgets(ctx.store)
    if not budgets:
        return None
    held = load_commitments(ctx, now.wall)
    others = [one for one in held if one.session_id != session_id]
    for one in [one for one in held if one.session_id == session_id]:
        tagged = replace(one, tags=tags)
        breach = first_breach(budgets, others, one, tagged, now.wall, ctx.zone)
        if breach is not None:
            return Denial(BUDGET, refusal_text(breach, now.wall, ctx.zone), _raise_text(breach))
        others.append(tagged)
    return None


def _request(
    ctx: Context,
    budgets: Sequence[Budget],
    session: Session,
    former: Attempt | None,
    wanted: Attempt,
    now: ClockSnapshot,
    tags: Mapping[str, str] | None,
) -> _Request:
    counted = {one.attempt_id: one for one in load_commitments(ctx, now.wall)}
    before = counted.pop(wanted.id, None) if former is not None else None
    if before is None:
        tags = tags_of(ctx.store, session.id) if tags is None else tags
        mine = commitment(ctx, session, wanted, NOTHING_BOOKED, tags, now.wall)
    else:
        mine = as_changed(ctx, before, wanted, now.wall)
    return _Request(ctx, tuple(budgets), tuple(counted.values()), before, mine, now)


def _span(former: Attempt | None, wanted: Attempt, now: ClockSnapshot) -> int:
    """How long the attempt was requested for, or by how much it would be extended, µs."""
    return wanted.deadline.wall - (now.wall if former is None else former.deadline.wall)


def _lasting(ctx: Context, former: Attempt | None, wanted: Attempt, span_us: int, now: ClockSnapshot) -> Attempt:
    """The attempt with another duration, and its reserve."""
    begins = now.wall if former is None else former.deadline.wall
    moved_to = replace(wanted, deadline=replace(wanted.deadline, wall=begins + span_us))
    return replace(moved_to, reserve=ctx.reserve_for(moved_to))


def _hint(breach: Breach, longest_us: int) -> str:
    fitting = fit_text(longest_us)
    first = f"what fits: {fitting}; or" if fitting else "nothing fits now;"
    return f"{first} {_raise_text(breach)}"


def _raise_text(breach: Breach) -> str:
    cents = -(-(breach.committed + breach.more) * 100 // DOLLAR)
    option = f"--{breach.kind} {cents // 100}.{cents % 100:02d}"
    return f"raise the limit: gpu-shopper budget set {breach.budget.name} {option}"
