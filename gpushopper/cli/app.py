"""What one run of a command carries: its home folder, its way of printing, its client."""

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
FORMATS = ("table", "json", "jsonl", "wide", "name")


class App:
    """Handed from the root command to every other; filled by the options, whichever side of the command they stand.

    It imports nothing of the command line but plain text: how a home is chosen and a client made is given to it.
    """

    def __init__(self, choose_home: Callable[[bool], Home], open_client: Callable[[App], Client]) -> None:
        self.output = "table"
        self.color = "auto"
        self.practice = False
        self.goes_on = ""
        """What continues after Ctrl-C, said then."""
        self.tells_alarms = True
        self._choose_home = choose_home
        """Takes whether it is for the practice market."""
        self._open_client = open_client
        self._home: Home | None = None
        self._client: Client | None = None

    @property
    def home(self) -> Home:
        """The home folder this command works in."""
        if self._home is None:
            self._home = self._choose_home(self.practice)
        return self._home

    def check_home(self) -> None:
        """Refuse a home folder that is not ours to use, before a command does anything.

        Nothing is kept of it: `sandbox` chooses its own home once it runs.
        """
        self._choose_home(self.practice)

    @property
    def client(self) -> Client:
        """The way to the daemon, which is started when it is not there."""
        if self._client is None:
            self._client = self._open_client(self)
        return self._client

    @property
    def opened(self) -> Client | None:
        """The client, if this command has used one."""
        return self._client

    def quiet_client(self) -> Client:
        """A client that never starts a daemon."""
        from gpushopper.client import Client

        return Client(self.home)

    def now(self) -> ClockSnapshot:
        """The clocks, moved by a practice market's offset where there is one (S26)."""
        from gpushopper.clock import SystemClock

        return SystemClock(self.home.clock_offset).now()

    # ---- printing

    @property
    def as_json(self) -> bool:
        """Whether the answer is for a program."""
        return self.output in ("json", "jsonl")

    def note(self, text: str) -> None:
        """Say something that is not the answer: a line on stderr, cleaned of control characters."""
        if self.as_json:
            import json

            print(json.dumps({"schema": SCHEMA, "note": self.to_paste(text)}), file=sys.stderr, flush=True)
            return
        from gpushopper.cli.terminal_text import clean

        print(clean(self.to_paste(text)), file=sys.stderr, flush=True)

    def to_paste(self, text: str) -> str:
        """A text whose commands work when pasted: in the practice market's home they need `--sandbox` too."""
        return _COMMAND.sub("gpu-shopper --sandbox ", text) if self.practice else text

    def is_terminal(self, stream: TextIO | None) -> bool:
        """Whether a person reads this stream."""
        try:
            return stream is not None and stream.isatty()  # None: closed before we began
        except ValueError:  # closed since
            return False

    def may_ask(self) -> bool:
        """Whether somebody can answer a question."""
        return self.is_terminal(sys.stdin) and self.is_terminal(sys.stderr) and not self.as_json

    def has_color(self, stream: TextIO) -> bool:
        """Whether to colour this stream: the option, then the conventions of the environment."""
        if self.color != "auto":
            return self.color == "always"
        if os.environ.get("NO_COLOR") or os.environ.get("CLICOLOR") == "0" or os.environ.get("TERM") == "dumb":
            return False
        return bool(os.environ.get("CLICOLOR_FORCE", "0") != "0") or self.is_terminal(stream)
