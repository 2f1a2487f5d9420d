"""What `doctor` says of the system's keyring: which one there is, and whether it is open. None is no problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpushopper import config, secrets
from gpushopper.errors import ShopperError
from gpushopper.paths import Home


def check_keyring(
    home: Home, look: Callable[[float], str | secrets.KeyProblem] = secrets.look_at_keyring
) -> dict[str, Any]:
    """The check; keys that cannot be read for want of a keyring are problems of their own, so that this is none."""
    try:
        limit_s = config.load(home).keys.keyring_seconds
    except ShopperError:
        return _check("not asked: the settings cannot be read", "see the check of the configuration")
    found = look(limit_s)
    if isinstance(found, secrets.KeyProblem):
        return _check(found.text, "keys can be in a file that only you can read: gpu-shopper keys set vast --file")
    return _check(found, "unlock it, or log in to your desktop" if "locked" in found.split(", ") else "")


def _check(text: str, hint: str) -> dict[str, Any]:
    return {"name": "keyring", "ok": True, "optional": bool(hint), "text": text, "hint": hint}
