"""A session as Python programs have it: run commands there, copy files, move its end, end it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from os import PathLike, fspath
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.core.model.money import DOLLAR, dollars
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import NotVerified, ShopperError
from gpushopper.scripting.command_line import CommandLine, failure
from gpushopper.scripting.spans import Span, micros

if TYPE_CHECKING:
    from gpushopper.wire import Accepted, SessionView

OWN_FAILURE = 125
"""The exit status of `run` for a failure on this side."""
END_LIMIT_S = 900.0
"""How long an end is waited for that brings results home first."""

AnyPath = str | PathLike[str]


class SessionApi(Protocol):
    """What a session needs of the local API."""

    def session(self, ref: str) -> SessionView: ...
    def extend(self, ref: str, *, add_us: int) -> SessionView: ...
    def done(self, ref: str, reason: str, *, lands: bool) -> Accepted: ...


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended on an instance: its exit status, and what it wrote."""

    command: str
    status: int
    stdout: str
    stderr: str


class Session:
    """One session. As a context manager it ends it, however the block is left; its deadline holds without us."""

    def __init__(self, api: SessionApi, line: CommandLine, view: SessionView) -> None:
        self._api, self._line = api, line
        self.view = view
        """All that is known of it, as of the last look; `refresh` looks again."""

    @property
    def id(self) -> str:
        return self.view.id

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def status(self) -> str:
        """pending, provisioning, running, stopping, stopped or failed, now."""
        return self.refresh().view.status

    @property
    def cost(self) -> float:
        """Dollars so far, without traffic."""
        return self.refresh().view.accrued / DOLLAR

    @property
    def ends_at(self) -> datetime | None:
        """The deadline, in this computer's time zone."""
        at = self.refresh().view.deadline_at
        return None if at is None else datetime.fromtimestamp(at / SECOND, tz=UTC).astimezone()

    def refresh(self) -> Session:
        """Look again."""
        self.view = self._api.session(self.id)
        return self

    def run(self, command: str | Sequence[str], *, check: bool = True, show: bool = True) -> Finished:
        """Run a command there and wait for its end; a text is a line of shell, a list its words.

        It goes on when the connection is lost. What it writes is shown as it comes, unless `show` is false.

        Raises:
            subprocess.CalledProcessError: it ended with a status other than 0, unless `check` is false.
            ShopperError: it could not be run or followed from here.
        """
        line = command if isinstance(command, str) else shlex.join(command)
        words = ["run", self.id, "--", *(["sh", "-c", command] if isinstance(command, str) else command)]
        done = self._line.run(*words, shows=show)
        if done.status == OWN_FAILURE:
            raise failure(done, words)
        if check and done.status:
            raise subprocess.CalledProcessError(done.status, line, done.stdout, done.stderr)
        return Finished(line, done.status, done.stdout, done.stderr)

    def upload(self, here: AnyPath, there: str = "") -> None:
        """Copy a file or folder there, as the command `cp` does."""
        self._line.must("cp", fspath(here), f"{self.id}:{there}")

    def download(self, there: str, here: AnyPath = ".") -> None:
        """Copy a file or folder from there."""
        self._line.must("cp", f"{self.id}:{there}", fspath(here))

    def extend(self, *, hours: float = 0, by: Span | None = None) -> datetime | None:
        """Move the deadline; when it ends now.

        Raises:
            Refused: past the hard maximum, or a spending limit or budget says no.
        """
        self.view = self._api.extend(self.id, add_us=micros(timedelta(hours=hours) if by is None else by))
        return self.ends_at

    def end(self, *, bring_home: bool = True, wait_s: float = END_LIMIT_S) -> Session:
        """End it, and wait until its cloud no longer lists it; what it should bring home is pulled first.

        Raises:
            NotVerified: not within `wait_s`; the daemon goes on ending it, and it may still bill.
        """
        self._api.done(self.id, "user", lands=bring_home)
        try:
            poll(self._is_off, wait_s)
        except WaitTimeout:
            text = f"the end of {self.name} is not verified after {wait_s:.0f} s; it may still bill"
            raise NotVerified(text, f"see: gpu-shopper get {self.name}") from None
        return self

    def _is_off(self) -> bool:
        return self.status in ("stopped", "failed") or self.view.end_stage in ("off", "proven")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.end()
        except ShopperError as failed:
            if error is None:
                raise
            error.add_note(str(failed))  # what happened first is what its user must see

    def __repr__(self) -> str:
        facts = "".join(f", {value}" for name, value in self._facts() if name not in ("name", "status"))
        return f"<Session {self.name}: {self.view.status}{facts}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self._facts())
        return f"<table>{rows}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        with suppress(ShopperError):  # a notebook shows what was known last
            self.refresh()
        found = self.view
        facts = [("name", found.name), ("status", found.status), ("GPU", f"{found.gpu_count}x {found.gpu}")]
        facts += [
            ("price", f"{dollars(found.rate, 3)}/h on {found.provider}"),
            ("cost", f"{dollars(found.accrued, 4)} so far"),
        ]
        if found.ended_at is None and found.deadline_at is not None:
            at = datetime.fromtimestamp(found.deadline_at / SECOND, tz=UTC).astimezone()
            facts.append(("end", f"ends {at:%a %H:%M}"))
        return facts
