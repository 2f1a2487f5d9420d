"""What to bring home, and what came of it, as values: all of it is here and verified, or why not yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LandingOrder:
    """What to bring home from one instance: pairs of a folder there and a folder here.

    `hook_s`: how long its hook is waited for first; 0 where it has none. `by_user`: its user ends it, so that it must
    be told to end. `is_told_begin`: all is here already, and its instance was told when that was listed.
    """

    session_id: str
    name: str
    pulls: tuple[tuple[str, str], ...]
    most_bytes: int | None = None
    hook_s: float = 0
    by_user: bool = False
    is_told_begin: bool = False


@dataclass(frozen=True, slots=True)
class Landed:
    """All folders are here. `folders` are their paths here; `changed` and `left_out` name files (ends.md E8).

    `untold`: why its instance could not be told that.
    """

    folders: tuple[str, ...]
    files: int
    bytes: int
    changed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    by_hand: bool = False
    untold: str = ""


@dataclass(frozen=True, slots=True)
class PulledByHand:
    """What its user has pulled: when that began (wall µs), the folders there, and what is here of them, verified."""

    began_at: int
    theirs: frozenset[str]
    found: Landed


@dataclass(frozen=True, slots=True)
class NotLanded:
    """Why not; what has arrived is kept, and the next try goes on from there.

    `is_here`: all is here, but its instance does not know that yet.
    """

    why: str
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class LandingProgress:
    """How much of a pull under way has arrived."""

    files: int = 0
    bytes: int = 0
    total_files: int = 0
    total_bytes: int = 0
