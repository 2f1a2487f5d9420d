"""The database lets old rows of one closed session go, and nothing else, and not without its money (I4, I14)."""

from __future__ import annotations

from typing import Any

import peewee
import pytest

from gpushopper.core.model.attempt import DesiredState, State
from gpushopper.core.spending.ledger import Entry
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.store import events, ledger, sessions
from gpushopper.store.database import Store
from gpushopper.store.history import compaction
from gpushopper.store.outbox import alerts
from tests.store.samples import NOW, attempt, raw, session

LATER = NOW + 10 * HOUR


@pytest.fixture
def ended(store: Store) -> Store:
    """A session that has ended, and one that runs, each with events and entries."""
    with store.transaction():
        over = {"desired_state": DesiredState.TERMINATED, "ended_at": NOW}
        for name, of_session, state in (("1", over, State.CLOSED), ("2", {}, State.RUNNING)):
            sessions.insert_session(store, session(f"s{name}", **of_session))
            sessions.insert_attempt(store, attempt(f"a{name}", f"s{name}", state))
            for kind in ("boot_progress", "closed"):
                events.append(store, at=NOW, kind=kind, text=kind, session_id=f"s{name}", attempt_id=f"a{name}")
            ledger.insert_entries(store, [Entry(f"a{name}", "gpu", NOW + n, NOW + n + 1, 5) for n in range(3)])
        events.append(store, at=NOW, kind="alarm", text="of no session")
        events.append(store, at=NOW, kind="account_trusted", text="an act of no session")
    return store


def kinds(store: Store) -> list[tuple[str | None, str]]:
    return [(event.session, event.kind) for event in events.after(store, 0)]


def test_history_of_the_session_goes_and_its_acts_stay(ended: Store):
    with ended.transaction(), compaction.compacting(ended, "s1", LATER):
        assert compaction.remove_events(ended, "s1", LATER, None) == 1
    assert kinds(ended) == [
        ("s1", "closed"), ("s2", "boot_progress"), ("s2", "closed"), (None, "alarm"), (None, "account_trusted")
    ]  # fmt: skip


def test_history_of_no_session_goes_by_its_time(ended: Store):
    assert compaction.has_old_events(ended, LATER) and not compaction.has_old_events(ended, NOW)
    with ended.transaction(), compaction.compacting(ended, None, LATER):
        assert compaction.remove_events(ended, None, NOW, None) == 0
        assert compaction.remove_events(ended, None, LATER, None) == 1
    assert (None, "account_trusted") in kinds(ended) and not compaction.has_old_events(ended, LATER)


def test_what_an_alert_is_still_about_stays(ended: Store):
    first = events.after(ended, 0)[0].id
    with ended.transaction():
        alerts.add(ended, first, ["phone"])
    with ended.transaction(), compaction.compacting(ended, "s1", LATER):
        assert compaction.remove_events(ended, "s1", LATER, None) == 0
    with ended.transaction():
        ended.write(alerts.AlertRow.delete())
    with ended.transaction(), compaction.compacting(ended, "s1", LATER):
        assert compaction.remove_events(ended, "s1", LATER, first - 1) == 0, "no alert was made of it yet"


def test_entries_are_replaced_under_ids_that_were_there(ended: Store):
    before = compaction.entries_before(ended, "a1", LATER)
    whole = [(before[0][0], Entry("a1", "gpu", NOW, NOW + 3, 15))]
    with ended.transaction(), compaction.compacting(ended, "s1", LATER):
        assert compaction.replace_entries(ended, before, whole) == 2
    assert compaction.entries_before(ended, "a1", LATER) == whole


REFUSED = {
    "an act": ("s1", "DELETE FROM events WHERE kind = 'closed'", "events_no_delete"),
    "an event of another": ("s1", "DELETE FROM events WHERE session_id = 's2'", "events_no_delete"),
    "an event of none": ("s1", "DELETE FROM events WHERE session_id IS NULL", "events_no_delete"),
    "an event of a session": (None, "DELETE FROM events WHERE session_id = 's1'", "events_no_delete"),
    "an entry of another": ("s1", "DELETE FROM ledger WHERE attempt_id = 'a2'", "ledger_no_delete"),
    "an entry of none": (None, "DELETE FROM ledger", "ledger_no_delete"),
    "the attempt": ("s1", "DELETE FROM attempts WHERE id = 'a1'", "attempts_no_delete"),
    "money": (
        "s1",
        "DELETE FROM ledger WHERE attempt_id = 'a1' AND from_at = (SELECT min(from_at) FROM ledger)",
        "compaction_sums",
    ),
    "a change of the time": ("s1", "UPDATE compaction SET before_at = 9", "compaction_immutable"),
    "an entry that changes": ("s1", "UPDATE ledger SET micros = 0", "ledger_immutable"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_everything_else_is_refused_and_rolled_back(ended: Store, what: str):
    of, statement, rule = REFUSED[what]
    before = (kinds(ended), ledger.totals_by_attempt(ended))
    with pytest.raises(peewee.IntegrityError, match=rule), ended.transaction():  # noqa: SIM117
        with compaction.compacting(ended, of, LATER):
            raw(ended, statement)
    assert (kinds(ended), ledger.totals_by_attempt(ended)) == before
    assert raw(ended, "SELECT count(*) FROM compaction") == [(0,)]


@pytest.mark.parametrize("statement", ["DELETE FROM events", "DELETE FROM ledger"])
def test_without_a_compaction_nothing_goes(ended: Store, statement: str):
    with pytest.raises(peewee.IntegrityError, match="no_delete"):
        raw(ended, statement)


@pytest.mark.parametrize(
    ("of", "before_at", "changes"),
    [
        ("s2", LATER, None),
        ("s1", NOW, None),
        ("s1", LATER, "UPDATE sessions SET ended_at = NULL WHERE id = 's1'"),
        ("s1", LATER, "UPDATE attempts SET state = 'destroying', instance_id = 'i', version = 1 WHERE id = 'a1'"),
    ],
)
def test_what_is_not_closed_by_then_cannot_be_compacted(ended: Store, of: str, before_at: int, changes: Any):
    if changes:
        raw(ended, changes)
    with pytest.raises(peewee.IntegrityError, match="compaction_not_closed"), ended.transaction():  # noqa: SIM117
        with compaction.compacting(ended, of, before_at):
            pass


def test_one_that_was_compacted_is_due_again_only_after_another_end(ended: Store):
    assert compaction.due_sessions(ended, LATER) == ["s1"] and compaction.due_sessions(ended, NOW) == []
    raw(ended, "UPDATE sessions SET compacted_at = ? WHERE id = 's1'", LATER)
    assert compaction.due_sessions(ended, LATER) == []
    raw(ended, "UPDATE attempts SET closed_at = ? WHERE id = 'a1'", LATER + 1)
    assert compaction.due_sessions(ended, LATER) == ["s1"]
