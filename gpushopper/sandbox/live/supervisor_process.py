"""Starts one supervisor process and exchanges JSON messages with it over its stdin and stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpushopper.sandbox.live.supervisor_messages import ContainerSpec, HostState

END_LIMIT_S = 10.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def environment() -> dict[str, str]:
    """Return the environment of our own processes beside an instance: without any API key of the user."""
    return {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}


class SupervisorProcess:
    """A started supervisor. `starts` numbers the container it serves; `on_message` is called at each message."""

    def __init__(
        self, folder: Path, spec: ContainerSpec, host_state: HostState, starts: int, on_message: Callable[[], None]
    ) -> None:
        self.starts = starts
        self.facts: dict[str, Any] = {}
        self.is_over = False
        self._on_message = on_message
        self._host_state = host_state
        # Each by itself: the mode of `mkdir` does not hold for parents.
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._log = folder / "supervisor.log"
        with open(self._log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gpushopper.sandbox.live", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        self._send(asdict(spec))
        self._send(asdict(host_state))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def send_state(self, host_state: HostState) -> None:
        """Send the host's state, when it has changed."""
        if host_state != self._host_state:
            self._host_state = host_state
            self._send(asdict(host_state))

    def pids(self) -> dict[str, Any]:
        """Return the supervisor's process id, and that of PID 1 once it runs; whether ssh has been opened."""
        return {"supervisor": self._process.pid, "pid": self.facts.get("pid"), "ready": "ready" in self.facts}

    def close_pipe(self) -> None:
        """Close the pipe: the supervisor ends its container and itself. `wait` waits for that."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it has exited before and left something unread
            self._process.stdin.close()

    def wait(self) -> None:
        """Wait until the supervisor has ended; kill it when it takes too long."""
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(END_LIMIT_S)

    def _send(self, body: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has exited; the listener sets is_over
            self._process.stdin.write(json.dumps(body).encode() + b"\n")
            self._process.stdin.flush()

    def _note(self, text: str) -> None:
        with suppress(OSError), self._log.open("a") as log:
            log.write(f"{text}\n")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.facts.update(json.loads(line))
                if "failed" in self.facts:
                    self._note(f"the container did not start: {self.facts['failed']}")
                self._on_message()
        self.is_over = True
        self._on_message()
