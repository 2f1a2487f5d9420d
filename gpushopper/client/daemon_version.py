"""The daemon's version against this command's: which is older, and what an older one does not know (S21, F99)."""

from __future__ import annotations

import json
from typing import Any

from gpushopper import __version__, errors
from gpushopper.client.http_exchange import Response

VERSION_HEADER = "X-Gpu-Shopper-Version"
"""A copy of the name in gpushopper.wire, as in the client."""


def version_of(response: Response) -> str:
    """The version of the daemon that answered; empty where it does not say it."""
    return response.headers.get(VERSION_HEADER.lower(), "")


def is_older(response: Response) -> bool:
    """Whether the daemon that answered is older than this client; one that does not say its version is not."""
    theirs = _release(version_of(response))
    return bool(theirs) and theirs < _release(__version__)


def is_newer(response: Response) -> bool:
    """Whether it is newer."""
    return _release(version_of(response)) > _release(__version__)


def refuse_unknown(response: Response) -> None:
    """Say that an older daemon does not know a request: it is not the request that is wrong.

    Raises:
        DaemonUnreachable: so it is.
    """
    if not is_older(response) or response.status not in (400, 404, 405):
        return
    if _error_code(response) in ("bad_request", "no_such_path", "no_such_method"):
        raise errors.DaemonUnreachable(
            f"the running daemon is version {version_of(response)}, and does not know this request of {__version__}",
            "try again when it has finished, or after: gpu-shopper daemon restart",
            code="daemon_outdated",
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+", maxsplit=1)[0].split(".") if part.isdigit())


def _error_code(response: Response) -> Any:
    try:
        return json.loads(response.content)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return None
