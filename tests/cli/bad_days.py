"""Homes in which something is wrong, the installed command in them, and what every refusal must look like."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.ran import Ran
from tests.conftest import LEAKS
from tests.sandbox_home import kill_groups

COMMAND = str(Path(sys.executable).with_name("gpu-shopper"))
LIMIT_S = 180
BOOKS = {
    "sessions": "SELECT * FROM sessions ORDER BY id",
    # What a look at the cloud may move is left out: age, progress, what has been billed so far.
    "attempts": "SELECT id, session_id, state, desired_state, reason, deadline, reserve, instance_id, agreed_rate, "
    "offer FROM attempts ORDER BY id",
    "ledger": "SELECT * FROM ledger ORDER BY id",
}


@dataclass(frozen=True)
class Row:
    """A situation, the command in it, its one line on stderr, its exit status, and what the hint must say."""

    situation: str
    words: str | tuple[str, ...]
    says: str
    code: int
    hint: str = "."
    files: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.situation

    @property
    def argv(self) -> list[str]:
        return self.words.split() if isinstance(self.words, str) else list(self.words)


class Home:
    """One home folder in a short folder of its own, and the real command in it, off a terminal."""

    def __init__(self, top: Path, *first: str, inner: str = "") -> None:
        self.top = top
        self.first = first
        self.before: tuple[str, ...] = ()
        """What stands in front of the command: another user, another view of the disk."""
        self.folder = top / "h"
        self.home = self.folder / inner
        kept = {name: value for name, value in os.environ.items() if not LEAKS.match(name)}
        keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        self.variables = {**kept, **keyring, "HOME": str(top), "GPU_SHOPPER_HOME": str(self.folder)}

    def argv(self, *words: str) -> list[str]:
        return [*self.before, COMMAND, *self.first, *words]

    def __call__(self, *words: str, cwd: Path | None = None, stdin: str = "", **variables: str) -> Ran:
        done = subprocess.run(
            self.argv(*words), env={**self.variables, **variables}, input=stdin, capture_output=True, text=True,
            timeout=LIMIT_S, cwd=cwd, check=False, errors="surrogateescape",
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def must(self, *words: str) -> str:
        ran = self(*words)
        assert ran.code == 0, f"{words}: {ran}"
        return ran.out

    def begin(self, *words: str, stdin: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.argv(*words), env=self.variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # what is closed is not flushed again
        return process

    def write(self, files: Mapping[str, str]) -> None:
        """Private files in the home; a text that begins with `+` is added to what is there."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            path = self.home / name
            path.parent.mkdir(exist_ok=True)
            old = path.read_text() if text.startswith("+") and path.exists() else ""
            path.write_text(old + text.removeprefix("+"))
            path.chmod(0o600)

    def daemon_pid(self) -> int:
        return int(json.loads((self.home / "daemon.lock").read_text())["pid"])

    def kill_daemon(self) -> None:
        os.kill(self.daemon_pid(), signal.SIGKILL)

    def end(self) -> None:
        kill_groups(self.top)


@dataclass(frozen=True)
class State:
    """The files a person owns, and the books, as they stand."""

    files: dict[str, bytes]
    books: dict[str, list[Any]]


def state_of(home: Path) -> State:
    files = {
        name: path.read_bytes()
        for name in ("config.toml", "keys.toml", "installation.json")
        if (path := home / name).exists()
    }
    database = home / "gpu-shopper.db"
    if not database.exists():
        return State(files, {})
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as books:
        return State(files, {name: books.execute(query).fetchall() for name, query in BOOKS.items()})


def assert_nothing_changed(home: Path, before: State) -> None:
    """Same files, same sessions and attempts; the ledger may have grown by what runs, and never changes."""
    after = state_of(home)
    assert {name: after.files.get(name) for name in before.files} == before.files
    for name, rows in before.books.items():
        kept = after.books[name][: len(rows)] if name == "ledger" else after.books[name]
        assert kept == rows, name


def assert_no_trace(home: Path, ran: Ran) -> None:
    for text in (ran.out, ran.err, *(path.read_text(errors="replace") for path in home.glob("*.log"))):
        assert "Traceback" not in text, text[-3000:]


def assert_says(ran: Ran, row: Row) -> None:
    """One line that says what happened, one that says what to do, the exit status, and no answer beside them."""
    assert ran.code == row.code, ran
    assert ran.out == "", ran.out
    lines = ran.err.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    assert re.search(row.says, lines[place]), lines[place]
    assert len(lines) > place + 1, f"no hint: {lines[place]}"
    assert lines[place + 1].startswith("  "), ran.err
    assert re.search(row.hint, lines[place + 1]), lines[place + 1]


def assert_says_in_json(ran: Ran, row: Row) -> None:
    """For programs: every line on stderr is an object, the last one the error; stdout is empty or a document."""
    assert ran.code == row.code, ran
    if ran.out:
        assert json.loads(ran.out)["schema"] == 1
    said = [json.loads(line) for line in ran.err.splitlines()]
    assert {each["schema"] for each in said} <= {1}
    if row.code:
        error = said[-1]["error"]
        assert error["exit"] == row.code and error["code"] and error["hint"], error
        assert re.search(row.says, f"error: {error['message']}"), error


@contextmanager
def mounted(home: Home, command: str) -> Iterator[Callable[[str], None]]:
    """Run the home's commands in a mount namespace, after a mount command; yields a shell inside."""
    script = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f"{command}\necho ready\nexec cat"]
    keeper = subprocess.Popen(script, env=home.variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert keeper.stdin is not None and keeper.stdout is not None
    assert keeper.stdout.readline() == "ready\n"
    home.before = ("nsenter", "--mount", "--target", str(keeper.pid))
    try:
        yield lambda text: subprocess.run([*home.before, "sh", "-c", text], check=True, capture_output=True) and None
    finally:
        home("daemon", "stop")
        home.before = ()
        keeper.communicate()


@contextmanager
def fault(market: Home, *words: str) -> Iterator[None]:
    """A misbehaving market, well again afterwards."""
    market.must("sandbox", "fault", "add", "vast", *words)
    try:
        yield
    finally:
        market.must("sandbox", "fault", "clear")
