"""Every command line that README, guides, help and hints print does what it says when it is pasted into a terminal.

Those that only read run in tests/cli/test_printed_commands.py. Each of the others runs here, in the sandbox, with what
it names there before: a session, a consumer, a file, a run. Texts such as `ssh -L`, which name an option and are no
whole command, are parsed there. Exceptions have their reason.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import click
import pytest

from gpushopper.cli.input import examples
from gpushopper.errors import UsageError
from tests.cli.parsed import parse_line
from tests.cli.pasting import Desk
from tests.cli.printed_commands import Printed, all_printed, of_blocks
from tests.cli.test_printed_commands import NO_COMMANDS, lines_that_read, words_of
from tests.docs.test_shell_blocks import ELSEWHERE, WAYS
from tests.floors.tree import ROOT
from tests.sandbox_home import sandbox_home

ON_INSTANCES = ("ssh", "cp", "pull", "sync", "run", "logs", "code", "jupyter", "ssh-config", "restart", "wait", "top")
"""What needs an instance with processes; all else is done with simulated ones, which are there at once."""
STANDS_FOR = {
    "NAME": "train", "_NAME": "train", "SESSION": "vast", "FILE": "data.tar", "NAME:PATH": "train:other.tar",
    "DIR": "project", "LOCAL": "results", "FOLDER": "project", "REMOTE": "project", "CMD": "true", "COMMAND": "true",
    "WORDS": "true", "HOST": "vast:4471", "SCOPE": "lab", "CLOUD": "vast", "PROVIDER": "vast", "OTHER": "vast",
    "KEY": "defaults.provision.gpu", "VALUE": "4090", "REGISTRY": "ghcr.io", "SHOWN": "ghcr.io", "CHANNEL": "phone",
    "DATE": "2026-11-24", "YYYY-MM": "2026-11", "DIR:LOCAL": "out:results",
    "providers.AT.enabled": "providers.vast.enabled", "members.PEER": "members.alice",
    "WHOLE": "train:out results", "DIGEST": "0" * 16, "{setting}": "vast", "{name}": "vast",
    "/path/of/the/program": "/bin/true",
}  # fmt: skip
"""What stands in a text for something of its reader's."""
INTERRUPTED = 130
RUN_IDS = ("RUN", "WORK", "run:ID", "run:3fa9c1d2", "1")
"""Runs of a session: each line that names one gets one that is going on."""

NO_SUCH = "the thing that it names is one of its reader's, and there is none here"
REAL = "is for real clouds, and says so in the sandbox; tests/cli/test_supervision.py and test_purge.py do it"
HAS_PYTHON = any(Path(folder, "python").exists() for folder in ("/usr/local/bin", "/usr/bin", "/bin"))
NO_PYTHON = 0 if HAS_PYTHON else 127
NAMES_ONLY = ("run", "ssh", "jupyter", "provision", "watchdog")
"""Commands that a text names, without a line of theirs."""
EXCEPTIONS: Mapping[str, tuple[int, str]] = {
    r"adopt \w+ .*": (3, NO_SUCH + "; tests/cli/test_adopt.py rents one"),
    r"alarms ack \d": (3, NO_SUCH + "; tests/cli/test_market.py raises one"),
    r"audit log --verify --head .*": (9, "the digest is none of this log, and the command says so"),
    r"daemon (install|purge).*": (2, REAL), r"daemon uninstall": (3, REAL),
    r"forget train.*": (6, "what can be ended is not forgotten; tests/cli/test_forget.py has one that cannot"),
    r"jupyter train": (1, "its instance has no Jupyter, and is told how to get it; tests/cli/test_jupyter.py has one"),
    r"logs train (onstart|setup).*": (3, "its instance was rented without either; tests/cli/test_ssh_run.py has one"),
    r"run train -- pip install .*": (1, "pip may not install into this computer's system, which is shown there"),
    r"keys set vast --same-account.*": (2, "Vast.ai tells it; tests/cli/test_second_cloud.py has one that does not"),
    r"keys test ghcr\.io": (4, "no login is stored there; tests/cli/test_registry_keys.py has one"),
    r"sandbox start --(live|clouds).*": (2, "it runs already, with other settings; README's tour starts it so"),
    r"run (-d --rm )?train -- python train\.py": (NO_PYTHON, "127 where this computer, which instances show, has none"),
    r"keys set tensordock": (4, "a key of nobody: tests/cli/test_keyring.py stores one of two parts"),
    r"provision --account lab": (3, "a second account has a key of its own; tests/daemon/test_accounts.py has one"),
    r"daemon run": (6, "one runs already, as it does for whoever pastes this"),
}  # fmt: skip
"""A line, its exit status instead of 0, and why."""


