"""Triggers refuse changes that no code may make."""

from __future__ import annotations

import itertools

import peewee
import pytest

from gpushopper.core.model.attempt import DesiredState, Origin, State, may_move
from gpushopper.core.spending.ledger import Entry
from gpushopper.store import events, known_instances, ledger, sessions
from gpushopper.store.database import Store
from tests.store.samples import NOW, attempt, raw, session


@pytest.fixture
def held(store: Store) -> Store:
    """One attempt under way, with a line in every table that is kept."""
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, attempt(state=State.BOOTING))
        events.append(store, at=NOW, kind="k", text="t")
        ledger.insert_entries(store, [Entry("a1", "gpu", NOW, NOW + 1, 5)])
        known_instances.record_ownership(store, known_instances.KnownInstance("vast", "77", "i-9", None, "late", NOW))
    return store


def refused(store: Store, sql: str, *values: object) -> str:
    with pytest.raises(peewee.IntegrityError) as error:
        raw(store, sql, *values)
    return str(error.value)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_only_allowed_state_transitions_are_written(store: Store, before: State, after: State):
    with store.transaction():
        sessions.insert_session(store, session())
        complete = {
            "instance_id": "i",
            "desired_state": DesiredState.TERMINATED,
            "receipt": "{}",
            "closed_at": NOW,
            "sent_at": NOW,
        }
        sessions.insert_attempt(store, attempt(state=before, **complete))
    move = "UPDATE attempts SET state = ?, version = version + 1"
    if before is after or may_move(before, after):
        raw(store, move, after.value)
    else:
        assert "attempts_transition" in refused(store, move, after.value)


@pytest.mark.parametrize(
    ("table", "column"),
    [("attempts", c) for c in ("id", "session_id", "label", "account", "provider", "origin")]
    + [("sessions", c) for c in ("id", "consumer", "image_login")],
)
def test_identifying_columns_are_immutable(held: Store, table: str, column: str):
    assert f"{table}_immutable_{column}" in refused(held, f"UPDATE {table} SET {column} = 'other'")
    raw(held, f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize("column", ["prepared_at", "ordinal"])
def test_the_first_columns_of_an_attempt_are_immutable(held: Store, column: str):
    assert f"attempts_immutable_{column}" in refused(held, f"UPDATE attempts SET {column} = 9")


@pytest.mark.parametrize("value", ["other", None])
def test_an_instance_id_is_written_once(held: Store, value: str | None):
    assert "attempts_write_once_instance_id" in refused(
        held, "UPDATE attempts SET instance_id = ?, version = version + 1", value
    )


@pytest.mark.parametrize("value", [NOW + 1, None])
def test_the_time_of_the_send_is_written_once(held: Store, value: int | None):
    assert "attempts_write_once_sent_at" in refused(held, "UPDATE attempts SET sent_at = ?", value)


def test_instance_id_and_send_time_may_be_set_once(store: Store):
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, attempt())
    raw(store, "UPDATE attempts SET state = 'sent', sent_at = 1, hard_max_at = 2, version = 1")
    raw(store, "UPDATE attempts SET state = 'booting', instance_id = 'i', version = 2")
    assert raw(store, "SELECT sent_at, hard_max_at, instance_id FROM attempts") == [(1, 2, "i")]


def test_the_hard_maximum_is_immutable_after_the_send(held: Store):
    assert "attempts_hard_max" in refused(held, "UPDATE attempts SET hard_max_at = hard_max_at + 1")


@pytest.mark.parametrize("table", ["attempts", "sessions"])
def test_a_terminated_desired_state_never_goes_back(held: Store, table: str):
    raw(held, f"UPDATE {table} SET desired_state = 'terminated', version = version + 1")
    assert f"{table}_desire" in refused(held, f"UPDATE {table} SET desired_state = 'running', version = version + 1")


