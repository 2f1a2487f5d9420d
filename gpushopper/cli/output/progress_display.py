"""Progress of `provision`, `shutdown` and others on stderr: live on a terminal, else a line per step, none for JSON.

`--progress` chooses one of them, or JSON lines.
"""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from gpushopper.cli.output.text_format import money
from gpushopper.cli.terminal_text import clean, wrapped
from gpushopper.clock import Clock, SystemClock
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from gpushopper.cli.app import App


MARKS = {"✓": "green", "✗": "red", "·": "dim"}
"""Colours of the marks before a step: done, failed, left."""
SHOWN_FROM = 100
"""Micro-dollars below which the cost so far would show as zero."""


class ProgressDisplay(Protocol):
    """Steps, one after the other; `key` identifies a step, whose text may change."""

    def __enter__(self) -> ProgressDisplay: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def step(self, key: str, text: str, *, failed: bool = False) -> None: ...

    def detail(self, text: str) -> None: ...

    def cost(self, micros: int) -> None: ...


def progress_for(app: App) -> ProgressDisplay:
    """The progress display for `--progress`; by default for this stderr and output format."""
    if app.progress == "json":
        return JsonProgress(app)
    if app.progress == "none" or (app.as_json and app.progress == "auto"):
        return NoProgress()
    if app.progress == "auto" and app.is_terminal(sys.stderr) and app.has_color(sys.stderr):
        return LiveProgress()
    return PlainProgress()


class NoProgress:
    """For JSON output: prints nothing."""

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, key: str, text: str, *, failed: bool = False) -> None:
        """Print nothing."""

    def detail(self, text: str) -> None:
        """Print nothing."""

    def cost(self, micros: int) -> None:
        """Print nothing."""


def _lines(text: str) -> list[str]:
    """A step as lines, broken between words where a terminal is narrower."""
    if not sys.stderr.isatty():
        return [text]
    return wrapped(text, get_terminal_size().columns)


class PlainProgress(NoProgress):
    """For logs and pipes: one line per step."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def step(self, key: str, text: str, *, failed: bool = False) -> None:
        """Print a step, and each new wording of it, once."""
        if f"{key} {text}" not in self._seen:
            self._seen.add(f"{key} {text}")
            for line in _lines(clean(text)):
                print(line, file=sys.stderr, flush=True)


class JsonProgress(NoProgress):
    """For programs: one JSON object a line."""

    def __init__(self, app: App) -> None:
        from gpushopper.cli.output.documents.progress_lines import ProgressLines

        self._lines = ProgressLines(app)
        self._seen: set[tuple[str, str]] = set()
        self._text = ""
        self._cost = 0

    def step(self, key: str, text: str, *, failed: bool = False) -> None:
        """Print a step, and each new wording of it, once."""
        self._text = text
        if (key, text) not in self._seen:
            self._seen.add((key, text))
            self._lines.tell(text, failed=failed, cost=self._cost)

    def detail(self, text: str) -> None:
        """Print how far the current step is, where that is known."""
        if text:
            self._lines.tell(self._text, text, cost=self._cost)

    def cost(self, micros: int) -> None:
        """Keep the cost so far for the next line."""
        self._cost = micros


class LiveProgress(NoProgress):
    """For a terminal: completed steps, the current one, elapsed time, and the cost so far."""

    def __init__(self, clock: Clock | None = None) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False)
        self._clock = clock or SystemClock()
        self._began = self._clock.monotonic()
        self._key = self._text = self._detail = ""
        self._seen: set[str] = set()
        self._cost = 0
        self._mark = "✓"
        self._live: Live | None = None

    def __enter__(self) -> ProgressDisplay:
        from rich.live import Live

        self._live = Live(console=self._console, get_renderable=self._current, refresh_per_second=8, transient=True)
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        self._complete_step("·" if error else self._mark)

    def step(self, key: str, text: str, *, failed: bool = False) -> None:
        """Show a new step, or a new text of the current one; a step that was completed is not shown again.

        One that `failed` gets no tick; nor does what led to it, which this step says in its place.
        """
        if key != self._key:
            if key in self._seen:
                return
            if failed:
                self._text = ""
            self._complete_step(self._mark)
            self._detail = ""
            self._mark = "✗" if failed else "✓"
        self._seen.add(key)
        self._key, self._text = key, clean(text)

    def detail(self, text: str) -> None:
        """How far the current step is."""
        self._detail = clean(text)

    def cost(self, micros: int) -> None:
        """Update the cost so far."""
        self._cost = micros

    def _complete_step(self, mark: str) -> None:
        from rich.text import Text

        if self._text:
            self._console.print(Text.assemble((f"{mark} ", MARKS[mark]), self._text))
        self._text = ""

    def _current(self) -> Text:
        from rich.text import Text

        elapsed = self._clock.monotonic() - self._began
        spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(elapsed * 8) % 10]
        cost = f"  {money(self._cost)}" if self._cost >= SHOWN_FROM else ""
        detail = f"  {self._detail}" if self._detail else ""
        return Text.assemble((f"{spinner} ", "cyan"), self._text, (f"{detail}  {span(us(elapsed))}{cost}", "dim"))
