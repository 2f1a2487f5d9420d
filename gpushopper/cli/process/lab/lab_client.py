"""The client of a server's daemon: it opens the way there in the place of starting one, and logs in with a key of ours.

What the server says of a login is not taken over: of it come an address, names and public keys, all checked, while the
options of ssh are this program's. A dishonest server could else have ssh run a command here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gpushopper.cli.process.lab.hosts import folder_in, read_host
from gpushopper.cli.process.lab.member_key import key_path, public_key
from gpushopper.cli.process.lab.tunnel import CODE, open_tunnel
from gpushopper.client import Client, JsonObject
from gpushopper.core.ssh_options import CONTROL_SUFFIX, FIXED, is_address
from gpushopper.errors import DaemonUnreachable, ProviderFailed, Refused
from gpushopper.paths import SOCKET_LIMIT, Home
from gpushopper.private_files import write_private
from gpushopper.wire.api.routes import READ_LIMIT_S

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView, Sessions, SessionView

_ATTEMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Names that no shell runs a part of: they come from another computer."""
LARGEST_HOST_KEY = 16_000


class LabClient(Client):
    """As `Client`, for the daemon on a server; it never starts, stops or replaces one."""

    def __init__(self, home: Home, on_wait: Callable[[], None] | None = None) -> None:
        def start(_why: str) -> None:
            open_tunnel(home)

        super().__init__(home, start, on_wait=on_wait)

    def sessions(self, *, consumer: str = "", status: str = "", only_open: bool = False) -> Sessions:
        """The sessions; their names are kept for TAB, as a daemon of this computer does it."""
        found = super().sessions(consumer=consumer, status=status, only_open=only_open)
        if not consumer and not status:
            keep_names(self.home, found.sessions)
        return found

    def connection(self, ref: str) -> ConnectionView:
        """How to log in from this computer, with the key that the session was rented with."""
        found = super().connection(ref)
        return found if found.is_simulated else own_connection(self.home, found)

    def _request(
        self, method: str, target: str, *, body: Mapping[str, Any] | None = None, limit_s: float = READ_LIMIT_S
    ) -> JsonObject:
        """One request; where the daemon cannot be used, what its owner can do is told, not its restart from here."""
        try:
            return super()._request(method, target, body=body, limit_s=limit_s)
        except DaemonUnreachable as error:
            if error.code == CODE:
                raise
            hint = f"it is the daemon on {read_host(self.home.host).target}: ask its owner to update or restart it"
            raise DaemonUnreachable(error.message, hint, code=error.code) from error


def keep_names(home: Home, sessions: Sequence[SessionView]) -> None:
    """Write the file that shells complete names from, if it says something else now; without it TAB is behind."""
    rows = [("ended" if each.ended_at is not None else "open", each.name) for each in sessions]
    text = "".join(f"{kind}\t{name}\n" for kind, name in rows if _PLAIN.fullmatch(name))
    with suppress(OSError):
        if not home.completion_names.exists() or home.completion_names.read_text("utf-8") != text:
            write_private(home.completion_names, text)


def own_connection(home: Home, found: ConnectionView) -> ConnectionView:
    """The same login with our key, our files and our options.

    Raises:
        Refused: the session lets another computer's key in.
        ProviderFailed: what came is no address.
    """
    if found.member_key != public_key(home):
        text = f"{found.name} lets in the key of the computer that it was rented from, and not this one's"
        raise Refused(text, "log in from there", code="other_key")
    if not is_address(found.host, found.port, found.user) or not _ATTEMPT.fullmatch(found.attempt):
        raise ProviderFailed("the server gave an address that is none", "ask the owner of that daemon")
    folder = folder_in(home, "ssh")
    known_hosts = folder / f"{found.attempt}.hosts"
    pinned = found.host_key[:LARGEST_HOST_KEY]
    if pinned:
        write_private(known_hosts, pinned)
    control = _control(home, found)
    values = {
        "StrictHostKeyChecking": "yes" if pinned else "accept-new",
        "HostKeyAlias": found.attempt,
        "UserKnownHostsFile": _quoted(known_hosts),
        "IdentityFile": _quoted(key_path(home)),
        "ControlPath": "none" if control is None else _quoted(control),
    }
    ours = {
        "options": [*FIXED, *(f"{name}={value}" for name, value in values.items())],
        "key": str(key_path(home)),
        "known_hosts": str(known_hosts),
        "control": None if control is None else str(control),
    }
    return cast("ConnectionView", JsonObject({**cast("JsonObject", found), **ours}))


def _control(home: Home, found: ConnectionView) -> Path | None:
    """The shared connection's socket; None where its path would be too long."""
    path = home.run / f"c-{found.attempt[:16]}-{found.port}"
    return path if len(str(path).encode()) + CONTROL_SUFFIX <= SOCKET_LIMIT else None


def _quoted(path: Path) -> str:
    """A path as an option's value: spaces kept, no percent sign expanded."""
    return '"' + str(path).replace("%", "%%") + '"'
