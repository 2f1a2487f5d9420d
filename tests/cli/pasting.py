"""Printed command lines, pasted at a terminal in a sandbox: what a line names is there before, questions get a yes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from gpushopper.clock import SystemClock
from tests.cli.pseudo_terminal import PseudoTerminal
from tests.sandbox_home import SandboxHome

LIMIT_S, STAYS_S = 90.0, 6.0
QUESTION = re.compile(r"\[y/N\]:? $")
PROMPT = re.compile(r"(?:[Kk]ey|ID|token|password|[Aa]ddress|URL)[^\n]*: $")
NAMES = ("train", "demo", "a", "b", "c")
"""What examples and guides call their sessions; NAME is `train`."""
FILES = ("data.tar", "question.txt", "job", "train.py", "project/main.py", "src/main.py", "save.sh")
STAYING = re.compile(r"(?:events|logs) .*-f\b.*|ls -w|top|jupyter.*|daemon run|ssh(?: \S+(?: -L \d+)?)?")
"""What goes on until its user ends it."""
BEFORE = (
    (r"consumers rename (\w+)", "consumers add {}"), (r"budget (?:rm|show) (\w+)", "budget set {} --monthly 100"),
    (r"notify (?:rm|test) (\w+)", "notify add {} --kind command -- /bin/true"),
    (r"notify test()$", "notify add desk --kind command -- /bin/true{}"),
    (r"budget set \w+ .*--consumer (\w+)", "consumers add {}"), (r"provision .*--consumer (\w+)", "consumers add {}"),
    (r"config (?:get|unset) (\S+)", "config set {} 3"), (r"backup (?:restore)() newest", "backup make{}"),
    (r"logs (\w+)", "run {} -- echo one"), (r"run (?:ls|stop) (\w+)", "run {} -- echo one"),
    (r"daemon (?:restart|stop|logs)()", "daemon start{}"), (r"pull (\w+)", "ssh {} -- mkdir -p out results project"),
    (r"cp (?:-v )?(\w+):", "ssh {} -- mkdir -p out && touch out/model.pt answer.txt other.tar"),
    (r"pull (\w+)$", "set {} --pull out:results"), (r"code (\w+)", "ssh {} -- mkdir -p project"),
    (r"run .*\./job()", "cp job train:{}"), (r"run .*train\.py()", "cp train.py train:{}"),
    (r"ssh (demo) -- tr", "cp question.txt {}:question.txt"), (r"wait (\w+) --for proven", "shutdown {} --yes"),
    (r"wait a b c()", "shutdown a b c --yes{}"), (r"(?:ssh|jupyter|logs -f)()$", "shutdown demo a b c --yes{}"),
)  # fmt: skip
"""A line, and what makes that there is what it is about; its outcome is not looked at."""


class Pasted(NamedTuple):
    code: int
    seen: str
    stayed: bool
    """Whether it went on until its user ended it."""


class Desk:
    """One user's shell: a folder with files, a sandbox, a terminal."""

    def __init__(self, home: SandboxHome, folder: Path) -> None:
        self.home = home
        self._settings = {home.home / name: (home.home / name).read_bytes() for name in ("keys.toml", "config.toml")}
        self.folder = folder
        folder.mkdir(parents=True)
        for name in FILES:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\ntrue\n")
            path.chmod(0o755)
        programs = folder / "bin"
        programs.mkdir()
        for name in ("code", "notify-send", "editor"):
            (programs / name).write_text("#!/bin/sh\nexit 0\n")
            (programs / name).chmod(0o755)
        path = f"{programs}:{home.variables['PATH']}"
        self.variables = {
            **home.variables, "PATH": path, "VISUAL": "editor", "DISPLAY": ":9",
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }  # fmt: skip

    def prepare(self, line: str, words: Sequence[str], runs: Collection[str]) -> list[str]:
        """Have the sessions, consumers, budgets and files that this line names; its words, with a run that there is.

        `runs`: words that stand for a run.
        """
        for path, content in self._settings.items():  # a line before may have changed them
            path.write_bytes(content)
        rents = line.startswith(("provision", "adopt"))
        for name in NAMES:
            named = re.search(rf"(?<![\w./-]){name}(?![\w./])", line)
            if named and not (rents and f"--name {name}" in line):
                self._rent(name)
            elif named:
                self.run("shutdown", name, "--yes", "--wait", "proven")
        for pattern, first in BEFORE:
            if found := re.match(pattern, line):
                self.run(*first.format(found[1]).split())
        if words[0] not in ("run", "logs", "wait") or not {*words} & {*runs}:
            return list(words)
        seconds = "2" if "wait" in words else "600"
        run = self.run("run", "-d", "train", "--", "sleep", seconds).stdout.strip()
        return [f"run:{run}" if word.startswith("run:") else run if word in runs else word for word in words]

    def _rent(self, name: str) -> None:
        known = self.run("get", name, "--json=status,health")
        if '"running"' not in known.stdout or '"ok"' not in known.stdout:
            self.run("shutdown", name, "--yes", "--wait", "proven")
            done = self.run("provision", "--gpu", "4090", "--hours", "2", "--name", name, "--yes")
            assert done.returncode == 0, done

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.home.command(*words), env=self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=LIMIT_S, check=False, cwd=self.folder,
        )  # fmt: skip

    def _secret(self, words: Sequence[str]) -> str:
        """What somebody types who is asked for one: an address, a token, or the sandbox's key."""
        if "slack" in words:
            return "https://hooks.slack.com/services/T0/B0/x"
        found = re.search(r'"(.+)"', self._settings[self.home.home / "keys.toml"].decode())
        return found[1] if found and "vast" in words else "a-token-of-nobody"

    def paste(self, words: Sequence[str]) -> Pasted:
        """Run a line at a terminal; a question gets a yes, a prompt its secret, what stays an end after a while."""
        secret = self._secret(words)
        line = " ".join(words)
        command = ["env", "-C", str(self.folder), sys.executable, "-m", "gpushopper.cli", "--sandbox", *words]
        terminal, clock = PseudoTerminal(command, self.variables, columns=120), SystemClock()
        began, text = clock.monotonic(), ""
        limit_s = STAYS_S if STAYING.fullmatch(line) else LIMIT_S
        while terminal._read(0.2):
            asked = QUESTION.search(terminal.seen) or PROMPT.search(terminal.seen)
            if asked:
                text += terminal.seen
                terminal.type("y\n" if QUESTION.search(terminal.seen) else f"{secret}\n")
            elif clock.monotonic() - began > limit_s:
                text += terminal.seen
                terminal.type("exit\n" if line.startswith("ssh") else "\x03")
                limit_s += STAYS_S
                if limit_s > LIMIT_S + 4 * STAYS_S:
                    break
        code = terminal.ended()
        if "--rm" in words or words[0] == "restart":  # its instance is gone, or not there yet, which is noticed later
            self.run("shutdown", "train", "--yes", "--wait", "proven")
        return Pasted(code, text + terminal.seen, limit_s > (STAYS_S if STAYING.fullmatch(line) else LIMIT_S))
