"""Killed at any step of a backup or an upgrade, what is there is whole, and the next try ends well (D12, I19)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from itertools import count
from pathlib import Path

import peewee
import pytest

from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.store import events
from gpushopper.store.database import Store
from gpushopper.store.schema.migrations import MIGRATIONS, newest
from gpushopper.store.sqlite.backups import PARTIAL, back_up_daily, backups
from gpushopper.store.sqlite.statements import run
from tests.needs import needs
from tests.store.samples import NOW

SOME_OR_MOST = [pytest.param(40, marks=pytest.mark.proofs), pytest.param(4, marks=pytest.mark.sweep)]
GOLDEN = Path(__file__).parent / "golden"
CALLS = "openat,mkdir,unlink,unlinkat,rename,fsync,fdatasync,ftruncate,pwrite64,write,close"
"""System calls that change what a crash leaves behind, and those around them."""
DAILY = """
import sys
from pathlib import Path
from gpushopper.store.sqlite.backups import back_up_daily
back_up_daily(Path(sys.argv[1]), {})
"""
UPGRADE = """
import sys, peewee
from pathlib import Path
from gpushopper.store.sqlite.backups import back_up
database = peewee.SqliteDatabase(sys.argv[1])
database.connect()
back_up(database, Path(sys.argv[1]), {}, 7)
"""
OPEN = """
import sys
from pathlib import Path
from gpushopper.store.database import Store
Store.open(Path(sys.argv[1]), now_wall={}).close()
"""
PROGRAMS = {"daily": DAILY.format(NOW), "upgrade": UPGRADE.format(NOW)}


def killed_at(number: int, program: str, database: Path) -> bool:
    """Make a backup in a process that is killed at its so many-th such call below the home; whether it was."""
    places = ["-P", str(database.parent / "backups")]
    for name in ("schema7.db", f"daily-schema{newest(MIGRATIONS)}.db"):
        for end in ("", PARTIAL):
            places += ["-P", str(database.parent / "backups" / f"{database.stem}-20260528T202640Z-{name}{end}")]
    return is_killed(
        [*places, "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={number}"], program, database
    )


def is_killed(how: list[str], program: str, database: Path) -> bool:
    """Run a program that strace kills."""
    kill = ["strace", "-f", "-o", "/dev/null", *how]
    words = [sys.executable, "-B", "-c", program, str(database)]
    done = subprocess.run([*kill, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize(
    "every", [pytest.param(40, marks=pytest.mark.proofs), pytest.param(3, marks=pytest.mark.sweep)]
)
@needs("strace")
def test_killed_at_any_step_of_an_upgrade_the_database_is_the_former_or_the_upgraded_one(home: Path, every: int):
    calls = "mkdir,unlink,rename,fsync,fdatasync,ftruncate,pwrite64"
    outcomes = []
    for number in count(1, every):
        folder = home / str(number)
        folder.mkdir(parents=True)
        path = Path(shutil.copy(GOLDEN / "schema-1.db", folder / "gpu-shopper.db"))
        how = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
        was_killed = is_killed(how, OPEN.format(NOW), path)
        with closing(peewee.SqliteDatabase(str(path))) as database:
            outcomes.append(run(database, "PRAGMA user_version")[0][0])
        with closing(Store.open(path, now_wall=NOW)) as store:
            assert [event.text for event in events.after(store, 0)], number
        assert [one.schema for one in backups(path)][:1] == [1], number
        if not was_killed:
            break
    assert outcomes == sorted(outcomes) and set(outcomes) == {1, newest(MIGRATIONS)}, outcomes


def texts(path: Path) -> list[str]:
    """What is in a backup that opens as the records would."""
    copy = path.parent / "opened.db"
    copy.write_bytes(path.read_bytes())
    with closing(Store.open(copy, now_wall=NOW)) as store:
        found = [event.text for event in events.after(store, 0)]
    for file in path.parent.glob("opened.db*"):
        file.unlink()
    return found


@pytest.mark.parametrize("kind", PROGRAMS)
@pytest.mark.parametrize("every", [pytest.param(5, marks=pytest.mark.proofs), pytest.param(1, marks=pytest.mark.sweep)])
@needs("strace")
def test_killed_at_any_step_every_backup_is_whole_and_the_next_is_made(store: Store, every: int, kind: str):
    with store.transaction():
        for number in range(200):
            events.append(store, at=NOW, kind="k", text=f"{number} " + "x" * 500)
    folder, kills = store.path.parent / "backups", 0
    for number in count(1, every):
        was_killed = killed_at(number, PROGRAMS[kind], store.path)
        kills += was_killed
        for one in backups(store.path):
            assert len(texts(one.path)) == 200, (number, one.path.name)
        if not was_killed:
            break
        assert back_up_daily(store.path, NOW) is not None or len(backups(store.path)) == 1, number
        assert len(texts(backups(store.path)[0].path)) == 200
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert kills > 40 // every


def test_a_copy_that_a_kill_has_left_is_no_backup_and_is_removed_later(store: Store):
    made = back_up_daily(store.path, NOW)
    assert made is not None
    left = made.with_name(f"{made.name}{PARTIAL}")
    made.rename(left)
    left.write_bytes(b"half")
    assert backups(store.path) == []
    again = back_up_daily(store.path, NOW)
    assert again == made and left.read_bytes() == b"half", "another program may be making it"
    os.utime(left, (1, 1))
    assert back_up_daily(store.path, NOW + 25 * HOUR) is not None
    assert not left.exists() and made.exists()
