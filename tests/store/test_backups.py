"""Backups: one a day and one before an upgrade, private, whole, and the oldest deleted."""

from __future__ import annotations

import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest

from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.errors import DiskFull, Misconfigured
from gpushopper.store import events
from gpushopper.store.database import Corrupt, Store
from gpushopper.store.sqlite.backups import FREE_BYTES_LEFT, back_up, back_up_daily, back_up_now, backups, copy
from tests.store.samples import NOW

DAY = 24 * HOUR


def kinds(path: Path) -> list[tuple[int, str]]:
    return [(one.made_at, "daily" if one.is_daily else "upgrade") for one in backups(path)]


def test_one_a_day_is_made_and_seven_are_kept(store: Store):
    upgrade = back_up(store.database, store.path, NOW, 7)
    for hour in range(0, 10 * 24, 5):
        back_up_daily(store.path, NOW + hour * HOUR)
    made = [at for at, kind in kinds(store.path) if kind == "daily"]
    assert len(made) == 7
    assert {later - earlier for later, earlier in pairwise(made)} == {25 * HOUR}
    assert upgrade.exists(), "daily copies displace none that was made before an upgrade"


def test_five_from_before_upgrades_are_kept(store: Store):
    daily = back_up_daily(store.path, NOW - DAY)
    made = [back_up(store.database, store.path, NOW + hour * HOUR, 7) for hour in (3, 1, 2, 1, 5, 4, 6)]
    assert {one.path for one in backups(store.path)} == {*made[2:3], made[0], *made[4:], daily}


def test_a_copy_dated_in_the_future_prevents_none(store: Store):
    back_up_daily(store.path, NOW + 400 * DAY)
    assert back_up_daily(store.path, NOW) is not None
    assert back_up_daily(store.path, NOW + HOUR) is None
    assert back_up_now(store.path, NOW + HOUR) is not None


def test_a_copy_holds_what_is_committed_while_others_write(store: Store):
    with store.transaction():
        events.append(store, at=NOW, kind="k", text="committed")
    with store.transaction():
        events.append(store, at=NOW, kind="k", text="not yet")
        made = back_up_daily(store.path, NOW)
    assert made is not None and made.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(made) as database:
        assert database.execute("SELECT text FROM events").fetchall() == [("committed",)]
    database.close()


def test_living_sessions_keep_the_last_space(store: Store):
    with pytest.raises(DiskFull, match="no backup"):
        back_up_daily(store.path, NOW, free=lambda path: FREE_BYTES_LEFT)
    assert backups(store.path) == []


def test_a_damaged_database_displaces_no_backup(store: Store, home: Path):
    back_up_daily(store.path, NOW)
    before = backups(store.path)
    store.close()
    store.path.write_bytes(store.path.read_bytes()[:4096] + b"x" * 8192)
    with pytest.raises(Corrupt):
        back_up_daily(store.path, NOW + 2 * DAY)
    assert backups(store.path) == before
    assert sorted(home.glob("backups/*")) == [one.path for one in before]


def test_no_file_is_overwritten(store: Store, home: Path):
    (home / "mine").write_text("x")
    with pytest.raises(Misconfigured):
        copy(store.path, home / "mine")
    assert (home / "mine").read_text() == "x"
