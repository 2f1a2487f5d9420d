"""Names of sessions: what may be chosen, and how other text is made to fit."""

from __future__ import annotations

import re

MAX_NAME_LENGTH = 41
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_ID = re.compile(r"[a-z2-7]{16}")
"""The form of a session's id, as `engine.context.random_id(16)` makes it."""
EMPTY = "the name is empty (an unset variable?)"


def session_name_problem(name: str) -> str:
    """Why a session cannot be given this name, or nothing.

    Sessions that have another name already keep it: this is asked when a name is chosen, never when one is looked up.
    """
    if not name:
        return EMPTY
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot be a session's name: small letters, digits and hyphens, {MAX_NAME_LENGTH} at most"
    return f"{name!r} looks like the id of a session" if _ID.fullmatch(name) else ""


def to_valid_name(text: str, longest: int = MAX_NAME_LENGTH) -> str:
    """The nearest name that may be given: other characters become hyphens, what is too long is cut."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].strip("-") or "session"
    return f"{name[: longest - 2]}-1" if _ID.fullmatch(name) else name
