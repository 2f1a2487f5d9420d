"""Sessions and attempts: stored unchanged, updated under optimistic locking only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import fields, replace

import pytest

from gpushopper.core.model.attempt import Attempt, DesiredState, Origin, State
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.deadline import Deadline
from gpushopper.errors import UsageError
from gpushopper.store import consumers, known_instances, sessions
from gpushopper.store.database import Stale, Store
from gpushopper.store.known_instances import KnownInstance
from gpushopper.store.schema.tables import AttemptRow, SessionRow
from tests.store.samples import NOW, OFFER, attempt, raw, session


def put(store: Store, *rows: Session | Attempt) -> None:
    with store.transaction():
        for row in rows:
            if isinstance(row, Session):
                sessions.insert_session(store, row)
            else:
                sessions.insert_attempt(store, row)


@pytest.mark.parametrize(("kind", "row"), [(Attempt, AttemptRow), (Session, SessionRow)])
def test_every_field_has_its_column(kind: type, row: type):
    assert [f.name for f in fields(kind)] == list(row._meta.sorted_field_names)


def test_rows_come_back_as_they_went_in(store: Store):
    full = {f.name: 7 for f in fields(Attempt) if f.default is not f.default_factory and f.type == "int | None"}
    held = attempt(
        state=State.RUNNING, **{**full, "is_gpu_billed": True, "destroy_acknowledged": True, "ssh_host": "h"}
    )
    first = session(keep_stopped=True, ended_at=5, max_duration_us=9, max_duration_reason="a long run")
    second = session("s2", shortlist=(), duration_us=None, deadline_at=NOW, max_rate=None, disk_gb=40)
    put(store, first, second, held)
    assert sessions.load_session(store, "s1") == first
    assert sessions.load_session(store, "s2") == second
    assert sessions.load_attempt(store, "a1") == held
    found = sessions.load_attempt(store, "a1")
    assert found is not None
    kinds = (type(found.state), type(found.origin), type(found.desired_state), type(found.is_gpu_billed))
    assert kinds == (State, Origin, DesiredState, bool)
    assert sessions.load_session(store, "nobody") is None
    assert sessions.load_attempt(store, "nobody") is None


def test_text_with_lone_surrogates_is_stored(store: Store):
    """A lone surrogate in a provider's JSON would otherwise fail every pass for ever."""
    put(store, session(), attempt(provider_status="\ud800 loading é"))
    found = sessions.load_attempt(store, "a1")
    assert found is not None
    assert found.provider_status == "? loading é"


# ---- guarded updates


def test_an_update_returns_what_is_stored(store: Store):
    put(store, session(), attempt())
    deadline = Deadline(NOW + 2 * HOUR, NOW, 8, "boot-1")
    with store.transaction():
        sent = sessions.update_attempt(store, attempt(), state=State.SENT, sent_at=NOW, deadline=deadline)
        ended = sessions.update_session(
            store, session(), desired_state=DesiredState.TERMINATED, reason="user", shortlist=(OFFER,)
        )
    assert sent == replace(attempt(), state=State.SENT, sent_at=NOW, deadline=deadline, version=1)
    assert sessions.load_attempt(store, "a1") == sent
    assert sessions.load_session(store, "s1") == ended
    assert (ended.version, ended.desired_state) == (1, DesiredState.TERMINATED)


def test_what_is_read_again_is_what_is_stored_whoever_changed_it(store: Store):
    """Reads are kept until a row changes: by us, undone by a rollback, past all our code, or by another program."""
    put(store, session(), attempt())

    def status() -> str | None:
        (found,) = sessions.load_attempts(store)
        return found.provider_status

    before = status()
    with pytest.raises(KeyError), store.transaction():
        (held,) = sessions.load_attempts(store)
        sessions.update_attempt(store, held, provider_status="undone")
        assert status() == "undone"
        raise KeyError
    assert status() == before
    with pytest.raises(KeyError), store.transaction():
        assert status() == before
        raw(store, "UPDATE attempts SET provider_status = 'raw, undone'")
        assert status() == "raw, undone"
        raise KeyError
    assert status() == before
    with store.transaction():
        (held,) = sessions.load_attempts(store)
        sessions.update_attempt(store, held, provider_status="ours")
    assert status() == "ours"
    raw(store, "UPDATE attempts SET provider_status = 'raw'")
    assert status() == "raw"
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("UPDATE attempts SET provider_status = 'by another program'")
    assert status() == "by another program"


