"""What was sent to an instance after its create: files, and variables of runs by their names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SentKind(StrEnum):
    """A variable's value is never kept, only its name (I21)."""

    FILE = "file"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class SentItem:
    """One file or folder of this computer, or one variable, and when it began to be sent (wall µs).

    `means` is the command: `cp`, `sync`, `run`. `target`: the path there, or the run's id.
    """

    attempt_id: str
    at: int
    kind: SentKind
    means: str
    name: str
    target: str
