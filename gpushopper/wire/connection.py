"""Response type of a connection: how to log in to an instance over ssh; key paths are sent, keys never (I21, I23)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """GET /sessions/{id}/connection. Each of `options` is one `Name=value` for ssh's -o.

    A simulated instance has no shell: then `is_simulated` is true and the rest is empty. `control` is the path of the
    shared connection, None where each login makes its own.
    """

    session: str
    name: str
    attempt: str
    health: str
    is_simulated: bool
    user: str = ""
    host: str = ""
    port: int = 0
    options: list[str] = field(default_factory=list)
    key: str = ""
    known_hosts: str = ""
    control: str | None = None
    host_key: str = ""
    """The lines of the host's known key, for one who logs in from another computer than the daemon's."""
    member_key: str = ""
    """The public key of whom it lets in beside the daemon; empty: only the daemon's computer can log in."""
