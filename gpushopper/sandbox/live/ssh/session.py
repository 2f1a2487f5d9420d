"""One ssh session: runs a shell, a command or sftp inside the container and passes bytes between it and the client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import asyncssh

from gpushopper.sandbox.live.instance.disk import user_uid
from gpushopper.sandbox.live.instance.exec_in_container import ContainerExec, login_of, set_size

_PIECE = 65_536
_ACCEPTED = ("LANG", "LC_")


class SshSession(asyncssh.SSHServerSession[bytes]):
    """One session channel, as sshd would serve it."""

    def __init__(self, container_exec: ContainerExec, user: str = "root") -> None:
        self._container_exec = container_exec
        self._user, self._uid = user, 0 if user == "root" else user_uid()
        self._command: tuple[str, ...] = ("shell",)
        self._term: str | None = None
        self._size = (80, 24)
        self._terminal: int | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._waiting: list[bytes] = []
        self._eof = False
        self._ended = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._process: asyncio.subprocess.Process | None = None

    # Requests of the client

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        self._term, self._size = term_type, (term_size[0] or 80, term_size[1] or 24)
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._command = ("command", command)
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        self._command = ("sftp",)
        return subsystem == "sftp"

    def session_started(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._close_after)

    # Data and signals from the client

    def data_received(self, data: bytes, datatype: Any) -> None:
        if self._stdin is None:
            self._waiting.append(data)
            return
        self._stdin.write(data)
        if self._stdin.get_write_buffer_size() > _PIECE:
            self._chan.pause_reading()  # _StdinProtocol resumes it

    def eof_received(self) -> bool:
        self._eof = True
        if self._stdin is not None and self._terminal is None:
            self._stdin.close()
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        self._size = (width, height)
        if self._terminal is not None:
            set_size(self._terminal, width, height)

    def signal_received(self, signal_name: str) -> None:
        number = signal.Signals.__members__.get(f"SIG{signal_name}")
        if number is None:
            return
        for child in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def resume_reading(self) -> None:
        """Read on from the client: the program has read what was sent."""
        if not self._ended:
            self._chan.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hang up. Without a terminal the command goes on, as under a real sshd, until it uses a closed pipe."""
        self._ended = True
        self._writable.set()
        if self._stdin is not None:
            self._stdin.close()
        if self._terminal is not None:
            self._close_terminal()

    # Running the program

    async def _run(self) -> None:
        try:
            await (self._run_piped() if self._term is None else self._run_on_terminal())
        except OSError as error:  # the container is going down
            self._chan.write_stderr(f"{error}\n".encode())
            self._chan.exit(255)
            return
        assert self._process is not None
        code = await self._process.wait()
        if self._ended:
            return
        if code < 0:
            self._chan.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            self._chan.exit(code)

    def _close_after(self, task: asyncio.Task[None]) -> None:
        """Close the channel after an unexpected error; the traceback goes to the supervisor's log."""
        if not task.cancelled() and task.exception() is not None and not self._ended:
            self._chan.exit(255)
            task.result()

    async def _run_piped(self) -> None:
        # A pipe of our own: asyncio drops the data in its pipe when the program exits before the pipe is connected.
        child_end, our_end = os.pipe()
        try:
            await self._spawn(False, child_end, asyncio.subprocess.PIPE, asyncio.subprocess.PIPE)
        except OSError:
            os.close(our_end)
            raise
        finally:
            os.close(child_end)
        await self._feed(our_end)
        process = self._process
        assert process is not None and process.stdout and process.stderr
        await asyncio.gather(
            self._forward(process.stdout, None), self._forward(process.stderr, asyncssh.EXTENDED_DATA_STDERR)
        )

    async def _run_on_terminal(self) -> None:
        self._terminal, child_end = self._container_exec.open_terminal(self._uid)
        our_end = os.dup(self._terminal)  # stays open if the client hangs up during the start
        try:
            set_size(self._terminal, *self._size)
            await self._spawn(True, child_end, child_end, child_end)
        except OSError:
            os.close(our_end)
            raise
        finally:
            os.close(child_end)
        await self._feed(os.dup(our_end))
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(our_end, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            await self._forward(reader, None)
        finally:
            transport.close()
            self._close_terminal()

    async def _spawn(self, terminal: bool, stdin: int, stdout: int, stderr: int) -> None:
        login = ("/bin/sh", "/.instance/login", *self._command)
        words = self._container_exec.command(*login, terminal=terminal, uid=self._uid)
        self._process = await asyncio.create_subprocess_exec(
            *words, stdin=stdin, stdout=stdout, stderr=stderr, env=self._environment(), cwd="/", start_new_session=True
        )

    def _environment(self) -> dict[str, str]:
        """Return the session's environment: none of our variables, and of the client's only those sshd accepts."""
        accepted = {k: v for k, v in self._chan.get_environment().items() if k.startswith(_ACCEPTED)}
        host, port = self._chan.get_extra_info("peername")[:2]
        here, at = self._chan.get_extra_info("sockname")[:2]
        where = {"SSH_CLIENT": f"{host} {port} {at}", "SSH_CONNECTION": f"{host} {port} {here} {at}"}
        variables = {**login_of(self._user), **accepted, **where}
        return variables if self._term is None else {**variables, "TERM": self._term}

    async def _feed(self, handle: int) -> None:
        """Connect stdin of the program and send the data that came before."""
        pipe = os.fdopen(handle, "wb", buffering=0)
        loop = asyncio.get_running_loop()
        self._stdin, _ = await loop.connect_write_pipe(lambda: _StdinProtocol(self), pipe)
        for data in self._waiting:
            self._stdin.write(data)
        if (self._eof and self._terminal is None) or self._ended:
            self._stdin.close()

    async def _forward(self, source: asyncio.StreamReader, datatype: int | None) -> None:
        with contextlib.suppress(OSError):  # a terminal ends with EIO
            while data := await source.read(_PIECE):
                await self._writable.wait()
                if self._ended:
                    return
                self._chan.write(data, datatype)

    def _close_terminal(self) -> None:
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None

    def _children(self) -> list[int]:
        if self._process is None:
            return []
        pid = self._process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class _StdinProtocol(asyncio.Protocol):
    """Flow control of stdin: resumes reading from the client when the program has read."""

    def __init__(self, session: SshSession) -> None:
        self._session = session

    def resume_writing(self) -> None:
        # Not directly: an EOF that follows at once would make the pipe drop data it still holds (measured).
        asyncio.get_running_loop().call_soon(self._session.resume_reading)
