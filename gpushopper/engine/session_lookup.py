"""Which session a request means."""

from __future__ import annotations

from gpushopper.core.model.session import Session
from gpushopper.engine.context import Context
from gpushopper.errors import NotFound
from gpushopper.store import sessions


def find(ctx: Context, ref: str) -> Session:
    """The one session meant by an id, a name or a unique prefix: for answers that only show it.

    Raises:
        NotFound: none, or more than one.
    """
    found = sessions.find_sessions(ctx.store, ref)
    if not found:
        raise NotFound(f"no session is called {ref!r}", "see them with: gpu-shopper sessions", code="session_not_found")
    if len(found) > 1:
        names = ", ".join(sorted(s.name for s in found)[:5])
        raise NotFound(f"{ref!r} could be {names}", "type more of the name", code="session_ambiguous")
    return found[0]


def find_exactly(ctx: Context, ref: str) -> Session:
    """The one session with this name or id: whatever ends, extends or logs in to one asks here.

    Raises:
        NotFound: none; a session whose name begins so is named, and never meant.
    """
    found = sessions.find_exactly(ctx.store, ref)
    if len(found) == 1:
        return found[0]
    close = find(ctx, ref)  # says so itself where nothing, or more than one, is called or begins so
    raise NotFound(
        f"no session named {ref}; did you mean {close.name}?", "type its whole name", code="session_not_found"
    )
