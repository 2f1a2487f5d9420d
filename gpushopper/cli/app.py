"""What one run of a command carries: its home folder, its way of printing, its client."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from gpushopper.client import Client, Starter
    from gpushopper.core.moment import Moment
    from gpushopper.paths import Home

_COMMAND = re.compile(r"(?<![\w./-])gpu-shopper (?!sandbox\b|demo\b)(?=[a-z])")
FORMATS = ("table", "json", "jsonl", "wide", "name")


class App:
    """Handed from the root command to every other; filled by the options, whichever side of the command they stand."""

    def __init__(self) -> None:
        self.output = "table"
        self.color = "auto"
        self.practice = False
        self.goes_on = ""
        """What continues after Ctrl-C, said then."""
        self.tells_alarms = True
        self._home: Home | None = None
        self._client: Client | None = None

    @property
    def home(self) -> Home:
        """The home folder this command works in."""
        if self._home is None:
            from gpushopper.cli.process.homes import choose_home

            self._home = choose_home(self.practice)
        return self._home

    def check_home(self) -> None:
        """Refuse a home folder that is not ours to use, before a command does anything.

        Nothing is kept of it: `sandbox` chooses its own home once it runs.
        """
        from gpushopper.cli.process.homes import choose_home

        choose_home(self.practice)

    @property
    def client(self) -> Client:
        """The way to the daemon, which is started when it is not there."""
        if self._client is None:
            from gpushopper.cli.process.homes import prepare_home

            prepare_home(self, self.practice)
            self._client = self.make_client()
        return self._client

    @property
    def opened(self) -> Client | None:
        """The client, if this command has used one."""
        return self._client

    def make_client(self) -> Client:
        """A client that starts the daemon on demand, and replaces an older one or one without keys."""
        from gpushopper.client import Client

        return Client(self.home, self._starter("start"), self._starter("restart"), self._unlock, self._tell_wait)

    def quiet_client(self) -> Client:
        """A client that never starts a daemon."""
        from gpushopper.client import Client

        return Client(self.home)

    def _starter(self, what: str) -> Starter:
        def run(why: str) -> None:
            from gpushopper.cli.process import daemon_process

            if what == "restart":
                self.note(f"restarting the daemon: {why} ...")
                daemon_process.stop(self)
            else:
                self.note(f"starting the daemon{' ' + why if why else ''} ...")
            daemon_process.start(self.home)

        return run

    def _tell_wait(self) -> None:
        self.note("the daemon is busy with other commands: waiting for a place ...")

    def _unlock(self, providers: list[str]) -> bool:
        from gpushopper.cli.process.keyless_daemon import replace_keyless

        return replace_keyless(self, providers)

    def now(self) -> Moment:
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
            from gpushopper.cli.output.json_output import line

            print(line({"note": self.to_paste(text)}), file=sys.stderr, flush=True)
            return
        from gpushopper.cli.output.text_format import clean

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
