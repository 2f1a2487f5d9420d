"""`sync`: what has changed is copied, nothing is deleted, and nothing newer is replaced without --overwrite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpushopper.cli.remote.copy.path_arguments import CopyArguments, PathArgument
from gpushopper.cli.remote.copy.sync import Sync
from gpushopper.errors import Refused
from tests.cli.copies import TIME, files_in, write
from tests.cli.far_side import Far, Quiet


class Pair:
    """A folder `data` on both sides, and the direction between them."""

    def __init__(self, top: Path, is_up: bool) -> None:
        self.far, self.is_up = Far(top), is_up
        self.source = (self.far.here if is_up else self.far.home) / "data"
        self.target = (self.far.home if is_up else self.far.here) / "data"

    def sync(self, *, overwrite: bool = False, dry_run: bool = False) -> Sync:
        here, there = PathArgument(None, os.fsencode(self.far.here / "data")), PathArgument("train", b"data")
        source, target = (here, there) if self.is_up else (there, here)
        paths = CopyArguments((source._replace(path=source.path + b"/"),), target, self.is_up)
        done = Sync(Quiet(self.far.notes), self.far.view, paths, overwrite=overwrite)
        done.synchronize(dry_run=dry_run)
        return done


@pytest.fixture(params=["up", "down"])
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Pair:
    pair = Pair(tmp_path, request.param == "up")
    monkeypatch.setenv("PATH", f"{pair.far.bin}:/usr/bin:/bin")
    return pair


def test_what_has_changed_is_copied_and_nothing_is_deleted(pair: Pair):
    write(pair.source / "new" / "a", b"new")
    write(pair.source / "changed", b"2", time=TIME + 5)
    write(pair.source / "same", b"s")
    write(pair.target / "changed", b"1")
    write(pair.target / "same", b"s")
    write(pair.target / "only here", b"kept")
    done = pair.sync()
    assert (sorted(done.sent), done.newer, done.same) == ([b"changed", b"new/a"], [], 1)
    assert files_in(pair.target) == {
        b"new/a": b"new", b"changed": b"2", b"same": b"s", b"only here": b"kept",
    }  # fmt: skip
    assert pair.sync().sent == []


def test_a_newer_file_at_the_target_stays_unless_it_may_be_replaced(pair: Pair):
    write(pair.source / "a", b"old")
    write(pair.target / "a", b"newer", time=TIME + 60)
    assert pair.sync().newer == [b"a"] and files_in(pair.target) == {b"a": b"newer"}
    assert pair.sync(overwrite=True).sent == [b"a"] and files_in(pair.target) == {b"a": b"old"}


def test_a_dry_run_changes_nothing(pair: Pair):
    write(pair.source / "a", b"1")
    assert pair.sync(dry_run=True).sent == [b"a"] and not pair.target.exists()
    assert pair.sync().sent == [b"a"] and files_in(pair.target) == {b"a": b"1"}


def test_a_file_where_a_folder_is_stops_it(pair: Pair):
    write(pair.source / "a" / "b")
    write(pair.target / "a")
    with pytest.raises(Refused, match="on one side only"):
        pair.sync()
