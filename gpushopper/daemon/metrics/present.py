"""Families about the present, made from the records at each scrape: sessions, money, alarms, accounts, loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import Metric

from gpushopper import __version__
from gpushopper.core.lifecycle.guard_rule import enforcers
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.model.session import Session, current, derive_status
from gpushopper.core.spending.forecast import burn_rate
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.daemon.metrics.history import past_families
from gpushopper.daemon.metrics.metric_rows import gauge
from gpushopper.engine.context import Context
from gpushopper.engine.money.standings import load_standings
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.accounts import accounts
from gpushopper.store import alarms, sessions
from gpushopper.store.history.counts import alerts_waiting

_NAMED = ("provider", "session")


def all_families(handle: EngineHandle, loop_ages: Mapping[str, float]) -> list[Metric]:
    """Every family that follows from the records, and the age of each loop in seconds, as they are now."""
    ctx = handle.ctx
    with ctx.store.read():
        opened = sessions.load_sessions(ctx.store, open_only=True)
        attempts = sessions.load_attempts(ctx.store)
        now = ctx.clock.now().wall
        families = [
            *_process(loop_ages),
            *_sessions(ctx, opened, attempts, now),
            *_evidence(attempts, now),
            *_money(ctx, attempts, now),
            *_accounts(handle),
            *_told(ctx),
        ]
    return [*families, *past_families(ctx.store)]


def _process(loop_ages: Mapping[str, float]) -> Iterator[Metric]:
    yield gauge("gpu_shopper_info", "The version of the daemon.", ["version"], [(__version__, 1)])
    text = "How long ago each loop of the daemon last turned."
    yield gauge("gpu_loop_age_seconds", text, ["loop"], loop_ages.items())


def _sessions(ctx: Context, opened: Sequence[Session], attempts: Sequence[Attempt], now: int) -> Iterator[Metric]:
    by_session: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_session.setdefault(attempt.session_id, []).append(attempt)
    active: Counter[tuple[str, str]] = Counter()
    ready: list[tuple[Session, Attempt]] = []
    for session in opened:
        own = by_session.get(session.id, [])
        latest = current(own)
        active["" if latest is None else latest.provider, str(derive_status(session, own))] += 1
        if latest is not None and latest.ready_at is not None and latest.is_wanted:
            ready.append((session, latest))
    yield gauge("gpu_sessions_active", "Open sessions.", ["provider", "status"], ((*at, n) for at, n in active.items()))
    yield from _ready(ctx, ready, now)


def _ready(ctx: Context, ready: Sequence[tuple[Session, Attempt]], now: int) -> Iterator[Metric]:
    """What instances say of themselves, or fail to."""
    names = [(attempt.provider, session.name) for session, attempt in ready]
    ages = [_seconds(attempt.heartbeat_at or attempt.ready_at, now) for _, attempt in ready]
    left = [(attempt.deadline.wall - now) / SECOND for _, attempt in ready]
    rows = [(*name, age) for name, age in zip(names, ages, strict=True)] if ctx.policy.needs_login else []
    text = "How long ago an instance last answered over ssh."
    yield gauge("gpu_heartbeat_age_seconds", text, _NAMED, rows)
    rows = [(*name, seconds) for name, seconds in zip(names, left, strict=True)]
    yield gauge("gpu_deadline_left_seconds", "Until the deadline; negative: it has passed.", _NAMED, rows)
    known = dict(ctx.disk_free)
    free = [(*name, known[one.id]) for name, (_, one) in zip(names, ready, strict=True) if one.id in known]
    text = "What is free on the disk of an instance, in GB, by its agent."
    yield gauge("gpu_session_disk_available_gb", text, _NAMED, free)
    alone = Counter(attempt.provider for _, attempt in ready if _is_daemon_alone(ctx, attempt))
    text = "Ready instances that only this daemon would end at their deadline."
    yield gauge("gpu_guard_lines_missing", text, ["provider"], alone.items())


def _is_daemon_alone(ctx: Context, attempt: Attempt) -> bool:
    return ctx.policy.needs_login and enforcers(attempt, ctx.ending_of(attempt.provider).kind) == "D"


def _evidence(attempts: Sequence[Attempt], now: int) -> Iterator[Metric]:
    """What is open that nobody wants any more, or nobody knows."""
    uncertain = Counter(attempt.provider for attempt in attempts if attempt.state is State.UNCERTAIN)
    text = "Creates of which it is unknown whether they made an instance."
    yield gauge("gpu_attempts_uncertain", text, ["provider"], uncertain.items())
    unwanted = [attempt for attempt in attempts if not attempt.is_wanted]
    pending = Counter(attempt.provider for attempt in unwanted)
    yield gauge("gpu_receipts_pending", "Ends that are not proven yet.", ["provider"], pending.items())
    longest: dict[str, float] = {}
    for attempt in unwanted:
        since = _seconds(attempt.terminate_requested_at or attempt.state_changed_at, now)
        longest[attempt.provider] = max(since, longest.get(attempt.provider, 0.0))
    text = "For how long the oldest end that is not proven yet has been under way."
    yield gauge("gpu_destroying_seconds", text, ["provider"], longest.items())


def _money(ctx: Context, attempts: Sequence[Attempt], now: int) -> Iterator[Metric]:
    reserve: Counter[str] = Counter()
    rate: Counter[str] = Counter()
    for attempt in attempts:
        reserve[attempt.provider] += attempt.reserve
        rate[attempt.provider] += burn_rate(attempt)
    held = [(name, amount / DOLLAR) for name, amount in reserve.items()]
    yield gauge("gpu_reserve_usd", "Held back for open attempts, in dollars.", ["provider"], held)
    rates = [(name, amount / DOLLAR) for name, amount in rate.items()]
    yield gauge("gpu_burn_rate_usd_per_hour", "What open attempts cost an hour now.", ["provider"], rates)
    yield from _budgets(ctx, now)


def _budgets(ctx: Context, now: int) -> Iterator[Metric]:
    limits = [each for each in load_standings(ctx, now) if each.period is not None]
    names = [(each.budget.name, str(each.kind)) for each in limits]
    rows = [(*name, each.committed / DOLLAR) for name, each in zip(names, limits, strict=True)]
    text = "Spent and still to come in this day or month, in dollars."
    yield gauge("gpu_budget_committed_usd", text, ["budget", "limit"], rows)
    rows = [(*name, (each.limit - each.spent) / DOLLAR) for name, each in zip(names, limits, strict=True)]
    text = "What is left by what was spent, in dollars; negative: the budget is passed."
    yield gauge("gpu_budget_left_usd", text, ["budget", "limit"], rows)


def _accounts(handle: EngineHandle) -> Iterator[Metric]:
    shown = accounts(handle)
    broken = [(each.name, 0 if each.state in ("ready", "starting") else 1) for each in shown]
    text = "1 while an account's answers are not relied on, or it has no key."
    yield gauge("gpu_provider_circuit_breaker_state", text, ["provider"], broken)
    balances = [(each.name, each.balance / DOLLAR) for each in shown if each.balance is not None]
    yield gauge("gpu_provider_balance_usd", "Spendable money, as last read.", ["provider"], balances)


def _told(ctx: Context) -> Iterator[Metric]:
    shown = Counter(each.kind for each in alarms.open_alarms(ctx.store))
    yield gauge("gpu_alarms_open", "Alarms that are shown.", ["kind"], shown.items())
    yield gauge("gpu_alerts_waiting", "Alerts on their way.", ["channel"], alerts_waiting(ctx.store).items())


def _seconds(since: int | None, now: int) -> float:
    return 0.0 if since is None else max(0, now - since) / SECOND
