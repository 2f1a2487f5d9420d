"""Read a program's stderr in the background and keep its last 4 KB, for error messages; the program never blocks."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import IO

KEPT_BYTES = 4096
JOIN_S = 2.0


class StderrTail:
    """Reads a stream on a thread of its own."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._text = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError, ValueError), self._stream:  # closed meanwhile, because the command ends early
            while chunk := self._stream.read1(KEPT_BYTES):  # type: ignore[attr-defined]
                self._text = (self._text + chunk)[-KEPT_BYTES:]

    def lines(self) -> list[str]:
        """The lines that are not blank, cut to 300 characters; foreign text."""
        self._thread.join(JOIN_S)
        return [line[:300] for line in self._text.decode("utf-8", "replace").splitlines() if line.strip()]
