"""Count the fields, status words and shapes in the provider's replies that this version does not know (D17, F81)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from gpushopper.providers.api import redact_line

_MOST = 200
"""Different names that are counted: a provider must not fill our memory."""


class UnknownFields:
    """A counter by name; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count one occurrence, for example `offer field: colour`."""
        name = redact_line(what, most=80)
        with self._lock:
            if name in self._counts or len(self._counts) < _MOST:
                self._counts[name] += 1

    def note_fields(self, kind: str, row: Mapping[str, object], known: frozenset[str]) -> None:
        """Count the fields of a row that vastai.md does not list."""
        for name in row.keys() - known:
            self.note(f"{kind} field: {name}")

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)
