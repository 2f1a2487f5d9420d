"""What budgets do as time passes: alarms, and with `--at-100 stop` the ends of sessions, on the database alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpushopper.core import alarms
from gpushopper.core.lifecycle.ends import landing
from gpushopper.core.model.actions import Action, ClearAlarm, EndSession, RaiseAlarm
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.session import Session, current
from gpushopper.core.spending.budget import Budget, Commitment
from gpushopper.core.spending.budget_alarms import alarm_before, alarm_of_doubt, alarms_about, end_text, stops
from gpushopper.core.spending.budget_doubt import doubt
from gpushopper.core.spending.budget_end import PlannedEnd, Standing
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.context import Context
from gpushopper.engine.money.seen_rates import SeenRates
from gpushopper.engine.money.standings import load_standings
from gpushopper.engine.transaction import Transaction
from gpushopper.store import alarms as alarms_table
from gpushopper.store import sessions
from gpushopper.store.money.budgets import load_budgets, note_zone
from gpushopper.store.sqlite.error_mapping import Stale

EVERY_S = 60.0
"""How often budgets are looked at, where nothing is due sooner; what is committed is checked where it is committed."""

ProblemOf = Callable[[str], str]
"""Why an account's list, or the clock, is not relied on now; empty where both are."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A session that a limit ends, with its attempt."""

    standing: Standing
    end: PlannedEnd
    session: Session
    attempt: Attempt


class BudgetJob:
    """Looks at every budget now and then; each pass begins anew from the rows, but for how long a price has stood."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.rates = SeenRates()
        self._next = 0
        self._budgets: tuple[Budget, ...] = ()
        self._zone = ""

    def next_due(self, now: ClockSnapshot) -> int | None:
        """Boot-clock µs of the next look; None where there is nothing to look at."""
        return max(self._next, now.boot + 1) if load_budgets(self.ctx.store) else None

    def run(self, problem_of: ProblemOf, now: ClockSnapshot) -> bool:
        """Look, if it is time to or a budget was changed; whether anything changed by it."""
        self._note_zone(now)
        budgets = load_budgets(self.ctx.store)
        if now.boot < self._next and budgets == self._budgets:
            return False
        self._budgets = budgets
        with self.ctx.store.read():
            found = load_standings(self.ctx, now.wall)
            attempts = {attempt.id: attempt for attempt in sessions.load_attempts(self.ctx.store)}
            active = alarms_table.active_alarms(self.ctx.store)
            # Also those whose results are here: one that goes on after all lands again before its deadline.
            opened = sessions.load_sessions(self.ctx.store, open_only=True)
            landing_for_budget = [session for session in opened if session.landing == landing.BUDGET]
        self.rates.keep(set(attempts))
        wanted = [alarm for one in found for alarm in alarms_about(one, now.wall, self.ctx.zone)]
        ends: list[Action] = []
        planned: set[str] = set()
        for one in filter(stops, found):
            doubts = self._doubts(one.covered, attempts, problem_of, now)
            due = [] if doubts else self._due(one)
            planned |= {each.session.id for each in due}
            wanted += [alarm_of_doubt(one, doubts)] if doubts and self._is_soon(one, now) else []
            wanted += [alarm_before(one, each.end, self.ctx.zone) for each in due if self._is_announced(each, now)]
            ends += [action for each in due for action in self._act(each, now)]
        self._next = now.boot + min([us(EVERY_S), *self._times_to(found, now)])
        over = [s for s in landing_for_budget if s.id not in planned]
        actions = [*_alarm_changes(wanted, active), *ends, *(act for s in over for act in landing.after_budget_end(s))]
        return self._commit(actions, budgets, now)

    def _note_zone(self, now: ClockSnapshot) -> None:
        """In another time zone other hours are of today: as after any change of a budget, none ends for it at once."""
        if str(self.ctx.zone) == self._zone:
            return
        with self.ctx.store.transaction():
            note_zone(self.ctx.store, str(self.ctx.zone), now.wall)
        self._zone = str(self.ctx.zone)

    def _times_to(self, found: Sequence[Standing], now: ClockSnapshot) -> list[int]:
        """How long until each moment at which a planned end is announced, prepared or due, µs."""
        before_s = (0.0, self.ctx.policy.budget_warning_s, self.ctx.policy.land_for_s)
        moments = [end.at - us(s) for one in filter(stops, found) for end in one.ends for s in before_s]
        return [at - now.wall for at in moments if at > now.wall]

    def _doubts(
        self, covered: Sequence[Commitment], attempts: dict[str, Attempt], problem_of: ProblemOf, now: ClockSnapshot
    ) -> list[str]:
        """Why it is not certain what has been spent."""
        found = []
        for one in covered:
            attempt = attempts.get(one.attempt_id)
            if attempt is None or one.going is None:
                continue
            policy, since = self.ctx.policy_of(attempt.provider), self.rates.since_us(attempt, now)
            found.append(doubt(one.name, attempt, problem_of(attempt.provider), since, now.wall, policy))
        return [text for text in found if text]

    def _due(self, standing: Standing) -> list[_Due]:
        found = []
        for end in standing.ends:
            session = sessions.load_session(self.ctx.store, end.session_id)
            attempt = None if session is None else current(sessions.attempts_of(self.ctx.store, session.id))
            if session is not None and attempt is not None:
                found.append(_Due(standing, end, session, attempt))
        return found

    def _is_soon(self, standing: Standing, now: ClockSnapshot) -> bool:
        warning = us(self.ctx.policy.budget_warning_s)
        return bool(standing.ends) and standing.ends[0].at - now.wall <= warning

    def _is_announced(self, due: _Due, now: ClockSnapshot) -> bool:
        return due.end.at - now.wall <= us(self.ctx.policy.budget_warning_s)

    def _act(self, due: _Due, now: ClockSnapshot) -> list[Action]:
        if now.wall >= due.end.at:
            return [EndSession(due.session, landing.BUDGET, end_text(due.standing, due.end))]
        policy = self.ctx.policy_of(due.attempt.provider)
        return landing.before_budget_end(due.session, due.attempt, due.end.at, now, policy)

    def _commit(self, actions: list[Action], budgets: tuple[Budget, ...], now: ClockSnapshot) -> bool:
        """Carry them out, unless a budget was changed since the look: one that was raised ends nothing any more."""
        if not actions:
            return False
        try:
            with self.ctx.store.transaction():
                if load_budgets(self.ctx.store) != budgets:
                    self._next = now.boot
                    return False
                Transaction(self.ctx, now).run(actions)
        except Stale:
            self._next = now.boot
        return True


def _alarm_changes(wanted: Sequence[RaiseAlarm], active: set[tuple[str, str]]) -> list[Action]:
    """Raise what is not active yet, and clear what no budget says any more."""
    keys = {(alarm.kind, alarm.subject) for alarm in wanted}
    over = [key for key in active if key[0] in alarms.ABOUT_BUDGETS and key not in keys]
    raised: list[Action] = [alarm for alarm in wanted if (alarm.kind, alarm.subject) not in active]
    return raised + [ClearAlarm(*key) for key in sorted(over)]
