"""Check ids in replies and in our calls: what passes may stand in a request's path without being quoted (F83)."""

from __future__ import annotations

import re

_ID = re.compile(r"[1-9][0-9]{0,17}")


def number_id(value: object) -> str | None:
    """The id of a cloud that counts, as text; None for all but a positive whole number or its digits (F81, F83)."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value) if isinstance(value, str) or 0 < value < 10**18 else ""
    return text if _ID.fullmatch(text) else None
