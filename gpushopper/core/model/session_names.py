"""Session names: decides which names are valid, and turns other text into a valid one."""

from __future__ import annotations

import re

MAX_NAME_LENGTH = 41
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_ID = re.compile(r"[a-z2-7]{16}")
"""The form of a session's id, as `engine.context.random_id(16)` makes it."""
EMPTY = "the name is empty (an unset variable?)"


def session_name_problem(name: str) -> str:
    """Why a new session cannot have this name; empty if it can. Not for looking up a session that exists."""
    if not name:
        return EMPTY
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot be a session's name: small letters, digits and hyphens, {MAX_NAME_LENGTH} at most"
    return f"{name!r} looks like the id of a session" if _ID.fullmatch(name) else ""


def to_valid_name(text: str, max_length: int = MAX_NAME_LENGTH) -> str:
    """The valid name most like a text: other characters become hyphens, what is too long is cut."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:max_length].strip("-") or "session"
    return f"{name[: max_length - 2]}-1" if _ID.fullmatch(name) else name
