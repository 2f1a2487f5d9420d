"""The label, which proves an instance ours: who made it, for which attempt, and when it must be gone (D3, I3).

Version 2 is written: `gs2-<installation 10>-<attempt 16>-<hard maximum 4><check 4>`, 40 characters, lower-case base32.
Version 1, `gs1-<installation 10>-<attempt 16>-<check 4>`, is on instances that older releases made and is read for
ever. It names no hard maximum.

The hard maximum is for those who have no record of the attempt. Where there is one, the record counts: a label can be
edited in a console, the record cannot.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from gpushopper.core.timing.clock_snapshot import EARLIEST_WALL, HOUR

LABEL_LENGTH = 40

LABEL_VARIABLE = "GS_LABEL"
"""Environment variable of the instance that carries the label a second time (S4)."""

HARD_MAX_FROM = EARLIEST_WALL
"""2020-01-01 UTC, in µs: hour 0 of a label."""
HARD_MAX_UNTIL = HARD_MAX_FROM + (32**4 - 1) * HOUR
"""The last hour that four base32 digits name, in the year 2139."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_OWNER = r"([a-z2-7]{10})-([a-z2-7]{16})"
_GS1 = re.compile(rf"gs1-{_OWNER}-[a-z2-7]{{4}}")
_INSIDE = re.compile(rf"(?<![a-z0-9])gs[12]-{_OWNER}-[a-z2-7]{{4}}(?:[a-z2-7]{{4}})?(?![a-z0-9])")
_GS2 = re.compile(rf"gs2-{_OWNER}-([a-z2-7]{{4}})[a-z2-7]{{4}}")


@dataclass(frozen=True, slots=True)
class Label:
    """The content of a valid label; `hard_max_at` is a whole hour in wall µs, None in version 1."""

    version: int
    installation: str
    attempt: str
    hard_max_at: int | None = None

    @property
    def text(self) -> str:
        """The label as an instance carries it; the last four characters check all before them."""
        head = f"gs{self.version}-{self.installation}-{self.attempt}"
        if self.hard_max_at is None:
            return f"{head}-{_check(head)}"
        head += f"-{_hour_digits(self.hard_max_at)}"
        return head + _check(head)

    def is_same_attempt(self, other: Label | None) -> bool:
        """Whether both name one attempt of one installation, whatever hard maximum they claim."""
        return other is not None and (self.installation, self.attempt) == (other.installation, other.attempt)


def make_label(installation: str, attempt: str, hard_max_at: int) -> str:
    """The label of a new attempt; `hard_max_at` (wall µs) is rounded up to a whole hour, so that it never ends early.

    Raises:
        ValueError: an id is not of the label's form, or the hard maximum is not between 2020 and 2139.
    """
    hour = -(-hard_max_at // HOUR) * HOUR
    if not HARD_MAX_FROM <= hour <= HARD_MAX_UNTIL:
        raise ValueError("the hard maximum is out of the label's range: is the clock right?")
    label = Label(2, installation, attempt, hour)
    if parse_label(label.text) != label:
        raise ValueError("installation or attempt id is not of the label's form")
    return label.text


@lru_cache(maxsize=1024)
def parse_label(text: str | None) -> Label | None:
    """The content, only of text this module could have made: exact length, case and check characters (I3)."""
    label = _read(text) if text else None
    return label if label is not None and label.text == text else None


def find_label(text: str) -> Label | None:
    """The first valid label inside a name that may hold more: `LABEL-disk`, `disk of LABEL`."""
    found = (parse_label(match[0]) for match in _INSIDE.finditer(text))
    return next((label for label in found if label is not None), None)


def label_beginnings(installation: str) -> tuple[str, ...]:
    """How every label of an installation begins, in each version."""
    return tuple(f"gs{version}-{installation}-" for version in (1, 2))


def _read(text: str) -> Label | None:
    """The content of text that has a label's form, its check characters not looked at."""
    if match := _GS2.fullmatch(text):
        return Label(2, match[1], match[2], _hour_of(match[3]))
    if match := _GS1.fullmatch(text):
        return Label(1, match[1], match[2])
    return None


def _check(head: str) -> str:
    return base64.b32encode(hashlib.sha256(head.encode()).digest()).decode().lower()[:4]


def _hour_digits(hard_max_at: int) -> str:
    hours = (hard_max_at - HARD_MAX_FROM) // HOUR
    return "".join(_ALPHABET[hours >> shift & 31] for shift in (15, 10, 5, 0))


def _hour_of(digits: str) -> int:
    hours = 0
    for digit in digits:
        hours = hours << 5 | _ALPHABET.index(digit)
    return HARD_MAX_FROM + hours * HOUR
