"""Reads registry logins of open sessions after a restart, so that clients redact their passwords again (I21)."""

from __future__ import annotations

from collections.abc import Collection

from gpushopper.core.model.container_image import ImageLogin
from gpushopper.engine.context import Context
from gpushopper.errors import ShopperError
from gpushopper.store import sessions

READ_LIMIT_S = 25.0
"""Most seconds for one login to be read: a keyring may wait for its owner."""


def open_registries(ctx: Context) -> list[str]:
    """The registries whose login an instance of an open session may carry, and its status text may show."""
    return sorted({s.image_login for s in sessions.load_sessions(ctx.store, open_only=True) if s.image_login})


def load_redactions(ctx: Context, registries: Collection[str]) -> int:
    """Read these logins and add their passwords to the redactions; how many could be read.

    A login that cannot be read now, or that was replaced since it was sent, is not redacted: no row stores what was
    sent. May wait for a keyring, so it is called on a thread that may wait.
    """
    count = 0
    for registry in registries:
        try:
            found = ctx.read_login(registry, READ_LIMIT_S)
        except (ShopperError, ValueError, OSError):
            continue
        if isinstance(found, ImageLogin):
            ctx.redactions.add(found.redactions())
            count += 1
    return count