def test_what_did_not_change_is_not_read_again(store: Store):
    put(store, session(), attempt())
    (first,), (second,) = sessions.load_attempts(store), sessions.load_attempts(store)
    assert first is second
    sessions.load_attempts(store).clear()
    assert sessions.load_attempts(store) == [first]


def test_an_update_of_a_stale_row_changes_nothing(store: Store):
    put(store, session(), attempt())
    old = attempt()
    with store.transaction():
        new = sessions.update_attempt(store, old, absence_count=1)
        other = sessions.update_session(store, session(), retries_left=1)
    with pytest.raises(Stale), store.transaction():
        sessions.update_attempt(store, old, absence_count=5)
    with pytest.raises(Stale), store.transaction():
        sessions.update_attempt(store, replace(new, state=State.SENT), absence_count=5)
    with pytest.raises(Stale), store.transaction():
        sessions.update_session(store, session(), retries_left=9)
    assert (sessions.load_attempt(store, "a1"), sessions.load_session(store, "s1")) == (new, other)


def test_a_late_write_does_not_erase_an_instance_id(store: Store):
    """Two copies of one row, the later one without the id: the way a lost update loses money (F71)."""
    put(store, session(), attempt(state=State.SENT))
    stale = sessions.load_attempt(store, "a1")
    assert stale is not None
    with store.transaction():
        sessions.update_attempt(store, stale, state=State.BOOTING, instance_id="i-1")
    with pytest.raises(Stale), store.transaction():
        sessions.update_attempt(store, stale, state=State.UNCERTAIN, instance_id=None)
    found = sessions.load_attempt(store, "a1")
    assert found is not None
    assert found.instance_id == "i-1"


@pytest.mark.parametrize("key", ["id", "version"])
def test_id_and_version_cannot_be_changed(store: Store, key: str):
    put(store, session(), attempt())
    with pytest.raises(TypeError), store.transaction():
        sessions.update_attempt(store, attempt(), **{key: "x"})
    with pytest.raises(TypeError), store.transaction():
        sessions.update_session(store, session(), **{key: "x"})


def test_an_update_without_changes_writes_nothing(store: Store):
    put(store, session(), attempt())
    assert sessions.update_attempt(store, attempt()) == attempt()
    assert sessions.update_session(store, session()) == session()


def test_boot_intervals_are_reset_and_other_columns_kept(store: Store):
    boots = {f.name: 11 for f in fields(Attempt) if f.name.endswith("_boot")}
    assert len(boots) >= 7
    counted = {**boots, "settle_elapsed_us": 5, "absence_count": 2, "destroy_count": 3, "billed_until": 4}
    put(store, session(), attempt(state=State.BOOTING, **counted))
    put(store, attempt("a2", state=State.CLOSED, ordinal=2, **counted))
    with store.transaction():
        assert sessions.reset_boot_intervals(store) == 1
    reset = {**dict.fromkeys(boots), "settle_elapsed_us": 0, "absence_count": 0}
    expected = attempt(state=State.BOOTING, **{**counted, **reset})
    assert sessions.load_attempt(store, "a1") == expected
    assert sessions.load_attempt(store, "a2") == attempt("a2", state=State.CLOSED, ordinal=2, **counted)


# ---- finding


def test_open_sessions_are_those_desired_running_or_not_yet_closed(store: Store):
    gone = {"desired_state": DesiredState.TERMINATED}
    put(store, session("wanted"), session("ending", **gone), session("ended", **gone), session("never", **gone))
    put(store, attempt("a1", "wanted", State.CLOSED), attempt("a2", "ending", State.DESTROYING, **gone))
    put(store, attempt("a3", "ended", State.CLOSED))
    assert {s.id for s in sessions.load_sessions(store, open_only=True)} == {"wanted", "ending"}
    assert len(sessions.load_sessions(store)) == 4
    assert {a.id for a in sessions.load_attempts(store)} == {"a2"}
    assert {a.id for a in sessions.load_attempts(store, open_only=False)} == {"a1", "a2", "a3"}
    assert sessions.load_attempts(store, provider="tensordock") == []


def test_sessions_are_filtered_by_consumer(store: Store):
    put(store, session("s1", consumer="ann"), session("s2", consumer="bob"))
    assert [s.id for s in sessions.load_sessions(store, consumer="bob")] == ["s2"]
    assert [c.name for c in consumers.load_consumers(store)] == ["ann", "bob"]


