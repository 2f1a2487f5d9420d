"""Outputs of runs on this computer: who may read them, how much is kept, what goes first (ends.md E8)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpushopper import kept_runs
from gpushopper.core.model.run_folder import Run
from gpushopper.kept_runs import ERR, HALF, OUT, Output, keep, read_output
from gpushopper.paths import Home


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


def test_what_was_kept_first_goes_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_runs, "MOST_BYTES", 2500)
    for place, name in enumerate(("a", "b", "c")):
        keep(home, f"s{place}", run(name), Output(1000, b"x" * 1000), Output(), place)
        for path in (home.kept_runs / f"s{place}" / name).iterdir():
            os.utime(path, (place, place))
    keep(home, "s3", run("d"), Output(1, b"x"), Output(), 9)
    assert sorted(path.name for path in home.kept_runs.iterdir()) == ["s1", "s2", "s3"]


def test_damaged_facts_are_no_run_and_a_full_disk_keeps_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(home, "s", run("a"), Output(), Output(), 9)
    (home.kept_runs / "s" / "a" / "run.json").write_text('{"run": 5}')
    assert kept_runs.kept_runs(home, "s") == []
    monkeypatch.setattr(kept_runs, "FREE_FLOOR", 2**62)
    assert not keep(home, "s", run("b"), Output(), Output(), 9)
