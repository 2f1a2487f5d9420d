"""A real ssh server on loopback, run as a process in its own PID and mount namespace: what a hostile host can be."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import asyncssh

SHELL = "/bin/sh"


class Server(asyncssh.SSHServer):
    def __init__(self, banners: int, text: str) -> None:
        self.banners, self.text = banners, text

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """Let ports be forwarded, as sshd does."""
        return True

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return listen_host == "127.0.0.1"

    def begin_auth(self, username: str) -> bool:
        for _ in range(self.banners):
            self.conn.send_auth_banner(self.text)
        return True


def environment(asked: str) -> dict[str, str]:
    """As sshd gives it: nothing of this process but what a login has."""
    home = os.environ["HOME"]
    path = f"{home}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {"HOME": home, "PATH": path, "USER": "root", "SHELL": SHELL, "SSH_ORIGINAL_COMMAND": asked}


class Files(asyncssh.SFTPServer):
    """OpenSSH's clients want a status at the end of a transfer, which the library does not send by itself."""

    def exit(self) -> None:
        self.channel.exit(0)


async def pump(source: asyncio.StreamReader, write: Callable[[bytes], None], drain: Callable[[], Any]) -> None:
    """Carry bytes until the end, without telling the other side of it: a status after the end would be lost."""
    try:
        while piece := await source.read(65536):
            write(piece)
            await drain()
    except (asyncssh.Error, OSError):
        return  # the other side has left


async def feed(source: asyncssh.SSHReader[bytes], child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    try:
        while piece := await source.read(65536):
            child.stdin.write(piece)
            await child.stdin.drain()
    except (asyncssh.Error, OSError):
        pass
    child.stdin.close()


async def serve_command(process: asyncssh.SSHServerProcess[bytes], instead: str) -> None:
    asked = process.command or f"exec {SHELL}"
    child = await asyncio.create_subprocess_exec(
        SHELL, "-c", instead or asked,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment(asked), cwd=os.environ["HOME"],
    )  # fmt: skip
    assert child.stdout is not None and child.stderr is not None
    feeding = asyncio.create_task(feed(process.stdin, child))
    await asyncio.gather(
        pump(child.stdout, process.stdout.write, process.stdout.drain),
        pump(child.stderr, process.stderr.write, process.stderr.drain),
    )
    if process.is_closing():
        child.kill()
    status = await child.wait()
    feeding.cancel()
    if status < 0:
        process.exit_with_signal("KILL")
    else:
        process.exit(status)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host-key", required=True)
    parser.add_argument("--authorized", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--instead", default="")
    parser.add_argument("--banners", type=int, default=0)
    parser.add_argument("--no-sftp", action="store_true")
    parser.add_argument("--banner", default="Welcome. Have fun!\n")
    given = parser.parse_args()
    text = given.banner * max(1, 30000 // len(given.banner)) if given.banners > 1 else given.banner
    acceptor = await asyncssh.create_server(
        lambda: Server(given.banners, text),
        "127.0.0.1",
        given.port,
        server_host_keys=[given.host_key],
        authorized_client_keys=given.authorized,
        process_factory=lambda process: serve_command(process, given.instead),
        sftp_factory=None if given.no_sftp else Files,
        encoding=None,
        line_editor=False,
    )
    print(acceptor.get_port(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the test lets go


if __name__ == "__main__":
    asyncio.run(main())
