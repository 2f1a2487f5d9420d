"""Tags of sessions, such as `paper=neurips`: what costs are grouped by and budgets may be for."""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_TAGS = 20
MAX_VALUE_LENGTH = 100
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
KEY_RULE = "a tag's key has 1 to 40 small letters, digits, dots, hyphens and underscores"


def tags_problem(tags: Mapping[str, str]) -> str:
    """Why these tags cannot be; empty if they can."""
    if len(tags) > MAX_TAGS:
        return f"a session has at most {MAX_TAGS} tags"
    for key, value in tags.items():
        if not _KEY.fullmatch(key):
            return KEY_RULE
        if not value.strip() or value != value.strip() or len(value) > MAX_VALUE_LENGTH or not value.isprintable():
            return f"the value of the tag {key} must have 1 to {MAX_VALUE_LENGTH} characters"
    return ""
