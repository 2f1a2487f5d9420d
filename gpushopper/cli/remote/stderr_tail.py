"""The last words of a program, read all the time so that it never waits for us; of a flood only the end is kept."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import IO

KEPT = 4096
JOIN_S = 2.0


class LastWords:
    """Reads a stream on its own thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._text = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError, ValueError), self._stream:  # closed meanwhile: the command leaves early
            while piece := self._stream.read1(KEPT):  # type: ignore[attr-defined]
                self._text = (self._text + piece)[-KEPT:]

    def lines(self) -> list[str]:
        """The lines that say something, none very long; they are foreign text."""
        self._thread.join(JOIN_S)
        return [line[:300] for line in self._text.decode("utf-8", "replace").splitlines() if line.strip()]
