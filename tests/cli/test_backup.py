"""`backup`: made, listed and put back; what the records then lack is said, and open sessions are watched at once."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Shell
from tests.cli.in_process import Inside


def test_records_are_put_back_and_watched(gs: Shell, home: Path, tmp_path: Path):
    assert gs("daemon", "start").code == 0
    mine = tmp_path / "mine.db"
    made = gs("backup", "make", str(mine))
    assert (made.code, made.out) == (0, f"{mine}\n")
    assert mine.stat().st_mode & 0o777 == 0o600
    again = gs("backup", "make", str(mine))
    assert again.code == 2 and f"{mine} exists" in again.err
    assert gs("consumers", "add", "lab").code == 0
    assert gs("backup", "make").code == 0
    (listed,) = gs("backup", "--json").json["backups"]
    assert listed["kind"] == "daily" and listed["path"].endswith(listed["name"])

    done = gs("backup", "restore", str(mine), "--yes")
    assert done.code == 0 and done.out == f"Restored from {mine}.\n"
    (former,) = home.glob("*.replaced-*")
    assert f"The former records are kept in {former}." in done.err
    assert gs("daemon", "status").code == 0, "a daemon watches what is open"
    assert gs("consumers", "--json").json["consumers"] == []

    assert gs("backup", "restore", "newest", "--yes", "--json").json["open_sessions"] == []
    assert [one["name"] for one in gs("consumers", "--json").json["consumers"]] == ["lab"]
    (alarm,) = (one for one in gs("alarms", "--json").json["alarms"] if listed["name"] in one["text"])
    assert alarm["kind"] == "database_rebuilt" and "gpu-shopper ls" in alarm["hint"]


def test_nothing_is_done_without_a_yes_or_a_backup(home: Path):
    home.mkdir(parents=True)
    gs = Inside(home)
    empty = gs("backup")
    assert (empty.code, empty.err) == (0, "There is no backup yet. The daemon makes one a day.\n")
    assert gs("backup", "make").code == 3
    missing = gs("backup", "restore", "newest", "--yes")
    assert (missing.code, missing.err) == (3, "error: there is no such backup\n  see: gpu-shopper backup\n")
    (home / "some.db").write_bytes(b"x")
    unasked = gs("backup", "restore", str(home / "some.db"))
    assert unasked.code == 2 and "not a terminal: add --yes" in unasked.err
