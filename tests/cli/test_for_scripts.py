"""What scripts use: fields of JSON, names alone, names on standard input, events by time and kind, topics of help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpushopper import __version__
from gpushopper.cli import root
from gpushopper.cli.input.command_classes import with_fields
from gpushopper.cli.input.help_topics import TOPICS, text_of
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside


@pytest.fixture(scope="module")
def two(market: Shell) -> tuple[str, str]:
    """Two sessions that are ready."""
    for name in ("left", "right"):
        ran = Inside(market.home, *market.first)(
            "provision", "-g", "4090", "--name", name, "--consumer", "bob", "-y", "-q"
        )
        assert (ran.code, ran.out) == (0, f"{name}\n"), ran
    return "left", "right"


def test_json_has_the_fields_that_were_asked_for(inside: Inside, two: tuple[str, str]):
    rows = inside("ls", "-c", "bob", "--json=name,rate_usd").json["sessions"]
    assert [set(row) for row in rows] == [{"name", "rate_usd"}] * 2
    lines = inside("ls", "-c", "bob", "-o", "jsonl", "--fields", "name").out.splitlines()
    assert [json.loads(line) for line in lines] == [{"schema": 1, "name": name} for name in two]
    assert inside("get", "left", "--json=consumer").json["session"] == {"consumer": "bob"}
    for words, said in (("--json=", "name the fields"), ("--json=nope,name", "no field nope")):
        ran = inside("ls", words)
        assert ran.code == 2 and said in ran.err and "rate_usd" in ran.err and ran.out == ""


def test_what_follows_two_dashes_is_another_programs():
    assert with_fields(["ssh", "a", "--", "jq", "--json=b"]) == ["ssh", "a", "--", "jq", "--json=b"]
    assert with_fields(["exec", "a", "jq", "--json=b"]) == ["exec", "a", "jq", "--json=b"]
    assert with_fields(["--sandbox", "get", "exec", "--json=b"]) == ["--sandbox", "get", "exec", "--fields=b"]
    assert with_fields(["ls", "--json=a,b", "--", "x"]) == ["ls", "--fields=a,b", "--", "x"]


def test_events_by_kind_and_time(inside: Inside, two: tuple[str, str]):
    kinds = {json.loads(line)["kind"] for line in inside("events", "--kind", "ready", "-o", "jsonl").out.splitlines()}
    assert kinds == {"ready"}
    assert inside("events", "--until", "2026-01-01", "--json").json["events"] == []
    assert inside("events", "--until", "2026-01-01").err == "No events.\n"
    mistyped = inside("events", "--kind", "reddy")
    assert mistyped.code == 0 and "created" in mistyped.err and " ready" in mistyped.err
    assert inside("ls", "-s", "runing").code == 2 and "running" in inside("ls", "-s", "runing").err
    assert inside("events", "--until", "soon").code == 2 and inside("events", "-f", "--until", "1h").code == 2


def test_names_on_standard_input_are_waited_for_and_ended(inside: Inside, two: tuple[str, str]):
    """Last: it ends what the others look at."""
    names = inside("ls", "-q", "-c", "bob").out
    assert names == "left\nright\n"
    assert inside("wait", "-", stdin=names).code == 0
    assert inside("shutdown", "-", "--yes", stdin="").code == 2
    ended = inside("shutdown", "-", "--yes", "--wait", "proven", "-q", stdin=names)
    assert (ended.code, ended.out) == (0, names), ended
    assert inside("ls", "-s", "destroyed", "-c", "bob", "-q").out == names


def test_the_version_is_known_without_a_daemon(home: Path):
    gs = Inside(home)
    assert gs("version", "--json").json == {"schema": 1, "version": __version__, "daemon": None}
    assert "none runs" in gs("version").out


def test_help_shows_commands_and_topics(home: Path):
    gs = Inside(home)
    for name in TOPICS:
        ran, text = gs("help", name), text_of(name)
        assert (ran.code, ran.out) == (0, f"{text}\n")
        assert max(map(len, text.splitlines())) <= 78
    assert gs("help", "config", "set").out == gs("config", "set", "--help").out
    assert all(name in gs("help").out for name in TOPICS)
    assert gs("help", "nosuch").code == 3
    asked = gs("help", "config", "nosuch")
    assert asked.code == 3 and "gpu-shopper config has no such command" in asked.err
    assert "did you mean exit-codes" in gs("help", "exit-code").err
    assert gs("help", "ps").out == gs("help", "ls").out


def test_every_exit_status_of_the_help_is_in_its_topic():
    epilog = root.epilog or ""
    codes = {word for word in epilog.replace(",", " ").replace(":", " ").split() if word.isdecimal()} | {"125"}
    assert codes <= {line.split()[0] for line in TOPICS["exit-codes"][1].splitlines() if line[:1].isdigit()}
