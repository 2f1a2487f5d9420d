"""What people see is what docs/screens says, at every width and without colour; `make screens` writes it anew."""

from __future__ import annotations

import re

import pytest

from tests.cli.parsed import parse_line
from tests.cli.printed_commands import in_text
from tests.screens.colors import CODES, colored, with_table, words_by_color
from tests.screens.kept import FOLDER, STORIES, WIDTHS, blocks, read
from tests.screens.scenes import Day, a_day

ESCAPE = re.compile(r"\x1b\[([\d;]*)m")
PLAIN_CODES = {0, 1, 2, 22, 31, 32, 33, 36, 39}
"""Bold, dim, and the terminal's own red, green, yellow and cyan, which its theme makes readable on dark and on light;
no white, black or bright one, no colour of the ground."""
NARROW = {"REL", "LISTED", "room", "for", "wide", "shows", "all", "columns"}
"""Words that only a narrow terminal shows: short headings, and the line about columns that are left out."""
WRONG_WORDS = re.compile(
    r"handed over|asked for|to end: |finishes the proof|skipped|aborted|not a tty|name resolution|\(s\)|D\+I|\w_usd\b"
)
"""Words of programs, or that a reader takes for another thing; what is said in their place is in docs/glossary.md."""
FILES = sorted(FOLDER.glob("*.txt"))


def assert_kept(day: Day) -> None:
    made = blocks(day.width, day.shown)
    assert made == {name: read(FOLDER / f"{name}.txt").get(day.width) for name in made}


def test_a_day_at_a_terminal_of_80_columns_is_as_it_is_kept():
    day = a_day(80, colors=True)
    assert_kept(day)
    seen = set()
    for plain, in_color in day.colored:
        assert ESCAPE.sub("", in_color) == plain, "a colour alone says nothing"
        codes = {int(code) for found in ESCAPE.findall(in_color) for code in (found or "0").split(";")}
        assert codes <= PLAIN_CODES
        seen |= {(color, word) for color, text in colored(in_color) for word in text.split()}
    assert sum("\x1b" in in_color for _, in_color in day.colored) > 10
    named = {(color, word) for color, words in words_by_color().items() for word in words}
    assert len(seen & named) > 5
    assert {color for color, word in seen if (color, word) not in named} <= {"yellow", "red", "green", "dim"}


def test_the_table_of_colours_is_what_the_program_colours():
    text = (FOLDER / "README.md").read_text()
    assert with_table(text) == text
    assert set(words_by_color()) <= set(CODES.values())


@pytest.mark.proofs
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("story", STORIES)
def test_every_screen_is_as_it_is_kept(width: int, story):
    assert_kept(story(width))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_kept_screen_has_every_width_and_only_commands_are_wider(path):
    found = read(path)
    assert tuple(found) == WIDTHS
    for width, text in found.items():
        lines = [line for line in text.splitlines()[1:] if not line.startswith("$ ")]
        assert [line for line in lines if len(line) > width and "gpu-shopper " not in line] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_command_on_a_screen_can_be_pasted_and_has_no_blanks(path):
    typed_wrong = {line for line in path.read_text().splitlines() if line.startswith("$ gpu-shopper provison")}
    for each in in_text(path.read_text(), path.name):
        if f"$ gpu-shopper {each.words}" in typed_wrong:
            continue
        assert not re.search(r"\b(NAME|PROVIDER|CONSOLE)\b", each.words), each
        parse_line(each.words.replace("'", "").split())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_line_breaks_inside_a_word(path):
    """What is shortened says so by an ellipsis; every other word is one of the widest screen."""
    words = {width: set(re.findall(r"[A-Za-z']{3,}(?![A-Za-z']|…)", text)) for width, text in read(path).items()}
    assert (words[60] | words[80]) - words[160] - NARROW == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_screen_has_a_word_that_its_reader_would_misread(path):
    assert WRONG_WORDS.findall(path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_failed_has_no_tick_and_numbers_agree_with_their_nouns(path):
    text = path.read_text()
    assert not re.search(r"✓.*\b(failed|left out|skipped)\b", text)
    assert not re.search(r"\b1 (sessions|offers|attempts|alarms|instances|times)\b", text)
