"""Find the session a request names: by id, name or unique prefix, or exactly where the request changes it."""

from __future__ import annotations

from difflib import get_close_matches

from gpushopper.core.model.session import Session
from gpushopper.engine.context import Context
from gpushopper.errors import NotFound
from gpushopper.store import sessions


def find(ctx: Context, ref: str) -> Session:
    """The session with this id, name or unique prefix: for requests that only read.

    Raises:
        NotFound: none, or more than one.
    """
    found = sessions.find_sessions(ctx.store, ref)
    if not found:
        raise NotFound(f"no session is called {ref!r}", _hint(ctx, ref), code="session_not_found")
    if len(found) > 1:
        names = ", ".join(sorted(s.name for s in found)[:5])
        raise NotFound(f"{ref!r} could be {names}", "type more of the name", code="session_ambiguous")
    return found[0]


def _hint(ctx: Context, ref: str) -> str:
    """What may have been meant, open sessions first, and where the names are."""
    every = sorted(sessions.load_sessions(ctx.store), key=lambda each: each.ended_at is not None)
    close = get_close_matches(ref, dict.fromkeys(each.name for each in every), n=1, cutoff=0.7)
    see = "see them with: gpu-shopper ls -a"
    return f"did you mean {close[0]}? {see}" if close else see


def find_exactly(ctx: Context, ref: str) -> Session:
    """The session with exactly this name or id: for requests that end, extend or log in to it.

    Raises:
        NotFound: none; a session whose name begins so is suggested.
    """
    found = sessions.find_exactly(ctx.store, ref)
    if len(found) == 1:
        return found[0]
    close = find(ctx, ref)  # raises where no session, or more than one, begins so
    raise NotFound(
        f"no session named {ref}; did you mean {close.name}?", "type its whole name", code="session_not_found"
    )
