"""Messages in docs/troubleshooting.md are those that the program prints: a changed one must be changed there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import blocks_of
from tests.floors.tree import ROOT, nodes_of, product_modules

PAGE = ROOT / "docs/troubleshooting.md"
LEAST = 12
"""Characters of a message that are its own: a text of blanks alone would be any message."""


Parts = tuple[str | None, ...]
"""The fixed parts of a text in order; None stands for what is filled in."""


@cache
def messages() -> tuple[Parts, ...]:
    """The texts of our modules. Strings inside an f-string are parts of it, and no texts of their own."""
    found: set[Parts] = set()
    for _, module in product_modules():
        inner = {id(part) for node in nodes_of(module) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes_of(module):
            if isinstance(node, ast.JoinedStr):
                found.add(tuple(each.value if isinstance(each, ast.Constant) else None for each in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                found.add((node.value,))
    return tuple(parts for parts in found if sum(len(part or "") for part in parts) >= LEAST)


def is_printed(line: str) -> bool:
    """Whether some text of ours can be this line."""
    text = line.removeprefix("error: ")
    likely = [parts for parts in messages() if all(part in text for part in parts if part)]
    return any(re.fullmatch("".join("(.*)" if p is None else re.escape(p) for p in parts), text) for parts in likely)


def lines() -> list[str]:
    return [line for block in blocks_of(PAGE) if block.language == "text" for line in block.text.splitlines()]


@pytest.mark.parametrize("line", lines())
def test_each_message_is_one_of_the_program(line: str):
    assert is_printed(line), "this text is not printed any more: find the new one, and what to do about it"


def test_there_are_messages():
    assert len(lines()) >= 20


@pytest.mark.parametrize("line", ["no such message was ever written", "train: its guard is no longer confirmed: x"])
def test_a_text_that_is_not_printed_is_found(line: str):
    assert not is_printed(line)
