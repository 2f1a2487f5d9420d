"""Count the fields, status words and shapes in the provider's replies that this version does not know (D17, F81)."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping

from gpushopper.core.cloud import KEY_PATTERN
from gpushopper.providers.api import redact_line

_MOST = 200
"""Different names that are counted: a provider must not fill our memory."""


class UnknownFields:
    """A counter by name; safe to use from any thread. `key_pattern` is the cloud's (`Traits`)."""

    def __init__(self, key_pattern: str = KEY_PATTERN) -> None:
        self._keys = re.compile(key_pattern)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count one occurrence, for example `offer field: colour`."""
        name = self.line(what, most=80)
        with self._lock:
            if name in self._counts or len(self._counts) < _MOST:
                self._counts[name] += 1

    def line(self, text: str, most: int = 300) -> str:
        """Text of a row for people: on one line, without what looks like a key."""
        return redact_line(text, most=most, keys=self._keys)

    def note_fields(self, kind: str, row: Mapping[str, object], known: frozenset[str]) -> None:
        """Count the fields of a row that the adapter does not know."""
        for name in row.keys() - known:
            self.note(f"{kind} field: {name}")

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)
