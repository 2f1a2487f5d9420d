"""The installation id, and how a copied or moved home is noticed (S10)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gpushopper.core.model.label import HARD_MAX_FROM, make_label
from gpushopper.paths import Home
from gpushopper.store.database import Store
from gpushopper.store.installation import HomeStatus, Installation, check, keep, renew
from tests.store.samples import NOW, Killed, killed_at


def at(folder: Path) -> Home:
    return Home(data=folder, config=folder)


def bytes_of(value: int):
    return lambda size: bytes([value]) * size


def opened(folder: Path) -> Store:
    return Store.open(at(folder).database, now_wall=NOW)


def test_a_new_home_gets_an_id_and_keeps_it(home: Path, store: Store):
    first = check(at(home), store)
    assert first.status is HomeStatus.NEW
    assert make_label(first.id, "a" * 16, HARD_MAX_FROM)
    assert check(at(home), store) == Installation(first.id, HomeStatus.OK)
    assert at(home).installation_file.stat().st_mode & 0o777 == 0o600
    side = json.loads(at(home).installation_file.read_text())
    state = home.stat()
    assert (side["installation"], side["device_inode"]) == (first.id, f"{state.st_dev}:{state.st_ino}")


def test_the_id_comes_from_the_random_source(home: Path, store: Store):
    assert check(at(home), store, random=bytes_of(0)).id == "aaaaaaaaaa"


def test_a_lost_database_takes_the_id_of_the_installation_file(home: Path, store: Store):
    """Its instances still carry the old label (F50)."""
    first = check(at(home), store)
    store.close()
    at(home).database.unlink()
    again = opened(home)
    assert check(at(home), again) == Installation(first.id, HomeStatus.OK)
    assert check(at(home), again) == Installation(first.id, HomeStatus.OK)
    again.close()


@pytest.mark.parametrize("with_database", [True, False])
def test_a_copied_home_has_status_moved_and_an_id(home: Path, store: Store, with_database: bool):
    first = check(at(home), store)
    store.close()
    copy = home.parent / "copy"
    shutil.copytree(home, copy)
    if not with_database:
        at(copy).database.unlink()
    other = opened(copy)
    assert check(at(copy), other) == Installation(first.id, HomeStatus.MOVED)
    assert check(at(copy), other) == Installation(first.id, HomeStatus.MOVED), "asking twice changes nothing"
    other.close()
    original = opened(home)
    assert check(at(home), original) == Installation(first.id, HomeStatus.OK)
    original.close()


def test_a_home_on_another_computer_has_status_moved(home: Path, store: Store):
    check(at(home), store, machine_id="one")
    assert check(at(home), store, machine_id="two").status is HomeStatus.MOVED
    assert check(at(home), store, machine_id="none").status is HomeStatus.MOVED
    assert check(at(home), store, machine_id="one").status is HomeStatus.OK


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "garbage", '{"installation": ""}', '{"installation": 5}'])
def test_a_database_without_a_valid_installation_file_has_status_moved(home: Path, store: Store, text: str | None):
    first = check(at(home), store)
    if text is None:
        at(home).installation_file.unlink()
    else:
        at(home).installation_file.write_text(text)
    assert check(at(home), store) == Installation(first.id, HomeStatus.MOVED)


def test_without_database_and_valid_installation_file_a_new_id_has_status_moved(home: Path, store: Store):
    at(home).installation_file.write_text("garbage")
    first = check(at(home), store)
    assert first.status is HomeStatus.MOVED
    assert check(at(home), store) == first


def test_two_ids_in_one_home_have_status_moved(home: Path, store: Store):
    first = check(at(home), store, random=bytes_of(1))
    side = at(home).installation_file
    side.write_text(side.read_text().replace(first.id, "b" * 10))
    assert check(at(home), store) == Installation(first.id, HomeStatus.MOVED)


def test_keep_keeps_the_old_id(home: Path, store: Store):
    first = check(at(home), store, machine_id="one")
    assert keep(at(home), store, machine_id="two") == Installation(first.id, HomeStatus.OK)
    assert check(at(home), store, machine_id="two") == Installation(first.id, HomeStatus.OK)


def test_renew_makes_a_new_id(home: Path, store: Store):
    first = check(at(home), store)
    new = renew(at(home), store)
    assert new.id != first.id
    assert check(at(home), store) == Installation(new.id, HomeStatus.OK)


def test_a_kill_between_installation_file_and_database_keeps_the_id(home: Path, store: Store):
    store.close()
    for step in range(1, 100):
        database = killed_at(step)(str(at(home).database), thread_safe=False)
        database.connect()
        try:
            check(at(home), Store(at(home).database, database), random=bytes_of(3))
        except Killed:
            database.close()
        if at(home).installation_file.exists():
            again = opened(home)
            assert check(at(home), again, random=bytes_of(9)) == Installation("ambqgaydam", HomeStatus.OK)
            again.close()
            return
    pytest.fail("no kill fell between the two")
