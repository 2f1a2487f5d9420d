"""Progress on stderr: live at a terminal, one line per step elsewhere, nothing for programs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from gpushopper.cli.output.text_format import money
from gpushopper.cli.terminal_text import clean
from gpushopper.clock import SystemClock
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from gpushopper.cli.app import App


SHOWN_FROM = 100
"""Micro-dollars below which the money so far would read as nothing."""


class Steps(Protocol):
    """Named steps, one after the other; `key` tells a new step from a new wording of the same one."""

    def __enter__(self) -> Steps: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def step(self, key: str, text: str) -> None: ...

    def spent(self, micros: int) -> None: ...


def steps(app: App) -> Steps:
    """The form of progress that suits whoever reads stderr."""
    if app.as_json:
        return SilentSteps()
    if app.is_terminal(sys.stderr) and app.has_color(sys.stderr):
        return LiveSteps()
    return PlainSteps()


class SilentSteps:
    """For programs, which read the answer."""

    def __enter__(self) -> Steps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, key: str, text: str) -> None:
        """Say nothing."""

    def spent(self, micros: int) -> None:
        """Say nothing."""


class PlainSteps(SilentSteps):
    """For logs and pipes: one line per step."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def step(self, key: str, text: str) -> None:
        """Print a step, and each new wording of it, once."""
        if f"{key} {text}" not in self._seen:
            self._seen.add(f"{key} {text}")
            print(clean(text), file=sys.stderr, flush=True)


class LiveSteps(SilentSteps):
    """For a person: what was done, what goes on, how long, and the money so far."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False)
        self._clock = SystemClock()
        self._began = self._clock.monotonic()
        self._key = self._text = ""
        self._seen: set[str] = set()
        self._spent = 0
        self._live: Live | None = None

    def __enter__(self) -> Steps:
        from rich.live import Live

        self._live = Live(console=self._console, get_renderable=self._current, refresh_per_second=8, transient=True)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        self._settle("·" if error else "✓")

    def step(self, key: str, text: str) -> None:
        """Show a new step, or new words for the current one; what was shown before is not shown again."""
        if key != self._key:
            if key in self._seen:
                return
            self._settle("✓")
        self._seen.add(key)
        self._key, self._text = key, clean(text)

    def spent(self, micros: int) -> None:
        """Show the money so far."""
        self._spent = micros

    def _settle(self, mark: str) -> None:
        from rich.text import Text

        if self._text:
            self._console.print(Text.assemble((f"{mark} ", "green" if mark == "✓" else "dim"), self._text))
        self._text = ""

    def _current(self) -> Text:
        from rich.text import Text

        elapsed = self._clock.monotonic() - self._began
        wheel = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(elapsed * 8) % 10]
        cost = f"  {money(self._spent)}" if self._spent >= SHOWN_FROM else ""
        return Text.assemble((f"{wheel} ", "cyan"), self._text, (f"  {span(us(elapsed))}{cost}", "dim"))
