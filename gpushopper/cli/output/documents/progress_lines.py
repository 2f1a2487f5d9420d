"""Progress for programs (`--progress json`): one JSON object a line on stderr, whatever the format of the answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpushopper.cli.output import json_output
from gpushopper.core.timing.clock_snapshot import SECOND

if TYPE_CHECKING:
    from gpushopper.cli.app import App

EVERY_US = SECOND
"""How often bytes are told at most."""


class ProgressLines:
    """Prints each step once, as `rows.ProgressRow` has it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._began = app.now().boot
        self._told: tuple[object, ...] = ()
        self._bytes_at = -EVERY_US

    def tell(self, text: str, detail: str = "", *, failed: bool = False, cost: int = 0) -> None:
        """Print a step, unless the last line said the same."""
        if self._told != (text, detail, failed):
            self._told = (text, detail, failed)
            self._print(text, detail, failed, cost, None, None)

    def tell_bytes(self, text: str, done: int, total: int | None, *, is_last: bool = False) -> None:
        """Print how far a copy is: once a second, and at its end."""
        now = self._app.now().boot
        if now - self._bytes_at < EVERY_US and not is_last:
            return
        self._bytes_at = now
        self._print(text, "", False, 0, done, total)

    def _print(self, text: str, detail: str, failed: bool, cost: int, done: int | None, total: int | None) -> None:
        now = self._app.now()
        row = {
            "at": now.wall, "text": self._app.with_sandbox_flag(text), "detail": detail, "failed": failed,
            "elapsed_us": now.boot - self._began, "cost_micros": cost, "bytes": done, "total_bytes": total,
        }  # fmt: skip
        print(json_output.line({"progress": row}), file=sys.stderr, flush=True)
