"""One process per home, whatever the race and however the holder ends (I15, F96)."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpushopper.daemon.lock import AlreadyRunning, Holder, HomeLock, read_holder
from gpushopper.errors import Misconfigured
from gpushopper.paths import find_home

TAKE_AND_WAIT = """
import sys
from gpushopper.daemon.lock import *
from gpushopper.paths import find_home
import os
try:
    lock = HomeLock.take(find_home(), Holder(os.getpid(), 1, "9"))
except AlreadyRunning as busy:
    print("busy", flush=True)
    sys.exit(6)
print("held", flush=True)
sys.stdin.read()
"""


def contender() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TAKE_AND_WAIT], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def first_word(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_many_processes_exactly_one_gets_the_lock(home: Path):
    racers = [contender() for _ in range(8)]
    try:
        assert sorted(first_word(racer) for racer in racers) == ["busy"] * 7 + ["held"]
    finally:
        for racer in racers:
            racer.communicate("")


def test_a_killed_holder_releases_the_lock_and_leaves_the_file(home: Path):
    holder = contender()
    assert first_word(holder) == "held"
    inode = find_home().lock.stat().st_ino
    with pytest.raises(AlreadyRunning, match=f"already running, pid {holder.pid}") as caught:
        HomeLock.take(find_home(), Holder(os.getpid(), 0, "0"))
    assert caught.value.exit_code == 6
    holder.kill()
    holder.communicate()
    with HomeLock.take(find_home(), Holder(os.getpid(), 2, "0")):
        assert read_holder(find_home()) == Holder(os.getpid(), 2, "0")
    assert find_home().lock.stat().st_ino == inode


def test_a_child_process_does_not_inherit_the_lock(home: Path):
    lock = HomeLock.take(find_home(), Holder(1, 0, "0"))
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    try:
        lock.release()
        HomeLock.take(find_home(), Holder(1, 0, "0")).release()
    finally:
        child.communicate()


def test_reading_the_file_does_not_lose_the_lock(home: Path):
    with HomeLock.take(find_home(), Holder(1, 0, "0")):
        find_home().lock.read_text()  # a POSIX record lock would be gone now
        with pytest.raises(AlreadyRunning):
            HomeLock.take(find_home(), Holder(2, 0, "0"))


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"pid": 1}'])
def test_an_unreadable_lock_file_does_not_matter(home: Path, text: str):
    home.mkdir()
    find_home().lock.write_text(text)
    assert read_holder(find_home()) is None
    with open(find_home().lock) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(AlreadyRunning, match="another process"):
            HomeLock.take(find_home(), Holder(2, 0, "0"))
    HomeLock.take(find_home(), Holder(3, 0, "a longer version than before")).release()
    HomeLock.take(find_home(), Holder(4, 0, "1")).release()
    assert read_holder(find_home()) == Holder(4, 0, "1")


def test_the_lock_of_a_home_that_is_a_file_is_misconfigured(home: Path):
    home.write_text("")
    with pytest.raises(Misconfigured) as caught:
        HomeLock.take(find_home(), Holder(1, 0, "0"))
    assert str(home) in caught.value.message


def test_the_lock_file_is_private(home: Path):
    old = os.umask(0)
    try:
        HomeLock.take(find_home(), Holder(1, 0, "0")).release()
    finally:
        os.umask(old)
    assert find_home().lock.stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
