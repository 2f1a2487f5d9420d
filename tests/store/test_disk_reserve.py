"""The disk reserve: allocated only where plenty is free, released at once and as a whole (F67)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gpushopper.errors import DiskFull
from gpushopper.store.sqlite import disk_reserve
from gpushopper.store.sqlite.disk_reserve import MIN_FREE_BYTES, RESERVE_BYTES

PLENTY = MIN_FREE_BYTES * 2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reserve"


def hold(path: Path, free: int) -> bool:
    return disk_reserve.allocate(path, free=lambda _path: free)


def test_the_reserve_takes_real_space_and_is_private(path: Path):
    assert hold(path, PLENTY)
    state = path.stat()
    assert (state.st_size, stat.S_IMODE(state.st_mode)) == (RESERVE_BYTES, 0o600)
    assert state.st_blocks * 512 >= RESERVE_BYTES
    content = path.read_bytes()
    assert content.count(0) < RESERVE_BYTES // 100, "what compresses holds no space"


@pytest.mark.parametrize("free", [0, RESERVE_BYTES, MIN_FREE_BYTES - 1])
def test_the_reserve_is_not_allocated_where_little_is_free(path: Path, free: int):
    assert not hold(path, free)
    assert not path.exists()


def test_the_reserve_is_allocated_once_and_stays_whatever_is_free(path: Path):
    assert hold(path, PLENTY)
    before = path.stat().st_ino
    assert hold(path, 0)
    assert path.stat().st_ino == before


def test_an_incomplete_reserve_is_allocated_again(path: Path):
    path.write_bytes(b"x" * 1000)
    assert hold(path, PLENTY)
    assert path.stat().st_size == RESERVE_BYTES


def test_a_step_that_met_a_full_disk_is_repeated_with_the_reserve(path: Path):
    hold(path, PLENTY)
    tried: list[bool] = []

    def step() -> str:
        tried.append(path.exists())
        if path.exists():
            raise DiskFull("full")
        return "done"

    assert disk_reserve.with_reserve(path, step) == "done"
    assert tried == [True, False]


@pytest.mark.parametrize("is_held", [True, False])
def test_a_disk_that_stays_full_is_disk_full_after_one_repetition(path: Path, is_held: bool):
    if is_held:
        hold(path, PLENTY)
    tried: list[None] = []

    def step() -> None:
        tried.append(None)
        raise DiskFull("full")

    with pytest.raises(DiskFull):
        disk_reserve.with_reserve(path, step)
    assert len(tried) == 1 + is_held
    assert not path.exists()


def test_no_other_error_releases_the_reserve(path: Path):
    hold(path, PLENTY)

    def step() -> None:
        raise PermissionError(1, "no")

    with pytest.raises(PermissionError):
        disk_reserve.with_reserve(path, step)
    assert path.exists()
