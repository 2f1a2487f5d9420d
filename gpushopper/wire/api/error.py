"""The one form of every error of the local API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorView:
    """What happened (`message`), what to do (`hint`, may be empty), and the stable word for it (`code`).

    `exit` is the exit status of a command that meets it. `request_id` finds the request in the daemon's log.
    """

    code: str
    message: str
    hint: str
    request_id: str
    exit: int


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """The body of every answer with a status of 400 or more; of /ready, only where it is no answer."""

    error: ErrorView
