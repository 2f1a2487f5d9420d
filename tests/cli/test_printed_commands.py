"""Every command line that README, guides, help, hints and scripts print can be pasted: the real parser takes it."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from gpushopper.cli.input import examples
from gpushopper.errors import UsageError
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside
from tests.cli.parsed import parse_line
from tests.cli.printed_commands import Printed, all_printed, in_text

FILLED_IN = {
    "INSTALLATION": "abcdefghij",
    "KIND": "slack", "OPTION": "--monthly 100", "WORDSMORE": "vast --file", "VERB": "set", "{shell}": "bash",
    "TOPIC": "safety", "N": "3", "NUMBER": "3", "ID": "abcdefghij", "OWN": "abcdefghij",
}  # fmt: skip
"""What stands in a text for something that not every name can be."""
NO_COMMANDS = {
    "for fish": "the first line of a script of completions: its subject",
    "for {shell}": "the same, of bash and zsh",
    "--sandbox": "what is put into the commands of a text",
    "keys test": "doctor adds the cloud's name",
}
ONLY_LACKS = (click.MissingParameter, click.BadOptionUsage)


def lines_printed() -> list[Printed]:
    return [each for each in all_printed() if each.words not in NO_COMMANDS]


def words_of(printed: Printed) -> list[str]:
    """The words as the shell hands them over; what it redirects is its own."""
    words = []
    for word in shlex.split(printed.words):
        words += FILLED_IN[word].split() if word in FILLED_IN else [word]
    own = next((place for place, word in enumerate(words) if re.match("[0-9]?[<>]", word)), len(words))
    return words[:own]


READING = (
    "inventory", "plan", "ls", "sessions", "get", "receipt", "why", "costs", "budget", "budget show", "report",
    "consumers", "status", "alarms", "audit", "custody", "events", "keys", "config", "config get", "config show",
    "notify", "notify ls", "ssh-config print", "daemon status", "doctor", "completion bash", "version", "help",
    "sandbox fault list", "sandbox status",
)  # fmt: skip
"""What changes nothing and ends by itself: it is run, too. What rents, ends, types or waits is so in other tests."""
STAYS = {"-f", "-w", "--follow", "--trial"}


@pytest.fixture(scope="module")
def rented(market: Shell) -> str:
    """The session that the examples call `train`."""
    ran = market("provision", "--gpu", "4090", "--hours", "2", "--name", "train", "--tag", "paper=neurips", "--yes")
    assert ran.code == 0, ran.err
    return "train"


def lines_that_read() -> list[list[str]]:
    """The words of each printed line that only reads; help pages are read by other tests."""
    shown = [shlex.split(line)[1:] for name in examples.EXAMPLES for line in examples.of(name)]
    found = [*(words_of(each) for each in lines_printed() if not each.is_mention), *shown]
    # Those for a lab server are run against one, in tests/e2e/test_lab_server.py.
    of_sandbox = [[word for word in words if word != "--sandbox"] for words in found if words[:1] != ["--host"]]
    return [words for words in of_sandbox if not STAYS & {*words} and "--help" not in words and reads(words)]


def reads(words: list[str]) -> bool:
    try:
        path = parse_line(words).removeprefix("gpu-shopper ")
    except ONLY_LACKS:
        return False
    return path in READING or (path.split()[0] in READING and path.split()[-1] in ("list", "show", "ls"))


@pytest.mark.proofs
def test_a_command_that_is_printed_and_only_reads_runs(inside: Inside, rented: str):
    """In a home with one open session: what it is not about is not found (3), problems are found (9)."""
    inside("consumers", "add", "alice")
    ran = {}
    for words in lines_that_read():
        ran[" ".join(words)] = inside(*(rented if word.isupper() else word for word in words))
    assert len(ran) > 30
    wrong = {line: done for line, done in ran.items() if done.code not in (0, 3, 9)}
    own = {line for line in ran if line.startswith("receipt") and {"NAME", "_NAME", rented} & {*line.split()}}
    assert {*wrong} == own, "it has not ended, and so has no receipt yet (8)"
    assert [line for line, done in ran.items() if done.code == 3 and rented in line] == []


def fault_of(printed: Printed) -> str:
    """Why a line cannot be pasted; empty where it can."""
    try:
        parse_line(words_of(printed))
    except (click.UsageError, UsageError, ValueError) as error:
        lacks = isinstance(error, ONLY_LACKS) or "requires an argument" in str(error)
        return "" if printed.is_mention and lacks else f"{printed.where}: {printed.words}: {error}"
    return ""


def test_a_command_that_is_printed_can_be_pasted():
    lines = lines_printed()
    assert len(lines) > 200
    assert [fault for each in lines if (fault := fault_of(each))] == []


def test_no_exception_is_for_nothing():
    assert set(NO_COMMANDS) <= {each.words for each in all_printed()}


@pytest.mark.parametrize("words", ["status shows it", "keys test", "ls --nosuch", "notify add a --file", "for fish"])
def test_a_line_that_cannot_be_pasted_is_found(words: str):
    assert fault_of(Printed(words, "here"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see: gpu-shopper ls -a, or: gpu-shopper get NAME; it goes on", ["ls -a", "get NAME"]),
        ("run: gpu-shopper keep (it moved)", ["keep"]), ("gpu-shopper ls | gpu-shopper rm -", ["ls", "rm -"]),
        ("'gpu-shopper ls'", ["ls"]), ("pip install 'gpu-shopper[sandbox]'", []),
        ("gpu-shopper status shows it", ["status shows it"]), ("gpu-shopper cp a b:c.txt.", ["cp a b:c.txt"]),
    ],
)  # fmt: skip
def test_a_command_ends_where_its_sentence_does(text: str, found: list[str]):
    assert [each.words for each in in_text(text, "here")] == found
