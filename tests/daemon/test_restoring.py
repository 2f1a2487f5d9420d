"""A backup in the place of the records: old deadlines and announced ends are not acted upon, nothing is lost (D12)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from gpushopper.clock import SystemClock
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import HOUR, MINUTE, ClockSnapshot
from gpushopper.core.timing.deadline import Deadline
from gpushopper.daemon.backup.restoring import restore, restore_newest
from gpushopper.daemon.open_store import open_store
from gpushopper.errors import Misconfigured, NotFound
from gpushopper.paths import Home, find_home
from gpushopper.store import alarms, events, installation, sessions
from gpushopper.store.database import Store
from gpushopper.store.schema.migrations import MIGRATIONS
from gpushopper.store.schema.migrations import newest as newest_schema
from gpushopper.store.sqlite.backups import back_up_daily, back_up_now, backups
from gpushopper.store.sqlite.statements import run
from tests.needs import needs
from tests.store.samples import NOW, attempt, session

GOLDEN = Path(__file__).parents[1] / "store" / "golden"
LATER = ClockSnapshot(wall=NOW + 2 * HOUR, boot=77, boot_id="boot-2")


@contextmanager
def opened(home: Home) -> Iterator[Store]:
    with closing(Store.open(home.database, now_wall=NOW)) as store:
        yield store


@pytest.fixture
def kept(home: Path) -> Home:
    """A home with a session whose deadline has passed at `LATER`, and a backup from before it was extended."""
    found = find_home()
    found.data.mkdir(parents=True, exist_ok=True)
    heard = {"ending_reason": "idle", "ending_at": NOW + MINUTE, "ending_heard_at": NOW, "silent_since": NOW}
    with opened(found) as store:
        installation.check(found, store)
        with store.transaction():
            sessions.insert_session(store, session("s1", name="train", duration_us=None, deadline_at=NOW + HOUR))
            sessions.insert_attempt(store, attempt("a1", state=State.RUNNING, **heard))
        back_up_daily(found.database, NOW)
        with store.transaction():
            (one,) = sessions.load_attempts(store)
            sessions.update_attempt(store, one, deadline=Deadline(NOW + 6 * HOUR, NOW, 5, "boot-1"))
            events.append(store, at=NOW, kind="extended", text="since the backup")
    return found


def newest(home: Home) -> Path:
    return backups(home.database)[0].path


def texts(store: Store) -> list[str]:
    return [event.text for event in events.after(store, 0)]


def test_what_the_backup_says_of_a_living_session_is_treated_as_old(kept: Home):
    done = restore(kept, newest(kept), LATER)
    assert done.open_sessions == ("train",)
    with opened(kept) as store:
        (found,) = sessions.load_attempts(store)
        assert found.deadline == Deadline.at(LATER.wall + HOUR, LATER)
        assert found.reserve == 1_000_000 + 2 * 416_167
        assert (found.ending_reason, found.ending_at, found.ending_heard_at, found.silent_since) == (
            "",
            None,
            None,
            None,
        )
        (owner,) = sessions.load_sessions(store)
        assert owner.deadline_at == LATER.wall + HOUR
        (alarm,) = alarms.open_alarms(store)
        assert (alarm.kind, alarm.text) == ("database_rebuilt", f"the records were restored from {newest(kept).name}")
        assert texts(store) == [alarm.text]
        assert events.database_id(store), "the audit log takes its events for new ones"
    assert done.replaced is not None
    with closing(Store.open(done.replaced, now_wall=NOW)) as former:
        assert texts(former) == ["since the backup"]


def test_a_damaged_database_is_replaced_by_the_newest_whole_backup(kept: Home):
    whole = newest(kept)
    for hour, content in ((25, b"no database"), (26, whole.read_bytes()[:4096] + b"x" * 90_000)):
        back_up_now(kept.database, NOW + hour * HOUR)
        newest(kept).write_bytes(content)
    kept.database.write_bytes(b"SQLite format 3\0" + b"damage" * 4000)
    with closing(open_store(kept, SystemClock(kept.clock_offset))) as store:
        assert [one.name for one in sessions.load_sessions(store)] == ["train"]
        (alarm,) = alarms.open_alarms(store)
        assert alarm.text.startswith("the database was damaged and has been set aside as gpu-shopper.db.damaged-")
        assert alarm.text.endswith(f"; in its place is the backup {whole.name}")
    assert list(kept.data.glob("*.damaged-*Z"))
    assert not (kept.data / "restoring").exists()


def test_an_unreadable_row_of_a_backup_is_repaired_and_said(kept: Home):
    with closing(Store.open(newest(kept), now_wall=NOW)) as store, store.transaction():
        run(store.database, "UPDATE attempts SET offer = '{'")
    kept.database.write_bytes(b"SQLite format 3\0" + b"damage" * 4000)
    with closing(open_store(kept, SystemClock(kept.clock_offset))) as store:
        assert [one.id for one in sessions.load_attempts(store)] == ["a1"]
        assert {alarm.kind for alarm in alarms.open_alarms(store)} == {"database_rebuilt", "row_repaired"}


def test_an_interrupted_restore_is_tried_again(kept: Home):
    damage = b"SQLite format 3\0" + b"damage" * 4000
    kept.database.write_bytes(damage)
    (kept.data / "restoring").write_text("in the way")  # no copy can be made
    with pytest.raises(Misconfigured):
        open_store(kept, SystemClock(kept.clock_offset))
    assert kept.database.read_bytes() == damage
    (kept.data / "restoring").unlink()
    with closing(open_store(kept, SystemClock(kept.clock_offset))) as store:
        assert [one.name for one in sessions.load_sessions(store)] == ["train"]


def test_missing_records_are_put_back_and_said(kept: Home):
    for file in kept.data.glob("gpu-shopper.db*"):
        file.unlink()
    with closing(open_store(kept, SystemClock(kept.clock_offset))) as store:
        assert [one.name for one in sessions.load_sessions(store)] == ["train"]
        assert alarms.open_alarms(store)[0].text.startswith("the database was missing; in its place is the backup")


def test_without_a_backup_missing_records_are_said_too(kept: Home):
    shutil.rmtree(kept.backups)
    for file in kept.data.glob("gpu-shopper.db*"):
        file.unlink()
    with closing(open_store(kept, SystemClock(kept.clock_offset))) as store:
        assert [alarm.text for alarm in alarms.open_alarms(store)] == [
            "the database was missing; a new one was started"
        ]


def test_one_dated_in_the_future_is_the_last_that_is_taken(kept: Home):
    whole = newest(kept)
    back_up_now(kept.database, NOW + 10_000 * 24 * HOUR)
    kept.database.write_bytes(b"SQLite format 3\0" + b"damage" * 4000)
    assert restore_newest(kept, LATER, "text") == next(one for one in backups(kept.database) if one.path == whole)


def other_installation(home: Home, source: Path) -> Path:
    with closing(Store.open(source, now_wall=NOW)) as store, store.transaction():
        run(store.database, "UPDATE meta SET value = 'aaaaabbbbb' WHERE key = 'installation'")
    return source


def of_a_newer_program(home: Home, source: Path) -> Path:
    with closing(Store.open(source, now_wall=NOW)) as store:
        run(store.database, "PRAGMA user_version = 9999")
    return source


def of_something_else(home: Home, source: Path) -> Path:
    source.write_bytes(b"SQLite format 3\0" + b"damage" * 4000)
    return source


def empty(home: Home, source: Path) -> Path:
    source.write_bytes(b"")
    return source


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_installation, "belongs to another installation (aaaaabbbbb; this one is "),
        (of_a_newer_program, "newer gpu-shopper"),
        (of_something_else, "is no whole database"),
        (empty, "is no backup of GPU Shopper's records"),
    ],
)
def test_what_is_no_backup_of_this_home_changes_nothing(kept: Home, change, said: str):
    source = change(kept, newest(kept))
    before = {path.name for path in kept.data.iterdir()}
    with pytest.raises(Misconfigured) as refused:
        restore(kept, source, LATER)
    assert said in refused.value.message and str(source) in refused.value.message
    assert restore_newest(kept, LATER, "text") is None
    assert {path.name for path in kept.data.iterdir()} == before
    with opened(kept) as store:
        assert texts(store) == ["since the backup"]


def test_a_file_that_is_not_there(kept: Home):
    with pytest.raises(NotFound, match="there is no file"):
        restore(kept, kept.data / "nothing.db", LATER)


@pytest.mark.parametrize("schema", range(1, newest_schema(MIGRATIONS) + 1))
def test_a_backup_of_every_former_version_is_upgraded(home: Path, schema: int):
    found = find_home()
    found.data.mkdir(parents=True)
    source = shutil.copy(GOLDEN / f"schema-{schema}.db", found.data / "old.db")
    restore(found, Path(source), LATER)
    with opened(found) as store:
        assert [alarm.kind for alarm in alarms.open_alarms(store)][-1] == "database_rebuilt"
        assert all(one.deadline.wall >= min(LATER.wall + HOUR, one.hard_max_at) for one in wanted(store))


def wanted(store: Store) -> list[Attempt]:
    return [one for one in sessions.load_attempts(store) if one.is_wanted]


CALLS = "mkdir,unlink,unlinkat,rmdir,link,rename,fsync,fdatasync,ftruncate,pwrite64"
"""System calls that change what a crash leaves behind."""


def killed_at(number: int, source: Path) -> bool:
    """Restore in a process that is killed at its so many-th such call; whether it lived that long."""
    kill = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={CALLS}"]
    kill += ["-e", f"inject={CALLS}:signal=KILL:when={number}"]
    words = [sys.executable, "-B", "-m", "gpushopper.daemon", "once", "backup-restore", str(source)]
    done = subprocess.run([*kill, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("every", [pytest.param(8, marks=pytest.mark.proofs), pytest.param(1, marks=pytest.mark.sweep)])
@needs("strace")
def test_killed_at_any_step_the_records_are_the_former_or_the_restored_ones(kept: Home, every: int):
    source, former = newest(kept), kept.database.read_bytes()
    outcomes = []
    for number in count(1, every):
        was_killed = killed_at(number, source)
        with opened(kept) as store:
            outcomes.append(texts(store)[-1])
            assert [one.name for one in sessions.load_sessions(store)] == ["train"], number
        if not was_killed:
            break
        for file in kept.data.glob("gpu-shopper.db*"):
            file.unlink()
        kept.database.write_bytes(former)
    restored = f"the records were restored from {source.name}"
    assert set(outcomes) == {"since the backup", restored} and outcomes[-1] == restored
    assert outcomes.index(restored) == len(outcomes) - outcomes.count(restored) > 80 // every
