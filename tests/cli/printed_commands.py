"""Every command line of ours that is printed or written down: by the program's texts, the guides and the scripts.

A command in a text begins with `gpu-shopper` and ends where its sentence does: at a mark (`; , . : ( )`), a quotation
mark, a line's end, a `|` or two spaces. What a text fills in (`{session.name}`) is written in capitals here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gpushopper.cli import COMMANDS
from tests.floors.guides import GUIDES
from tests.floors.tree import ROOT, files, name_of, nodes_of, product_modules, text_of

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?<![\w./-])gpu-shopper (?=[a-z]|--)(.*)")
END = re.compile(r"\s{2}|[;,.:]+(?=\s|$)|[;()`\"\0|]|\s\.\.\.|\s#|\s(?=gpu-shopper )")
SHELL = ("sh", "console")
NAMES = {name for _, name, _, _ in COMMANDS}


class Printed(NamedTuple):
    """A command line as it is printed, without `gpu-shopper`, and where."""

    words: str
    where: str
    is_mention: bool = False
    """Without `gpu-shopper`: what has to follow may be left out, as in `keys remove` or `ssh -L`."""


def in_text(text: str, where: str, *, is_mention: bool = False) -> Iterator[Printed]:
    """The commands in a text for people."""
    for line in text.splitlines():
        rest = line
        while found := COMMAND.search(rest):
            end = END.search(found[1])
            words = found[1][: end.start()] if end else found[1]
            yield Printed((words[:-1] if words.count("'") % 2 else words).strip(), where, is_mention)
            rest = found[1][end.start() if end else len(found[1]) :]


def of_code() -> Iterator[Printed]:
    """Those in the strings of our modules, docstrings included: help is made of them."""
    for name, module in product_modules():
        inner = {id(part) for node in nodes_of(module) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in nodes_of(module):
            if isinstance(node, ast.JoinedStr):
                yield from in_text("".join(map(_part, node.values)), f"{name}:{node.lineno}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                yield from in_text(node.value, f"{name}:{node.lineno}")


def _part(node: ast.expr) -> str:
    """A part of an f-string; what is filled in as its last name in capitals."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    words = re.findall(r"\w+", ast.unparse(node))
    return words[-1].upper() if words else "X"


def of_guides() -> Iterator[Printed]:
    """Those in README, CONTRIBUTING, CHANGELOG and docs: lines of shell blocks, and quoted ones.

    A quoted one may begin with the command's own name: `ls -w`. A name alone is no command line.
    """
    for path in (*GUIDES, ROOT / "CHANGELOG.md"):
        text = text_of(path)
        yield from of_blocks(path)
        for quoted in SPAN.findall(BLOCK.sub("", text)):
            first, _, rest = quoted.partition(" ")
            is_mention = bool(rest) and (first in NAMES or first == "--sandbox")
            text_there = f"gpu-shopper {re.sub(r'[][]', '', quoted)}" if is_mention else quoted
            yield from in_text(text_there, name_of(path), is_mention=is_mention)


def of_blocks(path: Path) -> Iterator[Printed]:
    """Those in the shell blocks of a page."""
    for language, block in BLOCK.findall(text_of(path)):
        if language in SHELL:
            plain = (line if "'" in line else line.replace('"', "'") for line in block.splitlines())
            yield from in_text("\n".join(plain), name_of(path))


def of_scripts() -> Iterator[Printed]:
    """Those that an instance shows to whoever is logged in there."""
    for path in files("agent", suffix=".sh"):
        for number, line in enumerate(text_of(path).splitlines(), 1):
            yield from in_text(line, f"{name_of(path)}:{number}")


@cache
def all_printed() -> list[Printed]:
    """Each once by its words, in order."""
    found = sorted([*of_guides(), *of_code(), *of_scripts()], key=lambda each: not each.is_mention)
    return list({each.words: each for each in found if each.words}.values())
