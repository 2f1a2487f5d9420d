"""One supervisor as the market sees it: a process with a pipe each way."""

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

from gpushopper.sandbox.live.supervisor_messages import Standing, Task

END_LIMIT_S = 10.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


def environment() -> dict[str, str]:
    """Return the variables of our own processes beside an instance: no key of the user's is among them."""
    return {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}


class Running:
    """A started supervisor. `starts` is the container it was started for; `heard` is called when it says something."""

    def __init__(self, folder: Path, task: Task, standing: Standing, starts: int, heard: Callable[[], None]) -> None:
        self.starts = starts
        self.facts: dict[str, Any] = {}
        self.is_over = False
        self._heard = heard
        self._standing = standing
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "supervisor.log").open("ab") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gpushopper.sandbox.live", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        self._send(asdict(task))
        self._send(asdict(standing))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def stand(self, standing: Standing) -> None:
        """Tell the supervisor how things stand, when that has changed."""
        if standing != self._standing:
            self._standing = standing
            self._send(asdict(standing))

    def pids(self) -> dict[str, Any]:
        """Return the supervisor's process id, and that of PID 1 once it runs; whether ssh has been opened."""
        return {"supervisor": self._process.pid, "pid": self.facts.get("pid"), "ready": "ready" in self.facts}

    def let_go(self) -> None:
        """Close the pipe: the supervisor ends its container and itself. `wait` waits for that."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended before and left something unread
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
        with suppress(OSError):  # it has ended; the listener says so
            self._process.stdin.write(json.dumps(body).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.facts.update(json.loads(line))
                self._heard()
        self.is_over = True
        self._heard()
