"""The progress of `cp` and `pull`, current file and bytes of the whole copy: a bar on a terminal, or JSON lines."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from gpushopper.cli.output.documents.progress_lines import ProgressLines
from gpushopper.cli.remote.copy.path_arguments import to_text
from gpushopper.cli.terminal_text import clean

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from gpushopper.cli.app import App

NAME_WIDTH = 40


class ProgressBar:
    """Counts bytes; draws a bar if stderr is a terminal, or prints lines for `--progress json`."""

    def __init__(self, app: App, total: int | None) -> None:
        self.moved = 0
        self._total = total
        self._shows = app.progress == "auto" and app.is_terminal(sys.stderr) and not app.as_json
        self._lines = ProgressLines(app) if app.progress == "json" else None
        self._name = ""
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        if self._shows:
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._lines is not None and error is None:
            self._lines.tell_bytes(self._name, self.moved, self._total, is_last=True)

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
        self._name = clean(to_text(path))
        if self._progress is not None and self._task is not None:
            shown = self._name
            shown = shown if len(shown) <= NAME_WIDTH else f"...{shown[3 - NAME_WIDTH :]}"
            self._progress.update(self._task, description=shown)

    def add(self, count: int) -> None:
        """Count bytes that have been transferred, or need not be."""
        self.moved += count
        self._tell()
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self.moved)

    def _tell(self) -> None:
        if self._lines is not None:
            self._lines.tell_bytes(self._name, self.moved, self._total)

    def show(self, text: str, done: int, total: int) -> None:
        """Show how far it is, as counted elsewhere."""
        self.moved, self._total, self._name = done, total, text
        self._tell()
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text, completed=done, total=total)
