"""Processes of the product without a new interpreter: forked from one that has imported it.

Importing takes two thirds of a daemon's start, and is the same in every test. What is forked has an id, files, signals,
variables and an end of its own, and runs the module as `python -m` does. Starts from nothing are tested in
tests/daemon/test_start.py, and with every daemon that a command starts.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
IMPORTED = (
    "gpushopper.daemon.one_shot",
    "gpushopper.daemon.run",
    "gpushopper.daemon.watchdog.job",
    "gpushopper.providers.tensordock.adapter",
    "gpushopper.providers.vast.adapter",
    "gpushopper.sandbox.server",
)
LARGEST = 1 << 20
"""Bytes of a request: arguments and variables."""


class Forked:
    """A running module: the part of `subprocess.Popen` that tests of daemons use."""

    def __init__(self, pid: int, status: int, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status once it has ended; minus the signal's number if that ended it."""
        if self.returncode is None:
            with selectors.DefaultSelector() as waiting:
                waiting.register(self._status, selectors.EVENT_READ)
                if not waiting.select(timeout):
                    raise subprocess.TimeoutExpired(f"pid {self.pid}", timeout or 0)
            self.returncode = int(os.read(self._status, 16))
            os.close(self._status)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; what is left to read of its output, which must fit into a pipe."""
        self.wait(timeout)
        left = []
        for stream in (self.stdout, self.stderr):
            left.append("" if stream is None or stream.closed else stream.read())
            if stream is not None:
                stream.close()
        return left[0], left[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has exited meanwhile
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forks:
    """Starts modules; the process that they are forked from has imported these, and ends with `close`."""

    def __init__(self, imported: Sequence[str] = IMPORTED) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.forked", str(theirs.fileno()), *imported]
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        self._socket.close()
        self._process.wait(60)

    def start(self, *words: str, env: Mapping[str, str], stdout: bool = False, stderr: bool = False) -> Forked:
        """Start `python -m WORDS` without input; with pipes for what is to be read, and else without output."""
        with ExitStack() as ours:
            empty = ours.enter_context(open(os.devnull, "r+b"))
            readers, files = [], [empty.fileno()]
            for is_read in (stdout, stderr):
                reader, writer = _pipe(ours) if is_read else (None, empty.fileno())
                readers.append(reader)
                files.append(writer)
            return self._ask(words, env, files, *[reader and open(reader, encoding="utf-8") for reader in readers])

    def run(self, *words: str, env: Mapping[str, str], given: str, timeout_s: float) -> tuple[int, str, str]:
        """Run `python -m WORDS` to its end: exit status, stdout and stderr."""
        with ExitStack() as ours:
            streams = [ours.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
            streams[0].write(given)
            streams[0].seek(0)
            process = self._ask(words, env, [stream.fileno() for stream in streams], None, None)
            try:
                code = process.wait(timeout_s)
            finally:
                process.kill()
            for stream in streams:
                stream.seek(0)
            return code, streams[1].read(), streams[2].read()

    def _ask(self, words: tuple[str, ...], env: Mapping[str, str], files: list[int], *streams: Any) -> Forked:
        mask = os.umask(0o077)
        os.umask(mask)
        request = json.dumps([words, dict(env), os.getcwd(), mask]).encode()
        with ExitStack() as ours:
            status, writer = _pipe(ours)
            socket.send_fds(self._socket, [request], [*files, writer])
            return Forked(int(self._socket.recv(16)), status, *streams)


def _pipe(ours: ExitStack) -> tuple[int, int]:
    """A pipe whose writing end is closed here once it has been sent."""
    reader, writer = os.pipe()
    ours.callback(os.close, writer)
    return reader, writer


# ---- the process that is forked


def serve(requests: socket.socket, imported: Sequence[str]) -> None:
    """Fork for each request, and tell each exit status, until the other side has gone."""
    for name in imported:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with selectors.DefaultSelector() as waiting:
        waiting.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.data is not None:
                    waiting.unregister(key.fd)
                    _tell(key.fd, *key.data)
                    continue
                request, files, _, _ = socket.recv_fds(requests, LARGEST, 4)
                if not request:
                    return
                pid = os.fork()
                if pid == 0:
                    _become(*json.loads(request), files)
                requests.send(str(pid).encode())
                for file in files[:3]:
                    os.close(file)
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, files[3]))


def _tell(ended: int, pid: int, status: int) -> None:
    os.close(ended)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody waits for it
        os.write(status, str(code).encode())
    os.close(status)


def _become(words: list[str], environ: dict[str, str], folder: str, mask: int, files: list[int]) -> None:
    """Run a module in this process as `python -m` would, and end."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, 256)
    os.umask(mask)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = [folder, *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep)), *sys.path[1:]]
    sys.argv = words
    # The interpreter's own have buffers, which may hold what belongs to the process that was forked.
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    code: Any = 0
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - outermost frame of this process
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
