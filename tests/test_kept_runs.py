"""Outputs of runs on this computer: who may read them, how much is kept, what goes first (ends.md E8)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpushopper import kept_runs
from gpushopper.core.model.run_folder import Run
from gpushopper.kept_runs import ERR, HALF, OUT, KeptFiles, Output, keep, read_output, surplus
from gpushopper.paths import FREE_FLOOR, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path)


def run(name: str, started_at: int = 1) -> Run:
    return Run(name, "0", "python train.py", started_at, started_at + 5)


def test_only_their_owner_can_read_them(home: Home) -> None:
    before = os.umask(0)
    try:
        assert keep(home, "s", run("a"), Output(3, b"out"), Output(3, b"err"), 9)
    finally:
        os.umask(before)
    paths = [home.kept_runs, *home.kept_runs.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o700, 0o600}
    assert len([path for path in paths if path.is_file()]) == 3
    assert (read_output(home, "s", "a", OUT), read_output(home, "s", "a", ERR)) == (b"out", b"err")


def test_the_newest_comes_first_and_what_is_fetched_again_replaces_what_was(home: Home) -> None:
    keep(home, "s", run("old", 1), Output(), Output(), 9)
    keep(home, "s", run("new", 2), Output(100, b"so far"), Output(), 9)
    keep(home, "s", run("new", 2), Output(7, b"so far!"), Output(), 10)
    found = kept_runs.kept_runs(home, "s")
    assert [(kept.run.run, kept.kept_at, kept.is_whole) for kept in found] == [("new", 10, True), ("old", 9, True)]
    assert read_output(home, "s", "new", OUT) == b"so far!"
    assert kept_runs.kept_runs(home, "other") == []


def test_the_middle_of_a_long_output_is_named_and_one_that_was_cut_is_not_whole(home: Home) -> None:
    long = Output(2 * HALF + 10, b"a" * HALF, b"z" * HALF)
    assert long.has_come and long.left_out == 10 and b"a\n[gpu-shopper: 10 bytes left out]\nz" in long.text
    keep(home, "s", run("a"), Output(500, b"x" * 20), Output(), 9)
    (found,) = kept_runs.kept_runs(home, "s")
    assert not found.is_whole and found.left_out == 480


MB = 10**6


def kept_files(*runs: tuple[str, str, int, int]) -> list[KeptFiles]:
    return [KeptFiles(Path(session) / run, at, size * MB) for session, run, at, size in runs]


def test_the_oldest_of_the_largest_session_goes_first() -> None:
    """A session with many runs does not push out the others' (ends.md E8)."""
    old, many = ("old", "only", 1, 20), [("many", f"r{n:02}", 10 + n, 20) for n in range(60)]
    gone = surplus(kept_files(*many, old))
    assert [path.name for path in gone] == ["r00", "r01", "r02", "r03", "r04", "r05", "r06", "r07", "r08", "r09", "r10"]


def test_within_a_gigabyte_nothing_goes_and_among_equals_the_oldest_does() -> None:
    full = kept_files(*((f"s{n:02}", "run", 100 - n, 20) for n in range(50)))
    assert surplus(full) == []
    assert surplus([*full, *kept_files(("new", "run", 500, 20))]) == [Path("s49/run")]


def test_what_is_too_much_is_removed_from_the_disk(home: Home) -> None:
    for place, name in enumerate(("a", "b")):
        keep(home, "s", run(name), Output(3, b"out"), Output(), place)
        with (home.kept_runs / "s" / name / OUT).open("r+b") as file:
            file.truncate(600 * MB)  # without taking any room
        os.utime(home.kept_runs / "s" / name / OUT, (10**10 + place,) * 2)
    keep(home, "other", run("c"), Output(3, b"out"), Output(), 9)
    assert sorted(path.name for path in home.kept_runs.glob("*/*")) == ["b", "c"]


def test_damaged_facts_are_no_run_and_a_full_disk_keeps_nothing(home: Home) -> None:
    keep(home, "s", run("a"), Output(), Output(), 9)
    (home.kept_runs / "s" / "a" / "run.json").write_text('{"run": 5}')
    assert kept_runs.kept_runs(home, "s") == []
    assert not keep(home, "s", run("b"), Output(), Output(), 9, free=lambda path: FREE_FLOOR - 1)
    assert keep(home, "s", run("b"), Output(), Output(), 9, free=lambda path: FREE_FLOOR)