@pytest.mark.parametrize(
    "change",
    ["attempts SET desired_state = 'terminated'", "attempts SET state = 'running'",
    "sessions SET desired_state = 'terminated'",
     "attempts SET state = 'running', version = version + 2"],
)  # fmt: skip
def test_a_change_that_forgets_the_version_is_refused(held: Store, change: str):
    assert "_versioned" in refused(held, f"UPDATE {change}")


@pytest.mark.parametrize("table", ["attempts", "sessions", "events", "ledger", "known_instances"])
def test_rows_are_never_deleted(held: Store, table: str):
    raw(held, "PRAGMA defer_foreign_keys = 1")
    assert f"{table}_no_delete" in refused(held, f"DELETE FROM {table}")


def test_a_replacing_insert_deletes_nothing_either(held: Store):
    assert "known_instances_no_delete" in refused(
        held, "INSERT OR REPLACE INTO known_instances VALUES ('vast', '77', 'i-9', NULL, 'x', 1)"
    )


@pytest.mark.parametrize(("table", "column"), [("events", "text"), ("ledger", "micros")])
def test_events_and_ledger_are_immutable(held: Store, table: str, column: str):
    assert f"{table}_immutable" in refused(held, f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize(
    "change",
    [
        "state = 'lost', version = version + 1",
        "desired_state = 'maybe', version = version + 1",
        "agreed_rate = -1",
        "reserve = 'much'",
        "absence_count = NULL",
    ],
)
def test_values_outside_their_enum_are_refused(held: Store, change: str):
    refused(held, f"UPDATE attempts SET {change}")


@pytest.mark.parametrize(
    "lacking",
    [
        attempt("a2", state=State.RUNNING, ordinal=2, instance_id=None),
        attempt("a2", state=State.UNCERTAIN, ordinal=2, sent_at=None),
        attempt("a2", state=State.CLOSED, ordinal=2, receipt=""),
        attempt("a2", state=State.CLOSED, ordinal=2, closed_at=None),
        attempt("a2", state=State.CLOSED, ordinal=2, desired_state=DesiredState.RUNNING),
        attempt("a2", ordinal=1),
        attempt("a2", ordinal=2, session_id="nobody"),
        attempt("a2", ordinal=2, label="label-a1"),
        attempt("a2", state=State.BOOTING, ordinal=2, instance_id="i-a1"),
        attempt("a2", state=State.BOOTING, ordinal=2, instance_id="i-a1", origin=Origin.DISCOVERED),
    ],
    ids=lambda a: f"{a.state}-{a.label}-{a.instance_id}-{a.ordinal}-{a.origin}",
)
def test_an_attempt_without_the_columns_of_its_state_is_refused(held: Store, lacking):
    with pytest.raises(peewee.IntegrityError), held.transaction():
        sessions.insert_attempt(held, lacking)
    assert sessions.load_attempt(held, "a2") is None


def test_a_second_instance_under_one_label_is_a_row_of_its_own(held: Store):
    found = attempt(
        "a2",
        state=State.DESTROYING,
        ordinal=2,
        label="label-a1",
        origin=Origin.DISCOVERED,
        desired_state=DesiredState.TERMINATED,
    )
    with held.transaction():
        sessions.insert_attempt(held, found)
    assert [a.id for a in sessions.find_listed(held, "vast", "77", [], ["label-a1"])] == ["a1", "a2"]


@pytest.mark.parametrize("entry", [("a1", "tips", 1, 2, 5, 0), ("a1", "gpu", 2, 1, 5, 0), ("a1", "gpu", 1, 2, -5, 0),
                                   ("nobody", "gpu", 1, 2, 5, 0)])  # fmt: skip
def test_invalid_ledger_entries_are_refused(held: Store, entry: tuple[object, ...]):
    columns = "attempt_id, kind, from_at, to_at, micros, correction"
    refused(held, f"INSERT INTO ledger ({columns}) VALUES (?, ?, ?, ?, ?, ?)", *entry)
