"""The socket of a lab server's members: a second one beside the owner's, open to one group, off unless that is set.

It has a folder of its own, so that the home folder stays closed to everybody else; and connections and threads of its
own, so that members cannot take the owner's. What keeps it from opening is noted, and tried again: the daemon and its
owner's socket go on all the same, for they end sessions.
"""

from __future__ import annotations

import grp
import os
import stat
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import structlog

from gpushopper.config.lab_server import DaemonSettings
from gpushopper.daemon.api.connections import BufferedRequests
from gpushopper.daemon.api.listener import LISTEN_QUEUE, READ_LIMIT_S, STOP_LIMIT_S, SocketServer, identity_of
from gpushopper.paths import GROUP_SOCKET, SOCKET_LIMIT

THREADS = 4
"""Requests of members that are handled at once; the owner's have threads of their own."""
CONNECTIONS = 32
OF_ONE = 8
"""Connections that one user may have open: one that fills theirs takes nobody else's."""
FOLDER_MODE = 0o750

_log = structlog.get_logger(__name__)


class _GroupServer(SocketServer):
    most_of_one = OF_ONE


def socket_of(settings: DaemonSettings) -> str:
    """Where members find it; empty where no group is set."""
    return "" if settings.group is None else str(Path(settings.group_folder) / GROUP_SOCKET)


class Unusable(Exception):
    """Why the socket cannot be opened, in words for the owner."""


class GroupSocket:
    """The socket and its threads. `open` is called again by a job: until it has worked, and when the socket is gone."""

    def __init__(self, settings: DaemonSettings, app: Any, private: Collection[Path] = ()) -> None:
        """`private` are folders of the owner that it must never be in."""
        self._private = private
        self._group = settings.group
        self._folder = Path(settings.group_folder)
        self._app = app
        self._server: Any = None
        self._identity: tuple[int, int] | None = None
        self.problem = ""
        """Why it is not open; empty where it is, or no group is set."""

    @property
    def path(self) -> Path:
        """Where members find it."""
        return self._folder / GROUP_SOCKET

    def open(self) -> None:
        """Listen, where a group is set and it does not yet; what keeps it from that is noted."""
        if self._group is None or (self._server is not None and identity_of(self.path) == self._identity):
            return
        self.close()
        try:
            self._listen(prepare_folder(self._folder, self._group, self._private))
            problem = ""
        except Unusable as why:
            problem = f"the members' socket is not open: {why}"
        except OSError as error:
            problem = f"the members' socket is not open: {self.path}: {error.strerror or error}"
        if problem and problem != self.problem:
            _log.warning("members", text=problem)
        self.problem = problem

    def close(self) -> None:
        """Stop listening, and remove the socket if it is still ours."""
        server, self._server = self._server, None
        if server is None:
            return
        is_ours = identity_of(self.path) == self._identity
        server.stop()
        if is_ours:
            self.path.unlink(missing_ok=True)

    def _listen(self, gid: int) -> None:
        if len(os.fsencode(self.path)) > SOCKET_LIMIT:
            raise Unusable(f"its path is longer than {SOCKET_LIMIT} bytes: {self.path}")
        server = _GroupServer(
            str(self.path), BufferedRequests(self._app, THREADS), numthreads=CONNECTIONS, max=CONNECTIONS,
            timeout=READ_LIMIT_S, shutdown_timeout=STOP_LIMIT_S, accepted_queue_size=CONNECTIONS,
            accepted_queue_timeout=1, request_queue_size=LISTEN_QUEUE, peercreds_enabled=True,
        )  # fmt: skip
        server.gid = gid
        server.prepare()
        self._server, self._identity = server, identity_of(self.path)
        threading.Thread(target=server.serve, name="members", daemon=True).start()


def prepare_folder(folder: Path, group: str, private: Collection[Path] = ()) -> int:
    """Make the socket's folder ours, open to this group and to nobody else; the group's id.

    Raises:
        Unusable: there is no such group, somebody else could put another socket in its place, or members cannot enter.
        OSError: it cannot be made or changed.
    """
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        raise Unusable(f"there is no group {group} on this computer") from None
    real = folder.resolve()
    if any(real == each.resolve() for each in private):
        raise Unusable(f"{folder} is the daemon's own: the members' socket needs a folder of its own")
    for above in {*folder.parents, *real.parents}:
        _check_above(above, gid)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except PermissionError:
        raise Unusable(f"{folder} is not there: make it with: {_install(folder, group)}") from None
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Unusable(f"{folder} is not a folder of the daemon's user: make it with: {_install(folder, group)}")
    if found.st_gid != gid:
        folder.chmod(0o700)
        try:
            os.chown(folder, -1, gid)
        except PermissionError:
            raise Unusable(f"the daemon's user is not in the group {group}, or has not logged in since") from None
    folder.chmod(FOLDER_MODE)
    return gid


def _check_above(above: Path, gid: int) -> None:
    """Refuse a folder whose content others may rename, and one that members cannot pass."""
    found = above.stat()
    if found.st_uid not in (0, os.geteuid()) or (found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX):
        raise Unusable(f"others than the daemon's user can change {above}")
    if not (found.st_mode & 0o001 or (found.st_gid == gid and found.st_mode & 0o010)):
        raise Unusable(f"members cannot enter {above}")


def _install(folder: Path, group: str) -> str:
    return f"sudo install -d -o $USER -g {group} -m 0750 {folder}"