TYPED_AS_PAGES = {*WAYS, *ELSEWHERE} - {"README.md"}
OF_README = {each.words for each in of_blocks(ROOT / "README.md")}


@cache
def lines() -> Mapping[str, list[str]]:
    """Each line that changes something, waits or uses an instance, and its words."""
    read = {" ".join(words) for words in lines_that_read()}
    found = [words_of(each) for each in all_printed() if each.words not in NO_COMMANDS and is_line(each)]
    found += [shlex.split(line)[1:] for name in examples.EXAMPLES for line in examples.of(name)]
    own = [[word for word in words if word != "--sandbox"] for words in found]
    kept = [words for words in own if words and "--help" not in words and " ".join(words) not in {*read, *NAMES_ONLY}]
    return {" ".join(filled(words)): filled(words) for words in kept if parse_line(words) != "--help"}


def is_line(printed: Printed) -> bool:
    """With the program's name; or quoted by README, whose tables leave it out, and whole.

    Not those of pages that are typed from top to bottom: a line there may use what those before it have made.
    """
    if not printed.is_mention:
        return printed.where not in TYPED_AS_PAGES and printed.words not in OF_README
    try:
        return printed.where == "README.md" and bool(parse_line(words_of(printed)))
    except (click.UsageError, UsageError):
        return False


def filled(words: list[str]) -> list[str]:
    """With what stands for its reader's own things."""
    own = {"NAME": "ghcr.io" if "--user" in words else "vast"} if words[0] == "keys" else {}
    stands = {**STANDS_FOR, **own}
    return [part for word in words for part in (stands[word].split() if word in stands else [word])]


def of(kind: str) -> list[str]:
    return sorted(line for line in lines() if needs_instance(line) is (kind == "live"))


def needs_instance(line: str) -> bool:
    return line.split(maxsplit=1)[0] in ON_INSTANCES or "--pull" in line


def exception(line: str) -> str:
    return next((pattern for pattern in EXCEPTIONS if re.fullmatch(pattern, line)), "")


@pytest.fixture(scope="module")
def live() -> Iterator[Desk]:
    yield from desk("--live")


@pytest.fixture(scope="module")
def paper() -> Iterator[Desk]:
    yield from desk("--paper")


def desk(kind: str) -> Iterator[Desk]:
    """In a folder with a short path: the demo has sockets below it."""
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    limits = "[brakes]\nopen_sessions = 50\ncreates_per_hour = 500\ndollars_per_hour = 500\n"
    with sandbox_home(folder / "h", 5, kind, config=limits) as home:
        made = Desk(home, folder / "w")
        home.must("daemon", "start")
        made.run("doctor")  # which waits until each cloud has answered
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def pasted(at: Desk, line: str) -> None:
    words = at.prepare(line, lines()[line], RUN_IDS)
    ran = at.paste(words)
    expected = EXCEPTIONS[exception(line)][0] if exception(line) else 0
    assert ran.code == (INTERRUPTED if ran.stayed and ran.code else expected), ran.seen


@pytest.mark.sweep
@pytest.mark.parametrize("line", of("live"))
def test_a_line_about_an_instance_runs(live: Desk, line: str):
    pasted(live, line)


@pytest.mark.sweep
@pytest.mark.parametrize("line", of("paper"))
def test_a_line_that_rents_ends_or_sets_up_runs(paper: Desk, line: str):
    pasted(paper, line)


def test_there_are_many_and_no_exception_is_for_nothing():
    assert len(lines()) > 100
    assert [pattern for pattern in EXCEPTIONS if not any(re.fullmatch(pattern, line) for line in lines())] == []
