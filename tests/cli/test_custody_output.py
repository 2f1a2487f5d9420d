"""Uploads and variables are recorded before anything is sent; `custody` says who has them and what to rotate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gpushopper.cli.output.records.custody_view import facts_of, heading
from gpushopper.cli.remote import sent_record
from gpushopper.cli.remote.copy.copying import Copy, CopyOptions
from gpushopper.cli.remote.copy.path_arguments import parse_arguments
from gpushopper.client import JsonObject
from tests.cli.copies import write
from tests.cli.far_side import Far, Quiet

NOW = 1_793_400_000_000_000


class Recording:
    """Stands for the client: what was recorded, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def record_sent(self, found: Any, means: str, target: str, *, files: list[str], variables: list[str]) -> None:
        self.calls.append((found.attempt, means, target, files, variables))


class Command:
    def __init__(self) -> None:
        self.client = Recording()


def copied(far: Far, *words: str) -> tuple[list[tuple[Any, ...]], list[bool]]:
    """What a copy recorded, and whether its target was there by then."""
    command, was_there = Command(), []

    def before(sources: Any, target: bytes) -> None:
        sent_record.record_files(command, far.view, "cp", sources, target)  # type: ignore[arg-type]
        was_there.append((far.home / "out").exists())

    os.chdir(far.here)
    Copy(Quiet(far.notes), far.view, parse_arguments(words), CopyOptions(), before).perform()
    return command.client.calls, was_there


def test_an_upload_is_recorded_before_it_begins_and_a_download_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    far = Far(tmp_path)
    monkeypatch.setenv("PATH", f"{far.bin}:/usr/bin:/bin")
    monkeypatch.chdir(far.here)
    write(far.here / "data" / "a", b"1")
    calls, was_there = copied(far, "data", "train:out")
    assert calls == [("a1", "cp", "out", [str(far.here / "data")], [])]
    assert was_there == [False]
    assert (far.home / "out" / "a").read_bytes() == b"1"
    assert copied(far, "train:out", "back") == ([], [])


def test_odd_names_are_recorded_as_text_and_variables_by_name():
    command, view = Command(), JsonObject(attempt="a1", session="s1")
    sent_record.record_files(command, view, "cp", [b"/x/a\nb", None], b"/t\xff")  # type: ignore[arg-type]
    sent_record.record_variables(command, view, "r1", {"B": "secret", "A": "x"})  # type: ignore[arg-type]
    sent_record.record_variables(command, view, "r2", {})  # type: ignore[arg-type]
    assert command.client.calls == [
        ("a1", "cp", "/t\\xff", ["/x/a\\nb", "standard input"], []), ("a1", "run", "r1", [], ["A", "B"]),
    ]  # fmt: skip


def test_a_host_is_named_with_its_times_and_what_it_was_given():
    row: Any = JsonObject(
        name="night", provider="vast", host="4471", region="Texas, US", instance_id="7", reached="host",
        sent_at=NOW - 7_200_000_000, ended_at=None, variables=["HF_TOKEN", "LR"], registry="ghcr.io", has_hook=True,
        sent=[JsonObject(kind="file", name="/d", target="/root/d", means="cp", at=NOW)],
    )  # fmt: skip
    assert heading(row, NOW).startswith("night: vast host 4471 (Texas, US), instance 7, ")
    assert heading(row, NOW).endswith(", still there")
    facts = dict(facts_of(row, NOW))
    assert facts["  variables"] == "HF_TOKEN, LR" and facts["  login"] == "at ghcr.io"
    assert str(facts["  file"]).startswith("/d to /root/d (cp, ")
    assert "the cloud alone" in heading(JsonObject({**row, "reached": "cloud"}), NOW)  # type: ignore[arg-type]
