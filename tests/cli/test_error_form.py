"""An error of the parser has the form of ours (tests/floors/test_errors.py): a small letter first, no full stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper.cli.terminal_text import in_our_form
from tests.cli.in_process import Inside


@pytest.mark.parametrize(
    ("line", "text", "hint"),
    [
        ("ls --nosuch", "no such option '--nosuch'", "ls --help"), ("nosuch", "no such command 'nosuch'", "--help"),
        ("get a b", "1 argument too many", "get --help"), ("plan --hours x", "invalid value for ", "plan --help"),
        ("plan --hours", "option '--hours' requires an argument", "plan --help"),
        ("run --nosuch x -- true", "no such option '--nosuch'", "put --"), ("extend", "not a terminal: ", "ls"),
        ("config set a", "missing argument ", "config set --help"),
    ],
)  # fmt: skip
def test_an_error_of_the_parser_has_the_same_form(home: Path, line: str, text: str, hint: str):
    said = Inside(home)(*line.split()).err
    assert said.startswith(f"error: {text}") and hint in said, said
    assert not said.splitlines()[0].endswith(".")


def test_a_word_in_capitals_stays_as_it_is():
    assert in_our_form("SIZE is missing.") == "SIZE is missing" and in_our_form("No such option.") == "no such option"
