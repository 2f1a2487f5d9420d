"""Hold a port forward until it is interrupted: an ssh process of its own, started again when the connection is lost."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from gpushopper.cli.polling import WaitTimeout, poll
from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.stderr_tail import StderrTail
from gpushopper.errors import ShopperError, UsageError

if TYPE_CHECKING:
    from gpushopper.cli.app import App
    from gpushopper.wire import ConnectionView

_LOOPBACK = "127.0.0.1"
OPEN_LIMIT_S = 30.0
RETRY_DELAYS_S = (0.5, 1, 2, 5, 10)


def free_port(wanted: int | None) -> int:
    """A port that is free here now: the wanted one, or any.

    Raises:
        UsageError: the wanted one is taken.
    """
    try:
        with socket.create_server((_LOOPBACK, wanted or 0)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise UsageError(f"port {wanted} cannot be used here: {error.strerror}", "choose another, or none") from error


class PortForward:
    """From a port here to one on the instance's loopback address; closed with the block."""

    def __init__(self, app: App, found: ConnectionView, here: int, there: int) -> None:
        self._app = app
        self._found = found
        self._here = here
        self._there = there
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: StderrTail | None = None

    def __enter__(self) -> PortForward:
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def hold(self) -> None:
        """Wait; after each loss of the connection it is opened again. Ends only by an exception.

        Raises:
            Refused: the session is ending.
        """
        pause, tries = threading.Event(), 0
        while True:
            assert self._process is not None
            self._process.wait()
            self._app.note(f"the connection to {self._found.name} is lost ({self._reason()}); reconnecting")
            while True:
                pause.wait(RETRY_DELAYS_S[min(tries, len(RETRY_DELAYS_S) - 1)])
                self._found = ssh_connection.find(self._app, self._found.session)
                try:
                    self._open()
                    break
                except ShopperError:
                    tries += 1
            self._app.note(f"connected to {self._found.name} again")
            tries = 0

    def _open(self) -> None:
        """Start ssh, and wait until the port here is served.

        Raises:
            ShopperError: ssh failed.
        """
        flags = ["-N", "-o", "ExitOnForwardFailure=yes"]
        flags.append(f"-L{_LOOPBACK}:{self._here}:{_LOOPBACK}:{self._there}")
        try:
            self._process = subprocess.Popen(
                ssh_connection.ssh_argv(self._found, flags=flags),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=ssh_connection.environment(),
            )
        except FileNotFoundError as error:
            raise ssh_connection.program_missing("ssh") from error
        assert self._process.stderr is not None
        self._stderr = StderrTail(self._process.stderr)
        try:
            poll(self._is_settled, OPEN_LIMIT_S)
        except WaitTimeout:
            self._process.kill()
        if self._process.poll() is not None:
            raise ShopperError(f"{self._found.name} cannot be reached: {self._reason()}", "try again", code="unreached")

    def _is_settled(self) -> bool:
        """Whether ssh has ended, or the port is served."""
        assert self._process is not None
        if self._process.poll() is not None:
            return True
        try:
            socket.create_connection((_LOOPBACK, self._here), timeout=1).close()
        except OSError:
            return False
        return True

    def _reason(self) -> str:
        lines = self._stderr.lines() if self._stderr is not None else []
        return lines[-1] if lines else "no reason given"
