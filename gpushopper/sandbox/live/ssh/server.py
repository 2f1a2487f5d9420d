"""The ssh server of one instance: whom it lets in, with which host key, and when it does not answer at all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from pathlib import Path
from typing import Any

import asyncssh

from gpushopper.sandbox.live.instance.exec_in_container import SEARCH_PATH, Door
from gpushopper.sandbox.live.ssh.session import Login

_KEYS_LIMIT = 65_536
_READ_LIMIT_S = 3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Doorway:
    """Opens and closes the instance's ssh port; `keys` are those attached through the API."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.door: Door | None = None
        self.keys: list[str] = []
        self.locked = False
        self._host_key: Path | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._visitors: set[asyncssh.SSHServerConnection] = set()
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)

    async def answer(self, host_key: Path | None) -> None:
        """Listen with this host key from now on; with None, let connections be refused."""
        if host_key == self._host_key:
            return
        self._host_key = host_key
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        if host_key is None:
            return
        if not host_key.exists():
            _make_key(host_key)
        self._acceptor = await asyncssh.listen(
            sock=_listener(self.port),
            server_factory=lambda: _Server(self),
            server_host_keys=[str(host_key)],
            config=None,
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_scp=False,
            gss_host=None,
            login_timeout=30,
        )

    def cut_off(self) -> None:
        """Drop every connection without a word, as a lost network does."""
        for visitor in tuple(self._visitors):
            visitor.abort()

    async def admitted(self) -> asyncssh.SSHAuthorizedKeys | None:
        """Return the keys that may come in now: the attached ones and those the instance itself has on its disk."""
        if self.locked:
            return None
        lines = [line for text in (*self.keys, await self._keys_inside()) for line in text.splitlines()]
        usable = "\n".join(line for line in lines if _is_key(line))
        return asyncssh.import_authorized_keys(usable) if usable else None

    async def _keys_inside(self) -> str:
        """Read the file from inside, so that a link in its place leads nowhere else."""
        if self.door is None:
            return ""
        words = self.door.command("head", "-c", str(_KEYS_LIMIT), "/root/.ssh/authorized_keys")
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        reader = await asyncio.create_subprocess_exec(
            *words, stdin=nothing, stdout=pipe, stderr=nothing, env={"PATH": SEARCH_PATH}, cwd="/"
        )
        try:
            text, _ = await asyncio.wait_for(reader.communicate(), _READ_LIMIT_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                reader.kill()
            return ""
        return text.decode(errors="replace")


class _Server(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._doorway._visitors.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._doorway._visitors.discard(self._connection)

    async def begin_auth(self, username: str) -> bool:
        keys = await self._doorway.admitted() if username == "root" else None
        if keys is not None:
            self._connection.set_authorized_keys(keys)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def session_requested(self) -> Any:
        door = self._doorway.door
        return False if door is None else Login(door)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Forward to what listens on the instance, which shares our loopback."""
        return dest_host in _LOOPBACK


def _is_key(line: str) -> bool:
    try:
        asyncssh.import_authorized_keys(line)
    except ValueError:
        return False
    return True


def _make_key(path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:
        file.write(key.export_private_key())


def _listener(port: int) -> socket.socket:
    """Listen on the port that the market holds for us without listening."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener
