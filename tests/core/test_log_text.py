"""A container's output is foreign text: bounded and without control characters before it is shown (F111)."""

from __future__ import annotations

import pytest

from gpushopper.core.log_text import MAX_LINE_LENGTH, readable_lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one\ntwo\n", ["one", "two"]),
        ("one\r\ntwo", ["one", "two"]),
        ("\nfirst is empty\n", ["", "first is empty"]),
        ("10%\r55%\r100%\n", ["100%"]),
        ("10%\r55%\r\n", ["55%"]),
        ("\x1b[31mred\x1b[0m\x1b[2J\x1b[1;1H", ["red"]),
        ("\x1b]0;title\x07shown", ["shown"]),
        ("\x1b]52;c;c3RvbGVu\x1b\\clip", ["clip"]),
        ("\x9b31mred", ["red"]),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", ["link"]),
        ("\x1bPdcs\x1b\\x\x1bc\x1b(By", ["xy"]),
        ("a\tb", ["a       b"]),
        ("bell\x07 back\x08 null\x00", ["bell  back  null"]),
        ("\u202egnp.exe\u2066", [" gnp.exe"]),
        ("\x1b]unterminated", [""]),
        ("\ud800", [""]),
    ],
)
def test_nothing_is_left_that_a_terminal_would_obey(text: str, lines: list[str]):
    assert readable_lines(text) == lines


def test_it_is_bounded():
    assert readable_lines("x" * 1_000_000) == ["x" * MAX_LINE_LENGTH]
    assert readable_lines("".join(f"{n}\n" for n in range(100)), 3) == ["97", "98", "99"]
    assert readable_lines("one\n", 0) == []
