"""`daemon logs`: JSON lines for programs, text on a terminal, and what was written before a rotation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gpushopper.cli.process.log_files import last_lines
from tests.cli.in_process import Inside
from tests.cli.pseudo_terminal import PseudoTerminal


def line(number: int) -> str:
    return json.dumps({"event": f"event {number}", "level": "info", "logger": "x", "at": "2026-11-24T16:02:03+00:00"})


@pytest.fixture
def log(home: Path) -> Path:
    """A log that was rotated twice, a moment ago the last time."""
    home.mkdir(mode=0o700)
    path = home / "daemon.log"
    for name, numbers in ((".2", range(3)), (".1", range(3, 6)), ("", range(6, 7))):
        path.with_name(path.name + name).write_text("".join(f"{line(number)}\n" for number in numbers))
    return path


@pytest.mark.parametrize("count", [1, 2, 4, 6, 7, 50])
def test_the_last_lines_are_those_of_older_files_too(log: Path, count: int):
    assert last_lines(log, count) == [line(number) for number in range(7)][-count:]


def test_programs_get_json_lines(log: Path):
    done = Inside(log.parent)("daemon", "logs", "-n", "2")
    assert [json.loads(each)["event"] for each in done.out.splitlines()] == ["event 5", "event 6"]
    missing = Inside(log.parent / "none")("daemon", "logs")
    assert missing.code == 3 and "there is no log yet" in missing.err


@pytest.mark.parametrize(("more", "shown"), [((), "info    event 6\r\n"), (("--json",), '"event": "event 6"')])
def test_a_person_gets_text(log: Path, more: tuple[str, ...], shown: str):
    words = [sys.executable, "-m", "gpushopper.cli", "daemon", "logs", "-n", "1", *more]
    terminal = PseudoTerminal(words, {"GPU_SHOPPER_HOME": str(log.parent)})
    terminal.expect(shown)
    assert terminal.ended() == 0


@pytest.mark.proofs
def test_in_the_foreground_a_person_sees_the_log_as_text(home: Path):
    words = [sys.executable, "-m", "gpushopper.cli", "daemon", "run"]
    terminal = PseudoTerminal(words, {"GPU_SHOPPER_HOME": str(home)}, columns=200)
    shown = terminal.expect("is watching", "info    ready pid=")
    assert '{"' not in shown
    terminal.type("\x03")
    terminal.expect("stopped; nothing is rented")
    assert terminal.ended() == 0
    assert json.loads((home / "daemon.log").read_text().splitlines()[-1])["event"] == "stopped"
