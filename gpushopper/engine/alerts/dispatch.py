"""The job `alerts`: each event becomes one row for each channel that is told of it, and each row is sent until taken.

At least once: after a crash between sending and noting it, the same message is sent again under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from gpushopper.config.alert_channels import AlertChannel
from gpushopper.core import alarms
from gpushopper.core.alerts.alert import Alert, Topic, alert_of, is_wanted
from gpushopper.core.alerts.delivery import MOST_WAITING, WORRY_TRIES, Outcome, Result, Verdict, pause_us, verdict
from gpushopper.core.model.actions import Action, ClearAlarm, EventDraft, RaiseAlarm
from gpushopper.core.timing.clock_snapshot import HOUR, ClockSnapshot
from gpushopper.engine.alerts.known_channels import KnownChannels, Told
from gpushopper.engine.alerts.settings_alarm import SettingsAlarm
from gpushopper.engine.context import Context
from gpushopper.engine.executor import CallResult, Executor
from gpushopper.engine.transaction import Transaction
from gpushopper.store import events, sessions
from gpushopper.store.outbox import alerts as outbox
from gpushopper.wire import EventView

SENDERS = 4
"""Threads that send: a receiver that hangs has one of them, for seconds at a time."""
LIMIT_S = 60.0
"""Most that a try takes; a channel bounds itself to less."""
KEPT_US = 30 * 24 * HOUR
EVENTS_AT_ONCE = 200
_ACCOUNT, _KIND = "@alerts", "alert"

Channels = Callable[[], Mapping[str, AlertChannel]]


class Send(Protocol):
    """Sends one alert over a channel and waits for it; called on threads that may wait."""

    def __call__(self, name: str, channel: AlertChannel, alert: Alert) -> Outcome: ...


class AlertDispatch:
    """The rows are the state; in memory is only what is on its way and how long a channel is left alone."""

    def __init__(
        self,
        ctx: Context,
        executor: Executor,
        channels: Channels,
        send: Send,
        settings_problem: Callable[[], str] = str,
    ) -> None:
        self.ctx = ctx
        self.channels = channels
        self._known = KnownChannels()
        self._settings = SettingsAlarm(ctx, settings_problem)
        self._executor = executor
        self._send = send
        self._in_flight: dict[str, outbox.WaitingAlert] = {}
        self._sent: list[CallResult] = []
        """What came of tries and is not noted yet."""
        self._not_before: dict[str, int] = {}
        self._seen: tuple[int, frozenset[str]] | None = None
        """The last change of the rows, and the channels, that were taken in."""
        self._is_empty: set[str] = set()
        """Channels for which nothing waits."""

    def step(self) -> None:
        """Note what was sent, take in new events, send what is due. Quick: it waits for nobody."""
        now = self.ctx.clock.now()
        self._sent += self._executor.collect()
        while self._sent:  # on a full disk each is kept until it can be noted: until then nothing is sent after it
            self._on_result(self._sent[0], now)
            del self._sent[0]
        present = self.channels()
        self._settings.step(now)
        waiting = () if self._seen else outbox.waiting_channels(self.ctx.store)
        told = self._known.told(present, waiting, now)
        seen = (self.ctx.store.last_change, frozenset(told))
        if seen != self._seen:
            self._take_in(told, now)
            self._seen = seen
        for name, channel in present.items():
            if channel.enabled:
                self._send_next(name, channel, now)

    def test(self, name: str, channel: AlertChannel) -> Outcome:
        """Send a message that says it is a test, at once and once, on the caller's thread."""
        now = self.ctx.clock.now().wall
        return self._send(name, channel, Alert(0, now, Topic.TEST, "test", f"This is a test of the channel {name}."))

    # ---- from events to rows

    def _take_in(self, told: Told, now: ClockSnapshot) -> None:
        store = self.ctx.store
        cursor, last = outbox.cursor(store), events.last_id(store)
        gone = [name for name in outbox.waiting_channels(store) if name not in told]
        if gone or (not told and cursor is not None) or (told and cursor is None):
            # What happened before there was a channel is told to none.
            with store.transaction():
                outbox.set_cursor(store, last if told and cursor is None else cursor if told else None)
                for name in gone:
                    self._give_up(name, outbox.waiting_of(store, name), "it was removed or switched off", now)
        while told and cursor is not None and cursor < last:
            cursor = self._make_rows(told, cursor, now)

    def _make_rows(self, told: Told, cursor: int, now: ClockSnapshot) -> int:
        """The rows of the next events, and the cursor after them, in one commit: each event is taken in once."""
        store = self.ctx.store
        found = events.after(store, cursor, EVENTS_AT_ONCE)
        made: set[str] = set()
        with store.transaction():
            for event in found:
                alert = read_alert(event)
                names = [] if alert is None else [n for n, c in told.items() if c and is_wanted(alert, c.on, n)]
                outbox.add(store, event.id, names)
                made.update(names)
            outbox.set_cursor(store, found[-1].id)
            outbox.prune(store, now.wall - KEPT_US)
            for name in made:
                self._give_up(name, outbox.waiting_of(store, name)[:-MOST_WAITING], "too many wait", now)
        self._is_empty -= made
        return found[-1].id

    # ---- from rows to receivers

    def _send_next(self, name: str, channel: AlertChannel, now: ClockSnapshot) -> None:
        """One at a time over a channel, oldest first."""
        if name in self._in_flight or name in self._is_empty or now.boot < self._not_before.get(name, 0):
            return
        waiting = outbox.next_of(self.ctx.store, name)
        if waiting is None:
            self._is_empty.add(name)
            return
        alert = self._named(waiting.event)
        self._in_flight[name] = waiting
        self._executor.submit((_ACCOUNT, _KIND, name), partial(self._send, name, channel, alert), LIMIT_S)

    def _named(self, event: EventView) -> Alert:
        """The alert with its session's name; one that another version made a row of is told as it stands."""
        alert = read_alert(event) or Alert(event.id, event.at, Topic.ALARMS, event.kind, event.text)
        session = sessions.load_session(self.ctx.store, alert.session) if alert.session else None
        return alert if session is None else replace(alert, name=session.name)

    def _on_result(self, result: CallResult, now: ClockSnapshot) -> None:
        name: str = result.key[2]  # type: ignore[index]
        waiting = self._in_flight[name]
        outcome = result.value
        if not isinstance(outcome, Outcome):
            outcome = Outcome(Result.UNREACHABLE, f"it could not be sent ({type(result.error).__name__})")
        tries, store = waiting.tries + 1, self.ctx.store
        decided = verdict(outcome, tries)
        self._not_before[name] = now.boot + pause_us(outcome, tries) if decided is Verdict.AGAIN else 0
        with store.transaction():
            match decided:
                case Verdict.DONE:
                    outbox.delivered(store, waiting.id, tries, now.wall)
                    self._act([ClearAlarm(alarms.ALERT_UNDELIVERED, name)], now)
                case Verdict.AGAIN:
                    outbox.tried(store, waiting.id, tries, outcome.problem)
                    if tries >= WORRY_TRIES:
                        self._act([_undelivered(name, outcome.problem)], now)
                case Verdict.GIVE_UP:
                    self._give_up(name, [waiting.id], outcome.problem, now)
                case Verdict.GIVE_UP_ALL:
                    self._give_up(name, outbox.waiting_of(store, name), outcome.problem, now)
        del self._in_flight[name]

    def _give_up(self, name: str, alert_ids: list[int], problem: str, now: ClockSnapshot) -> None:
        """Never silently: an event says how many, and an alarm where the channel is there still."""
        if not alert_ids:
            return
        count = outbox.give_up(self.ctx.store, alert_ids, now.wall, problem)
        what = "an alert is" if count == 1 else f"{count} alerts are"
        text = f"{what} given up that the channel {name} has not taken: {problem}"
        tx = Transaction(self.ctx, now)
        tx.add_event(EventDraft("alert_given_up", text, {"channel": name, "alerts": count}))
        if name in self.channels():
            tx.run([_undelivered(name, problem)])
        else:
            tx.run([ClearAlarm(alarms.ALERT_UNDELIVERED, name)])

    def _act(self, actions: list[Action], now: ClockSnapshot) -> None:
        Transaction(self.ctx, now).run(actions)


def read_alert(event: EventView) -> Alert | None:
    """The alert of a line of the history; None for most."""
    return alert_of(event.id, event.at, event.kind, event.text, event.data, event.session)


def _undelivered(name: str, problem: str) -> RaiseAlarm:
    text = f"alerts do not arrive over the channel {name}: {problem}"
    found = RaiseAlarm.with_hint(alarms.ALERT_UNDELIVERED, name, text)
    return RaiseAlarm(found.kind, found.subject, found.text, found.hint.replace("CHANNEL", name))
