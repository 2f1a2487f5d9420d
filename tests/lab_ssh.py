"""An ssh server on loopback whose logins are another user's: sockets are connected, and commands run, under their uid.

As sshd does it for a user of the server; run by tests as root, since only root can become somebody else.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

import asyncssh

CARRY = """
import os, socket, sys, threading
channel = socket.socket(socket.AF_UNIX)
channel.connect(sys.argv[1])
def send():
    while piece := os.read(0, 65536):
        channel.sendall(piece)
threading.Thread(target=send, daemon=True).start()
while piece := channel.recv(65536):
    os.write(1, piece)
os._exit(0)
"""


class Server(asyncssh.SSHServer):
    def __init__(self, prefix: list[str]) -> None:
        self.prefix = prefix

    def unix_connection_requested(self, dest_path: str) -> Any:
        async def carry(reader: Any, writer: Any) -> None:
            # -I -S: the other user may read neither the checkout nor its packages, and needs none of them.
            words = [*self.prefix, os.path.realpath(sys.executable), "-I", "-S", "-c", CARRY, dest_path]
            child = await asyncio.create_subprocess_exec(
                *words, cwd="/", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            feeding = asyncio.create_task(pump(reader, child.stdin))
            await pump(child.stdout, writer)
            writer.close()
            feeding.cancel()
            await child.wait()

        return carry


async def pump(source: Any, sink: Any) -> None:
    try:
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    except (asyncssh.Error, OSError):
        return


async def serve_command(process: asyncssh.SSHServerProcess[bytes], prefix: list[str]) -> None:
    child = await asyncio.create_subprocess_exec(
        *prefix, "sh", "-c", process.command or "true", cwd="/", stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await child.communicate(await process.stdin.read())
    process.stdout.write(said)
    process.exit(child.returncode or 0)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host-key", required=True)
    parser.add_argument("--authorized", required=True)
    parser.add_argument("--uid", type=int, required=True)
    parser.add_argument("--group", type=int, required=True)
    given = parser.parse_args()
    prefix = ["setpriv", f"--reuid={given.uid}", f"--regid={given.uid}", f"--groups={given.group}"]
    acceptor = await asyncssh.create_server(
        lambda: Server(prefix), "127.0.0.1", 0, server_host_keys=[given.host_key],
        authorized_client_keys=given.authorized, process_factory=lambda process: serve_command(process, prefix),
        encoding=None, line_editor=False,
    )  # fmt: skip
    print(acceptor.get_port(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the test lets go


if __name__ == "__main__":
    asyncio.run(main())
