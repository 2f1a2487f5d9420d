"""Opening the database, its one writer, and errors of the file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import peewee
import pytest

from gpushopper.core.model.attempt import State
from gpushopper.errors import DiskFull, Misconfigured
from gpushopper.store import events, sessions
from gpushopper.store.database import Corrupt, Stale, Store, quarantine
from gpushopper.store.sqlite.backups import back_up
from gpushopper.store.sqlite.statements import run
from tests.store.samples import NOW, attempt, raw, session


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_are_private_whatever_the_umask(home: Path, open_umask):
    store = Store.open(home / "gpu-shopper.db", now_wall=NOW)
    with store.transaction():
        events.append(store, at=NOW, kind="k", text="t")
    copy = back_up(store.database, store.path, NOW, 7)
    files = [home / "gpu-shopper.db", home / "gpu-shopper.db-wal", home / "gpu-shopper.db-shm", copy]
    assert {file.name: oct(mode(file)) for file in files} == {file.name: oct(0o600) for file in files}
    assert [mode(home), mode(copy.parent)] == [0o700, 0o700]
    store.close()


def test_a_file_left_open_to_others_is_closed_to_them(home: Path, store: Store):
    store.close()
    (home / "gpu-shopper.db").chmod(0o644)
    home.chmod(0o755)
    Store.open(home / "gpu-shopper.db", now_wall=NOW).close()
    assert (mode(home), mode(home / "gpu-shopper.db")) == (0o700, 0o600)


def test_a_shared_folder_keeps_its_mode(home: Path):
    home.mkdir()
    home.chmod(0o1777)
    Store.open(home / "gpu-shopper.db", now_wall=NOW).close()
    assert home.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(
    ("mounts", "journal", "synchronous"),
    [("/dev/sda / ext4 rw 0 0", "wal", 2), ("server:/x / nfs4 rw 0 0", "delete", 3), ("", "wal", 2)],
)
def test_durability_is_set_for_the_file_system(home: Path, mounts: str, journal: str, synchronous: int):
    store = Store.open(home / "gpu-shopper.db", now_wall=NOW, mounts=mounts)
    wanted = {
        "journal_mode": journal, "synchronous": synchronous, "foreign_keys": 1, "trusted_schema": 0,
        "cell_size_check": 1, "busy_timeout": 5000, "recursive_triggers": 1,
    }  # fmt: skip
    assert {name: run(store.database, f"PRAGMA {name}")[0][0] for name in wanted} == wanted
    store.close()


def test_a_home_moved_to_a_network_file_system_keeps_its_rows(home: Path, store: Store):
    raw(store, "INSERT INTO meta VALUES ('a', '1')")
    store.close()
    moved = Store.open(home / "gpu-shopper.db", now_wall=NOW, mounts="x / cifs rw 0 0")
    assert run(moved.database, "SELECT value FROM meta") == [("1",)]
    moved.close()
    assert not (home / "gpu-shopper.db-wal").exists()


# ---- transactions


def test_an_error_rolls_back_the_whole_transaction(store: Store):
    with pytest.raises(ValueError, match="later"), store.transaction():
        events.append(store, at=NOW, kind="k", text="t")
        raise ValueError("later")
    assert events.last_id(store) == 0
    with store.transaction():
        events.append(store, at=NOW, kind="k", text="t")
    assert events.last_id(store) == 1


def test_only_a_committed_write_counts_as_a_change(store: Store):
    """Whoever waits for news compares this number: it must neither miss a commit nor wake for nothing."""
    before = store.last_change
    with store.transaction():
        events.last_id(store)
    with pytest.raises(ValueError, match="undone"), store.transaction():
        events.append(store, at=NOW, kind="k", text="t")
        raise ValueError("undone")
    with pytest.raises(Stale), store.transaction():
        sessions.update_attempt(store, attempt(), absence_count=1)
    assert store.last_change == before
    with store.transaction():
        sessions.insert_session(store, session())
    assert store.last_change == before + 1


def test_what_is_committed_is_seen_by_another_process_at_once(home: Path, store: Store):
    with store.transaction():
        sessions.insert_session(store, session())
    other = peewee.SqliteDatabase(str(home / "gpu-shopper.db"))
    assert run(other, "SELECT id FROM sessions") == [("s1",)]
    other.close()


def test_a_transaction_inside_another_is_refused(store: Store):
    with store.transaction(), pytest.raises(RuntimeError, match="inside another"), store.transaction():
        pass
    with store.read(), pytest.raises(RuntimeError, match="inside another"), store.transaction():
        pass
    with store.transaction(), store.read():
        events.append(store, at=NOW, kind="k", text="t")
    assert events.last_id(store) == 1


def test_a_write_outside_of_a_transaction_is_refused(store: Store):
    with pytest.raises(RuntimeError, match="outside of a transaction"):
        events.append(store, at=NOW, kind="k", text="t")
    assert events.last_id(store) == 0


def test_two_threads_lose_no_update(store: Store):
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, attempt())
    stale = []

    def count() -> None:
        done = 0
        while done < 50:
            read = sessions.load_attempt(store, "a1")
            assert read is not None
            try:
                with store.transaction():
                    sessions.update_attempt(store, read, absence_count=read.absence_count + 1)
                    events.append(store, at=NOW, kind="unit", text="", attempt_id="a1")
                done += 1
            except Stale:
                stale.append(read.version)

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sessions.load_attempt(store, "a1")
    assert found is not None
    assert (found.absence_count, found.version, events.last_id(store)) == (100, 100, 100)


def test_a_reader_never_sees_a_partial_transaction(store: Store):
    inside, seen = threading.Event(), []

    def read() -> None:
        inside.wait(10)
        with store.read():
            seen.append((len(sessions.load_sessions(store)), events.last_id(store)))

    reader = threading.Thread(target=read)
    reader.start()
    with store.transaction():
        sessions.insert_session(store, session())
        inside.set()
        assert not seen
        events.append(store, at=NOW, kind="k", text="t")
    reader.join()
    assert seen == [(1, 1)]


def test_two_homes_in_one_process_do_not_meet(home: Path, store: Store):
    other = Store.open(home / "other" / "gpu-shopper.db", now_wall=NOW)
    with store.transaction():
        sessions.insert_session(store, session())
        with other.transaction():
            sessions.insert_session(other, session("s2"))
    assert [s.id for s in sessions.load_sessions(store)] == ["s1"]
    assert [s.id for s in sessions.load_sessions(other)] == ["s2"]
    other.close()


# ---- a hostile disk


def test_a_full_disk_loses_nothing_and_writes_work_again_after_it(store: Store):
    with store.transaction():
        sessions.insert_session(store, session())
        sessions.insert_attempt(store, attempt())
    pages = run(store.database, "PRAGMA page_count")[0][0]
    run(store.database, f"PRAGMA max_page_count = {pages}")
    before = sessions.load_attempt(store, "a1")
    assert before is not None
    with pytest.raises(DiskFull) as full, store.transaction():
        sessions.update_attempt(store, before, state=State.SENT, sent_at=NOW)
        events.append(store, at=NOW, kind="k", text="x" * 1_000_000)
    assert (full.value.exit_code, full.value.code) == (1, "disk_full")
    assert full.value.hint
    assert (sessions.load_attempt(store, "a1"), events.last_id(store)) == (before, 0)
    run(store.database, "PRAGMA max_page_count = 1000000")
    with store.transaction():
        sessions.update_attempt(store, before, state=State.SENT, sent_at=NOW)


def test_a_read_only_database_is_misconfigured(store: Store):
    run(store.database, "PRAGMA query_only = 1")
    with pytest.raises(Misconfigured) as refused, store.transaction():
        events.append(store, at=NOW, kind="k", text="t")
    assert (refused.value.code, refused.value.exit_code) == ("read_only", 4)


def test_a_home_that_cannot_be_created_is_misconfigured(home: Path):
    home.write_text("a file")
    with pytest.raises(Misconfigured) as refused:
        Store.open(home / "gpu-shopper.db", now_wall=NOW)
    assert refused.value.code == "read_only"
    assert "GPU_SHOPPER_HOME" in refused.value.hint


def test_a_database_locked_by_another_program_is_database_busy(home: Path, store: Store):
    run(store.database, "PRAGMA busy_timeout = 1")
    other = peewee.SqliteDatabase(str(home / "gpu-shopper.db"))
    other.begin("IMMEDIATE")
    with pytest.raises(Misconfigured) as refused, store.transaction():
        pass
    assert refused.value.code == "database_busy"
    other.rollback()
    other.close()
    with store.transaction():
        pass


@pytest.mark.parametrize("damage", ["garbage", "cut", "flipped", "one page"])
def test_a_damaged_database_is_quarantined_and_replaced(home: Path, store: Store, damage: str):
    path = home / "gpu-shopper.db"
    with store.transaction():
        sessions.insert_session(store, session())
        for number in range(300):
            events.append(store, at=NOW, kind="k", text=f"line {number} " * 20)
    store.close()
    whole = path.read_bytes()
    broken = {
        "garbage": b"not a database at all" * 500,
        "cut": whole[: len(whole) // 2],
        "one page": whole[:-4096] + b"\xff" * 4096,
        "flipped": whole[:4096] + bytes(byte ^ 0xFF for byte in whole[4096:]),
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(Corrupt) as found:
        Store.open(path, now_wall=NOW)
    assert found.value.code == "database_corrupt"
    (home / "gpu-shopper.db-wal").write_bytes(b"a log")
    aside = quarantine(path, NOW)
    assert aside.name == "gpu-shopper.db.damaged-20260528T202640Z"
    assert aside.read_bytes() == broken
    assert (home / f"{aside.name}-wal").read_bytes() == b"a log"
    again = Store.open(path, now_wall=NOW)
    assert sessions.load_sessions(again) == []
    again.close()
    assert quarantine(path, NOW).name == "gpu-shopper.db.damaged-20260528T202640Z-2"


@pytest.mark.parametrize("left", [None, b""])
def test_a_write_ahead_log_without_its_database_is_corrupt(home: Path, store: Store, left: bytes | None):
    """SQLite deletes a log beside an empty file without a word."""
    path = home / "gpu-shopper.db"
    with store.transaction():
        events.append(store, at=NOW, kind="k", text="t")
    log = (home / "gpu-shopper.db-wal").read_bytes()
    store.close()
    path.unlink()
    (home / "gpu-shopper.db-wal").write_bytes(log)
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(Corrupt):
        Store.open(path, now_wall=NOW)
    assert (home / "gpu-shopper.db-wal").read_bytes() == log
    quarantine(path, NOW)
    Store.open(path, now_wall=NOW).close()


def test_free_bytes_are_those_of_the_file_system(home: Path, store: Store):
    state = os.statvfs(home)
    assert 0 < store.free_bytes() <= state.f_blocks * state.f_frsize


class Forgetful(peewee.SqliteDatabase):
    """As most builds of SQLite are: what is deleted stays in the file until its place is used again."""

    def connect(self, reuse_if_open: bool = False) -> bool:
        done = super().connect(reuse_if_open)
        run(self, "PRAGMA secure_delete = 0")
        return bool(done)


def test_what_is_deleted_is_gone_from_the_file(home: Path):
    """The value of a variable that a compaction takes away (I21)."""
    store = Store.open(home / "gpu-shopper.db", now_wall=NOW, database_class=Forgetful)
    with store.transaction():
        sessions.insert_session(store, session(environment=(("TOKEN", "x" * 9000 + "c4n4ry"),)))
    with store.transaction():
        (one,) = sessions.load_sessions(store)
        sessions.update_session(store, one, environment=(("TOKEN", ""),))
    store.close()
    assert b"c4n4ry" not in (home / "gpu-shopper.db").read_bytes()
