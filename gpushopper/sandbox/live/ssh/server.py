"""The ssh server of one live instance: which ssh keys may log in, its host key, and when its port is closed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from pathlib import Path
from typing import Any

import asyncssh

from gpushopper.sandbox.live.instance.exec_in_container import SEARCH_PATH, ContainerExec, login_of
from gpushopper.sandbox.live.ssh.session import SshSession

_KEYS_LIMIT = 65_536
_READ_LIMIT_S = 3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SshServer:
    """Opens and closes the instance's ssh port.

    `keys` are the public keys attached through the API, which log in as root; `refuse_logins` refuses every key
    (`ssh_authfail`). `users` may log in.
    """

    def __init__(self, port: int, user: str | None = None) -> None:
        self.port = port
        self.users = ("root",) if user is None else ("root", user)
        self.container_exec: ContainerExec | None = None
        self.keys: list[str] = []
        self.refuse_logins = False
        self._host_key: Path | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.connections: set[asyncssh.SSHServerConnection] = set()
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)

    async def listen(self, host_key: Path | None) -> None:
        """Listen with this host key; with None, close the port so that connections are refused."""
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
            server_factory=lambda: _Connection(self),
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

    def drop_connections(self) -> None:
        """Abort every connection without a goodbye, as a lost network does."""
        for connection in tuple(self.connections):
            connection.abort()

    async def authorized_keys(self, user: str) -> asyncssh.SSHAuthorizedKeys | None:
        """Return the keys that may log in now: the attached ones and those in ~/.ssh/authorized_keys inside."""
        if self.refuse_logins or user not in self.users:
            return None
        attached = self.keys if user == "root" else []
        lines = [line for text in (*attached, await self._keys_inside(user)) for line in text.splitlines()]
        usable = "\n".join(line for line in lines if _is_key(line))
        return asyncssh.import_authorized_keys(usable) if usable else None

    async def _keys_inside(self, user: str) -> str:
        """Read authorized_keys from inside, so that a symbolic link there cannot lead to a file outside."""
        if self.container_exec is None:
            return ""
        file = f"{login_of(user)['HOME']}/.ssh/authorized_keys"
        words = self.container_exec.command("head", "-c", str(_KEYS_LIMIT), file)
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


class _Connection(asyncssh.SSHServer):
    """One ssh connection: authentication (public keys only) and port forwarding."""

    def __init__(self, ssh: SshServer) -> None:
        self._ssh = ssh

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._ssh.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ssh.connections.discard(self._connection)

    async def begin_auth(self, username: str) -> bool:
        self._user = username
        keys = await self._ssh.authorized_keys(username)
        if keys is not None:
            self._connection.set_authorized_keys(keys)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def session_requested(self) -> Any:
        container_exec = self._ssh.container_exec
        return False if container_exec is None else SshSession(container_exec, self._user)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Allow forwarding to loopback only, which the instance shares with this computer."""
        return dest_host in _LOOPBACK

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        """Likewise for a port there that is forwarded here: on loopback only."""
        return listen_host in _LOOPBACK


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
    """Bind the port that the supervisor pool has reserved (SO_REUSEPORT)."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener
