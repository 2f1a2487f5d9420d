"""Costs over a window by session, or grouped: incurred and accruing, reserved, max cost; micro-dollars (I26)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gpushopper import wire
from gpushopper.core.spending.ledger import GPU, KINDS, MINIMUM, STORAGE, TRAFFIC
from gpushopper.core.spending.rollup import Shares
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.periods import PeriodKind
from gpushopper.engine.context import Context
from gpushopper.engine.requests.queries.money.cost_groups import by_name, by_time, keys_of
from gpushopper.engine.requests.queries.money.cost_question import DAY, MONTH, SESSION, CostQuestion, Meant, meant_by
from gpushopper.engine.requests.queries.money.incurred import incurred
from gpushopper.engine.requests.queries.money.still_to_come import OpenAttempt, forecast, with_costs
from gpushopper.store import ledger as ledger_table
from gpushopper.store import sessions
from gpushopper.store.money.charged_attempts import ChargedAttempt

_PERIODS = {DAY: PeriodKind.DAY, MONTH: PeriodKind.MONTH}


def costs(ctx: Context, question: CostQuestion) -> wire.Costs:
    """What was incurred in the question's window, to the second, with what is still to come in it.

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    now, window = ctx.clock.now().wall, question.window
    with ctx.store.read():
        meant = meant_by(ctx, question)
        held = [each for each in sessions.load_attempts(ctx.store) if each.id in meant.attempts]
        opened = with_costs(ctx, held, now)
        by = _PERIODS.get(question.by)
        wanted = None if by is not None and question.is_about_all else meant.attempts.keys()
        sums = incurred(ctx, window, by, wanted, held, now)
        first_at = min((each.created_at for each in meant.attempts.values()), default=now)
        everybody = None if question.is_about_all else meant.attempts.keys()
        billed = ledger_table.billed_by_attempt(ctx.store, meant.attempts) if question.by == SESSION else {}
        to_come = forecast(ctx, everybody, opened, first_at, now)
    rows = _corrected(_rows(meant, sums, opened, question, now), meant, billed) if question.by == SESSION else []
    groups = [] if question.by == SESSION else _groups(ctx, question, meant, sums, now)
    accrued = sum(sums.values())
    return wire.Costs(
        rows=rows,
        accrued=accrued,
        max_cost=accrued + sum(each.to_come(now, window.end_at) for each in opened),
        by=question.by,
        groups=groups,
        start_at=window.start_at,
        end_at=window.end_at,
        time_zone=str(ctx.zone),
        sessions=len({meant.attempts[attempt_id].session_id for _, attempt_id, _ in sums if attempt_id}),
        forecast=to_come,
    )


def _groups(ctx: Context, question: CostQuestion, meant: Meant, sums: Shares, now: int) -> list[wire.CostGroup]:
    if question.by in _PERIODS:
        return by_time(sums, _PERIODS[question.by], question.window, now, ctx.zone)
    return by_name(sums, meant, keys_of(question.by, meant, question.tag, ctx.cloud_of))


def _rows(
    meant: Meant, sums: Shares, opened: Sequence[OpenAttempt], question: CostQuestion, now: int
) -> list[wire.CostRow]:
    """A row for each session: all that are meant where no window is asked for, else those that cost something in it."""
    by_session: dict[str, list[ChargedAttempt]] = defaultdict(list)
    for each in meant.attempts.values():
        by_session[each.session_id].append(each)
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for (_, attempt_id, kind), micros in sums.items():
        kinds[meant.attempts[attempt_id].session_id][kind] += micros
    open_by_session: dict[str, list[OpenAttempt]] = defaultdict(list)
    for one in opened:
        open_by_session[one.attempt.session_id].append(one)
    window = question.window
    return [
        _row(attempts, kinds[session_id], open_by_session[session_id], now, window)
        for session_id, attempts in by_session.items()
        if window == Window() or any(kinds[session_id].values()) or (open_by_session[session_id] and window.last > now)
    ]


def _corrected(
    rows: list[wire.CostRow], meant: Meant, billed: Mapping[str, Mapping[str, int]]
) -> list[wire.CostRow]:  # fmt: skip
    """The rows, with what bills have corrected of their sessions: all but traffic, which bills alone tell."""
    amounts: dict[str, int] = defaultdict(int)
    for attempt_id, kinds in billed.items():
        amounts[meant.attempts[attempt_id].session_id] += sum(kinds.values()) - kinds.get(TRAFFIC, 0)
    return [replace(row, corrected_micros=amounts[row.session]) if amounts.get(row.session) else row for row in rows]


def _row(
    attempts: Sequence[ChargedAttempt],
    kinds: dict[str, int],
    opened: Sequence[OpenAttempt],
    now: int,
    window: Window,
) -> wire.CostRow:
    latest = next((each for each in reversed(attempts) if not each.is_duplicate), None)
    accrued = sum(kinds.values())
    return wire.CostRow(
        session=attempts[0].session_id,
        name=attempts[0].name,
        consumer=attempts[0].consumer,
        provider=latest.provider if latest else "",
        gpu=latest.gpu if latest else "",
        gpu_micros=kinds[GPU],
        storage_micros=kinds[STORAGE],
        traffic_micros=kinds[TRAFFIC],
        minimum_micros=kinds[MINIMUM],
        accrued=accrued,
        reserved=sum(each.reserved for each in opened) if window.last > now else 0,
        max_cost=accrued + sum(each.to_come(now, window.end_at) for each in opened),
        settled=not opened,
    )
