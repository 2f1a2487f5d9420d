"""Words of other tools, examples in every help page, and what a mistyped command may mean."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from gpushopper.cli import COMMANDS
from gpushopper.cli.input import examples, synonyms
from gpushopper.errors import UsageError
from tests.cli.in_process import Inside
from tests.cli.parsed import parse_line

NAMES = [name for _, name, _, _ in COMMANDS]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rm a --yes", "shutdown a --yes"), ("rm -f a b", "shutdown --yes a b"), ("rm -rf a", "shutdown --yes a"),
        ("rm a --force", "shutdown a --yes"), ("kill -f a", "shutdown -f a"),
        ("ps -a", "ls -a"), ("login vast", "keys set vast"),
        ("exec a nvidia-smi -L", "ssh a -- nvidia-smi -L"), ("exec a -- ls", "ssh a -- ls"), ("exec a", "ssh a"),
        ("transfer upload x a:y -k key.pem", "cp x a:y"), ("transfer download --key k a:y x", "cp a:y x"),
        ("cleanup-orphans", "audit"), ("ls", "ls"), ("transfer", "transfer"),
    ],
)  # fmt: skip
def test_a_synonym_is_the_command_it_means(typed: str, meant: str):
    assert synonyms.expanded(typed.split()) == meant.split()


def test_a_synonym_never_destroys_what_its_namesake_would():
    with pytest.raises(UsageError, match="ends nothing here"):
        synonyms.expanded(["cleanup-orphans", "--execute"])
    assert synonyms.expanded(["stop", "a"]) == ["shutdown", "a"], "which asks, and says that the disk is lost"
    for option in ("--yes", "-y", "-fy"):
        with pytest.raises(UsageError, match="keeps the disk"):
            synonyms.expanded(["stop", "a", option])


def test_a_verb_has_the_same_two_names_at_every_noun(home: Path):
    for typed, meant in (("keys ls", "keys list"), ("keys rm", "keys remove"), ("budget list", "budget ls"),
                         ("sessions ls", "sessions list"), ("notify remove", "notify rm")):  # fmt: skip
        shown = Inside(home)(*typed.split(), "--help")
        assert (shown.code, shown.out) == (0, Inside(home)(*meant.split(), "--help").out), typed
    assert Inside(home)("config", "ls").code == 2, "which has no such verb under either name"


def test_no_synonym_hides_a_command_and_each_leads_to_one():
    for word, words in synonyms.COMMANDS.items():
        assert word not in NAMES and words[0] in NAMES
    for command, words in synonyms.MEANINGS.items():
        assert command in NAMES and not set(words) & {*NAMES, *synonyms.COMMANDS}


def test_synonyms_run_and_foreign_words_are_answered(home: Path):
    gs = Inside(home)
    assert gs("ps", "--help").out == gs("ls", "--help").out
    assert gs("rm", "", "--yes").code == 2
    asked = gs("billing")
    assert asked.code == 2 and "did you mean costs?" in asked.err
    for word in ("htop", "watch"):  # 'htop' is close to 'stop', which would end something
        assert "did you mean top?" in gs(word).err
    assert "did you mean" not in gs("hunter2secret").err


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("sessions", "watchdog", "version")])
def test_every_command_has_examples_that_it_can_parse(name: str):
    lines = examples.of(name)
    assert lines, name
    for line in lines:
        parse_line(shlex.split(line)[1:])
