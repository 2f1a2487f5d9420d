"""Words that must not stand in the tree.

Some patterns are spelled in pieces (`wor[d]`), so that this file passes its own rules.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.floors.tree import PRODUCT, TEXTS, files, lines_with, name_of, text_of

UNFINISHED = "|".join(word.upper() for word in ("todo", "fixme", "xxx"))
EVERYWHERE = {
    "unfinished work": re.compile(rf"\b({UNFINISHED})\b|\bnot[ ]implemented\b|NotImplemented[E]rror"),
    "a patched seam": re.compile(r"mock[.]patch|Magic[M]ock"),
    "an assistant": re.compile(r"(?i)\b(cl[a]ude|chat[g]pt|co[p]ilot|language m[o]del|co-author[e]d-by)\b"),
    "a tracker's word": re.compile(r"(?i)\b(j[i]ra|back[l]og|mile[s]tone|spr[i]nt|story p[o]ints?)\b"),
    "one developer's path": re.compile(r"(?<![\w.])/(?:wor[k]|Us[e]rs/\w+|ho[m]e/(?!user\b)\w+)/"),
    "a package registry": re.compile(r"py[p]i\.org|python[h]osted\.org|npm[j]s\.|(extra-)?index[-]url"),
}
SLEEP = re.compile(r"\btime\.slee[p]\b|from time import .*\bslee[p]\b")

# "Instance" and "host" are our nouns. A machine-id is what the system calls it.
NOUNS = {"node", "nodes", "box", "boxes", "machine", "machines"}
PROSE = re.compile(r"(?<!state )(?<![\w-])(nodes?|box|boxes|machines?)(?![\w-])(?! id\b)", re.IGNORECASE)
LETTERS = re.compile(r"(?i)node|box|machine")
"""Without these letters a file has none of the nouns; it need not be read token by token."""
PIECES = re.compile(r"[a-z0-9]+|[A-Z][a-z0-9]*")
# From 3.12 on the text of an f-string is a token of its own.
STRING_TOKENS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
PROSE_TOKENS = {tokenize.COMMENT, *STRING_TOKENS}
# Here stand the providers' own words.
WIRE = ("gpushopper/providers/", "gpushopper/sandbox/")
LIBRARY_NOUNS = {("rich", "box"), ("rich", "Box"), ("platform", "machine"), ("platform", "node")}


@pytest.mark.parametrize("why", EVERYWHERE)
def test_forbidden_words_stand_nowhere(why: str):
    assert lines_with(EVERYWHERE[why], *TEXTS) == [], why


def test_no_test_sleeps():
    assert lines_with(SLEEP, "tests", suffix=".py") == [], "wait on a condition: the fixture wait_until"


def is_library_noun(text: str, name: str) -> bool:
    return any(noun == name and re.search(rf"\b(from|import) {lib}\b", text) for lib, noun in LIBRARY_NOUNS)


def is_ours(name: str) -> bool:
    """Say whether an identifier uses one of the nouns as its own; machine_id and machineId are wire names."""
    words = [piece.lower() for piece in PIECES.findall(name)]
    return any(pair[0] in NOUNS and pair != ("machine", "id") for pair in pairwise([*words, ""]))


def nouns_in(path: Path) -> Iterator[str]:
    text, wire = text_of(path), name_of(path).startswith(WIRE)
    if not LETTERS.search(text.replace("sandbox", "")):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        where = f"{name_of(path)}:{token.start[0]} {token.string.strip()[:60]}"
        if token.type == tokenize.NAME:
            if is_ours(token.string) and not wire and not is_library_noun(text, token.string):
                yield where
        elif token.type in PROSE_TOKENS - (STRING_TOKENS if wire else set()) and PROSE.search(token.string):
            yield where


def test_an_instance_is_never_called_otherwise():
    bad = [where for path in files(*PRODUCT, suffix=".py") for where in nouns_in(path)]
    assert bad == [], "say instance (what is billed) or host (the hardware under it)"


@pytest.mark.parametrize(
    ("name", "ours"),
    [("machine_id", False), ("machineId", False), ("boxed", False), ("inbox", False), ("node", True),
     ("list_nodes", True), ("MachineState", True), ("gpu_box", True)],
)  # fmt: skip
def test_the_noun_rule_reads_whole_words(name: str, ours: bool):
    assert is_ours(name) is ours
