"""Ledger, events, alarms, stored responses, accounts and meta."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpushopper.core.spending.ledger import KINDS, Entry
from gpushopper.store import accounts, alarms, events, idempotency, ledger, meta, sessions
from gpushopper.store.database import Store
from gpushopper.wire import AlarmView, EventView
from tests.store.samples import NOW, attempt, session

entries = st.builds(
    Entry,
    attempt_id=st.sampled_from(["a1", "a2", "a3"]),
    kind=st.sampled_from(KINDS),
    from_at=st.integers(0, 100),
    to_at=st.integers(100, 200),
    micros=st.integers(0, 10**15),
) | st.builds(Entry, st.just("a1"), st.just("gpu"), st.just(1), st.just(2), st.integers(-(10**6), -1), st.just(True))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(entries, max_size=30))
def test_totals_are_the_sum_of_the_entries(store: Store, written: list[Entry]):
    """Exactly, and by replay: money is integers (I14)."""
    if not sessions.load_session(store, "s1"):
        with store.transaction():
            sessions.insert_session(store, session())
            for number in (1, 2, 3):
                sessions.insert_attempt(store, attempt(f"a{number}", ordinal=number))
    before = [entry for name in ("a1", "a2", "a3") for entry in ledger.entries_of(store, name)]
    with store.transaction():
        ledger.insert_entries(store, written)
    after = [entry for name in ("a1", "a2", "a3") for entry in ledger.entries_of(store, name)]
    assert Counter(after) == Counter(before + written)
    expected: dict[str, dict[str, int]] = {}
    for entry in after:
        of_attempt = expected.setdefault(entry.attempt_id, {})
        of_attempt[entry.kind] = of_attempt.get(entry.kind, 0) + entry.micros
    assert ledger.totals_by_attempt(store) == expected
    assert {type(amount) for kinds in ledger.totals_by_attempt(store).values() for amount in kinds.values()} <= {int}
    assert ledger.totals_by_attempt(store, ["a1", "nobody"]) == {k: v for k, v in expected.items() if k == "a1"}
    assert ledger.totals_by_attempt(store, []) == {}


def test_totals_of_more_attempts_than_sql_variables(store: Store):
    wanted = [f"a{number}" for number in range(40_000)]
    assert ledger.totals_by_attempt(store, wanted) == {}


def test_events_are_read_from_a_cursor(store: Store):
    with store.transaction():
        names = {"session_id": "s1", "attempt_id": "a1"}
        first = events.append(store, at=NOW, kind="created", text="one", data={"a": [1]}, **names)
        events.append(store, at=NOW, kind="created", text="two", session_id="s2")
        last = events.append(store, at=NOW, kind="ended", text="three", session_id="s1")
    assert events.last_id(store) == last == first + 2
    assert events.after(store, 0, limit=1) == [EventView(first, NOW, "created", "s1", "a1", "one", {"a": [1]})]
    assert [event.text for event in events.after(store, first)] == ["two", "three"]
    assert [event.text for event in events.after(store, 0, session_id="s1")] == ["one", "three"]
    assert events.after(store, last) == []


def test_an_event_cursor_is_never_used_twice(store: Store):
    with pytest.raises(ValueError, match="undone"), store.transaction():
        events.append(store, at=NOW, kind="k", text="lost")
        raise ValueError("undone")
    with store.transaction():
        events.append(store, at=NOW, kind="k", text="kept")
    assert [event.text for event in events.after(store, 0)] == ["kept"]


def raise_alarm(store: Store, at: int = NOW) -> bool:
    with store.transaction():
        return alarms.raise_alarm(store, at=at, kind="slow", subject="a1", text="t", hint="h", evidence={"n": 1})


def test_an_alarm_is_raised_once_until_it_clears(store: Store):
    assert [raise_alarm(store), raise_alarm(store)] == [True, False]
    (shown,) = alarms.open_alarms(store)
    assert shown == AlarmView(shown.id, "slow", "a1", "t", "h", NOW)
    with store.transaction():
        assert alarms.clear_alarm(store, at=NOW, kind="slow", subject="other") is False
        assert alarms.clear_alarm(store, at=NOW, kind="slow", subject="a1") is True
        assert alarms.clear_alarm(store, at=NOW, kind="slow", subject="a1") is False
    assert alarms.open_alarms(store) == []
    assert raise_alarm(store) is True


def test_an_acknowledged_alarm_stays_acknowledged_until_it_clears(store: Store):
    raise_alarm(store)
    with store.transaction():
        assert alarms.acknowledge(store, at=NOW, alarm_id=999) == 0
        assert alarms.acknowledge(store, at=NOW, alarm_id=alarms.open_alarms(store)[0].id) == 1
        assert alarms.acknowledge(store, at=NOW, alarm_id=None) == 0
    assert raise_alarm(store) is False
    assert alarms.open_alarms(store) == []
    with store.transaction():
        alarms.clear_alarm(store, at=NOW, kind="slow", subject="a1")
    assert raise_alarm(store) is True
    assert len(alarms.open_alarms(store)) == 1
    with store.transaction():
        assert alarms.acknowledge(store, at=NOW, alarm_id=None) == 1


def remember(store: Store, key: str, at: int) -> None:
    idempotency.save_response(
        store,
        key,
        at=at,
        method="POST",
        path="/sessions",
        request_digest="d",
        response_status=202,
        response_body='{"x":1}',
    )


def test_a_response_is_stored_with_its_effect_or_not_at_all(store: Store):
    with pytest.raises(ValueError, match="undone"), store.transaction():
        sessions.insert_session(store, session())
        remember(store, "k1", NOW)
        raise ValueError("undone")
    assert (idempotency.load_response(store, "k1"), sessions.load_sessions(store)) == (None, [])
    with store.transaction():
        remember(store, "k1", NOW)
        remember(store, "k2", NOW + idempotency.RETENTION_US)
    assert idempotency.load_response(store, "k1") == idempotency.StoredResponse(
        "POST", "/sessions", "d", 202, '{"x":1}'
    )
    with store.transaction():
        assert idempotency.prune(store, NOW) == 0
        assert idempotency.prune(store, NOW + 1) == 1
    assert idempotency.load_response(store, "k1") is None
    assert idempotency.load_response(store, "k2") is not None


def test_the_account_recorded_last_is_the_known_one(store: Store):
    assert accounts.known_account(store, "vast") is None
    with store.transaction():
        for at, account in enumerate(["77", "78", "77"]):
            accounts.record_account(store, "vast", account, at)
        accounts.record_account(store, "runpod", "r", 9)
    assert accounts.known_account(store, "vast") == "77"


def test_a_meta_value_is_replaced(store: Store):
    with store.transaction():
        meta.set_meta(store, "a", "1")
        meta.set_meta(store, "a", "2")
    assert (meta.get_meta(store, "a"), meta.get_meta(store, "b")) == ("2", None)
