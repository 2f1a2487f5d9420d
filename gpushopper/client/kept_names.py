"""The file of names that a home's daemon keeps for shells: read where that daemon is neither asked nor started."""

from __future__ import annotations

from gpushopper.paths import Home


def names_in(home: Home, *kinds: str) -> set[str]:
    """The names of these kinds (`open`, `ended`: sessions); empty where there is no file."""
    try:
        lines = home.completion_names.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return set()
    pairs = (line.partition("\t") for line in lines)
    return {name for kind, _, name in pairs if kind in kinds}
