"""The progress bar of `cp` and `pull` on a terminal: current file, and bytes of the whole copy."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from gpushopper.cli.remote.copy.path_arguments import to_text
from gpushopper.cli.terminal_text import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from gpushopper.cli.app import App

NAME_WIDTH = 40


class ProgressBar:
    """Counts bytes, and draws a bar if stderr is a terminal."""

    def __init__(self, app: App, total: int | None) -> None:
        self.moved = 0
        self._total = total
        self._shows = app.is_terminal(sys.stderr) and not app.as_json
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        if self._shows:
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        text = TextColumn("copying {task.description}", markup=False)
        columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(text, *columns, console=Console(stderr=True), transient=True)
        self._progress.start()
        self._task = self._progress.add_task("", total=self._total)

    def name(self, path: bytes) -> None:
        """Show which file is being transferred."""
        if self._progress is not None and self._task is not None:
            shown = clean(to_text(path))
            shown = shown if len(shown) <= NAME_WIDTH else f"...{shown[3 - NAME_WIDTH :]}"
            self._progress.update(self._task, description=shown)

    def add(self, count: int) -> None:
        """Count bytes that have been transferred, or need not be."""
        self.moved += count
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self.moved)

    def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is, as counted elsewhere."""
        self.moved = done
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text, completed=done, total=total)