def test_a_name_is_taken_while_its_session_is_open(store: Store):
    put(store, session("s1", name="train"))
    with pytest.raises(UsageError) as taken, store.transaction():
        sessions.insert_session(store, session("s2", name="train"))
    assert (taken.value.code, taken.value.exit_code) == ("name_taken", 2)
    with store.transaction():
        sessions.update_session(store, session("s1", name="train"), desired_state=DesiredState.TERMINATED)
        sessions.insert_session(store, session("s2", name="train"))


def test_sessions_are_found_by_id_name_or_prefix(store: Store):
    gone = {"desired_state": DesiredState.TERMINATED}
    put(
        store,
        session("abc1", name="train", created_at=1, **gone),
        session("abc2", name="train", created_at=2, **gone),
        session("xyz1", name="tune", created_at=3),
        session("xyz2", name="tunnel", created_at=4),
        session("old1", name="eval", created_at=5, **gone),
        session("tune9", name="x%_", created_at=6, **gone),
    )

    def find(ref: str) -> list[str]:
        return [s.id for s in sessions.find_sessions(store, ref)]

    assert find("abc1") == ["abc1"]
    assert find("train") == ["abc2"], "the newest of the closed"
    assert find("tune") == ["xyz1"], "a whole name before beginnings"
    assert find("tun") == ["xyz1", "xyz2"], "several: ambiguous; closed ones left out"
    assert find("xyz") == ["xyz1", "xyz2"]
    assert find("ev") == ["old1"]
    assert find("abc") == ["abc1", "abc2"]
    assert [find("x%"), find("%"), find("_"), find("TUNE"), find("")] == [["tune9"], [], [], [], []]
    put(store, session("new1", name="train", created_at=0))
    assert find("train") == ["new1"], "an open one before a newer closed one"


def test_attempts_are_found_by_instance_id_or_label(store: Store):
    put(store, session(), attempt("a2", ordinal=2, state=State.BOOTING), attempt("a1", state=State.CLOSED))
    assert [a.id for a in sessions.attempts_of(store, "s1")] == ["a1", "a2"]
    assert [a.id for a in sessions.find_listed(store, "vast", ["77"], ["i-a2"], ["label-a1"])] == ["a1", "a2"]
    assert [a.id for a in sessions.find_listed(store, "vast", ["78"], ["i-a2"], ["label-a1"])] == ["a1"]
    assert sessions.labels_of(store, ["a1", "nobody", "a2"]) == {"a1": "label-a1", "a2": "label-a2"}
    many = [f"a{number}" for number in range(900)]
    assert sessions.labels_of(store, many) == {"a1": "label-a1", "a2": "label-a2"}
    assert sessions.labels_of(store, []) == {}
    found = sessions.find_by_instance(store, "vast", "77", "i-a2")
    assert found is not None
    assert found.id == "a2"
    assert sessions.find_by_instance(store, "vast", "78", "i-a2") is None
    assert sessions.find_by_instance(store, "runpod", "77", "i-a2") is None


def test_creates_are_counted_when_sent_unless_refused(store: Store):
    proven = attempt("a2", ordinal=2, state=State.CLOSED, sent_at=10, receipt='{"kind":"proven"}')
    refused = attempt("a5", ordinal=5, state=State.CLOSED, sent_at=15, receipt='{"kind":"refused"}')
    never = attempt("a6", ordinal=6, state=State.CLOSED, sent_at=15, receipt='{"kind":"never_sent"}')
    put(store, session(), attempt("a1"), proven, refused, never)
    put(store, attempt("a3", ordinal=3, state=State.SENT, sent_at=20))
    put(store, attempt("a4", ordinal=4, state=State.DESTROYING, sent_at=30, origin=Origin.DISCOVERED))
    assert [len(sessions.creates_since(store, wall)) for wall in (10, 11, 21)] == [2, 1, 0]


def test_the_last_recorded_ownership_of_an_id_counts(store: Store):
    with store.transaction():
        known_instances.record_ownership(store, KnownInstance("vast", "77", "i-1", None, "foreign", 5))
        known_instances.record_ownership(store, KnownInstance("vast", "77", "i-1", "label", "confirmed", 6))
        known_instances.record_ownership(store, KnownInstance("vast", "78", "i-1", None, "foreign", 6))
    assert known_instances.recorded_ownership(store, "vast", {"77"}, ["i-1", "i-2"]) == {"i-1": "confirmed"}
