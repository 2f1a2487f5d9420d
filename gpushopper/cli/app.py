"""The context object of one command (click's `obj`): home folder, client of the daemon, output format, colours."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from gpushopper.client import Client
    from gpushopper.core.timing.clock_snapshot import ClockSnapshot
    from gpushopper.paths import Home

_COMMAND = re.compile(r"(?<![\w./-])gpu-shopper (?!sandbox\b|demo\b)(?=[a-z])")
SCHEMA = 1
"""The number in every JSON document; a schema only gains fields."""
LOCAL = "local"
"""As a server's name: this computer's own daemon, where a variable or a setting names a server."""
FORMATS = ("table", "json", "jsonl", "wide", "name", "csv")


class App:
    """Passed from the root command to every other; the output options fill it, before or after the command's name.

    It imports no command machinery: how a home is chosen and a client opened are arguments.
    """

    def __init__(self, choose_home: Callable[[bool, str | None], Home], open_client: Callable[[App], Client]) -> None:
        self.output = "table"
        self.fields: tuple[str, ...] | None = None
        """Which fields of each row JSON output has; empty: the names of all are asked for; None: all."""
        self.color = "auto"
        self.progress = "auto"
        """How steps are shown on stderr: live or plain lines by what it is, `plain`, `json` or `none`."""
        self.use_sandbox = False
        self.host: str | None = None
        """The server of `--host`, as it was typed; None where it was not."""
        self.interrupt_hint = ""
        """Printed after Ctrl-C: what continues without this command, and how to see or end it."""
        self.shows_alarms = True
        self.command = ""
        """The words of this command's name, such as `sessions list`; empty before one is run."""
        self.words: list[str] = []
        """The words of this command as they were typed, without the program's name."""
        self._choose_home = choose_home
        """Its arguments: whether the sandbox's home is wanted, and the server of `--host`."""
        self._open_client = open_client
        self._home: Home | None = None
        self._client: Client | None = None

    @property
    def home(self) -> Home:
        """The home folder this command works in."""
        if self._home is None:
            self._home = self._choose_home(self.use_sandbox, self.host)
        return self._home

    def home_of_the_sandbox(self) -> Home:
        """The sandbox's home, whichever this command works in."""
        return self._choose_home(True, None)

    def check_home(self) -> Home:
        """The home folder, once it is known that no other user owns it, before a command does anything.

        The result is not kept: `sandbox` commands choose the sandbox's home only once they run.
        """
        return self._choose_home(self.use_sandbox, self.host)

    @property
    def client(self) -> Client:
        """The client of the daemon; opening it starts the daemon if none runs."""
        if self._client is None:
            self._client = self._open_client(self)
        return self._client

    @property
    def client_if_opened(self) -> Client | None:
        """The client, if this command has used one."""
        return self._client

    def client_without_start(self) -> Client:
        """A client that never starts a daemon."""
        from gpushopper.client import Client

        return Client(self.home)

    def now(self) -> ClockSnapshot:
        """A clock snapshot, shifted by the sandbox's clock offset where there is one (S26)."""
        from gpushopper.clock import SystemClock

        return SystemClock(self.home.clock_offset).now()

    # ---- printing

    @property
    def as_json(self) -> bool:
        """Whether the output format is JSON or JSON lines."""
        return self.output in ("json", "jsonl")

    def note(self, text: str) -> None:
        """Print a message on stderr, without control characters; as a JSON object where the output is JSON."""
        if self.as_json:
            import json

            print(json.dumps({"schema": SCHEMA, "note": self.with_sandbox_flag(text)}), file=sys.stderr, flush=True)
            return
        from gpushopper.cli.terminal_text import clean

        for line in self.lines(clean(self.with_sandbox_flag(text)), sys.stderr):
            print(line, file=sys.stderr, flush=True)

    def lines(self, text: str, stream: TextIO | None, indent: int = 0) -> list[str]:
        """A text as lines, broken between words where the stream is a terminal that is narrower."""
        if not self.is_terminal(stream):
            return [text]
        from shutil import get_terminal_size

        from gpushopper.cli.terminal_text import wrapped

        width = get_terminal_size().columns - indent
        return [part for line in text.split("\n") for part in wrapped(line, width)]

    def again_with(self, more: str) -> str:
        """This command with one word more, to be pasted; empty where it has options of its own before its name."""
        words = [word for word in self.words if word != "--sandbox"]
        if not words or words[0].startswith("-"):
            return ""
        import shlex

        return f"gpu-shopper {shlex.join(words)} {more}"

    @property
    def place_words(self) -> list[str]:
        """The options that say where this command works, for another one of the same place."""
        there = [] if self.host is None else ["--host", self.host]
        return ["--sandbox"] * self.use_sandbox + there

    def with_sandbox_flag(self, text: str) -> str:
        """Insert `--sandbox` or `--host` into the commands of a text if this one has it: they work when pasted."""
        words = "".join(f"{word} " for word in self.place_words)
        return _COMMAND.sub(lambda _: f"gpu-shopper {words}", text)

    def is_terminal(self, stream: TextIO | None) -> bool:
        """Whether this stream is a terminal; False when it is closed."""
        try:
            return stream is not None and stream.isatty()  # None: closed before we began
        except ValueError:  # closed since
            return False

    def is_interactive(self) -> bool:
        """Whether a prompt is possible: stdin and stderr are terminals, and the output is not JSON."""
        return self.is_terminal(sys.stdin) and self.is_terminal(sys.stderr) and not self.as_json

    def has_color(self, stream: TextIO) -> bool:
        """Whether to colour this stream: `--color`, else NO_COLOR, CLICOLOR and TERM, else whether it is a terminal."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR") or os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb":
            return False
        forced = any(os.environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE"))
        return forced or self.is_terminal(stream)
