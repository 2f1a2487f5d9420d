"""Run the user's own command for a message: JSON on its stdin, no shell, none of our secrets, bounded in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from gpushopper.core.alerts.delivery import DELIVERED, Outcome, Result
from gpushopper.notify.message import Message
from gpushopper.paths import with_user_bus

LIMIT_S = 30.0
_PASSED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY",
    "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
)  # fmt: skip
"""Variables that it gets, with LC_*: the daemon's others may be keys (I21)."""


def run(argv: Sequence[str], message: Message, limit_s: float = LIMIT_S) -> Outcome:
    """Run it once; what it prints is not kept, and what it has started ends with it."""
    line = json.dumps({"id": message.id, "title": message.title, "message": message.text, **message.as_json()})
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment(os.environ),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a command"
        return Outcome(Result.UNREACHABLE, f"the command cannot be started: {why}")
    try:
        process.communicate(f"{line}\n".encode(), limit_s)
    except subprocess.TimeoutExpired:
        return Outcome(Result.UNREACHABLE, f"the command did not end within {limit_s:.0f} s")
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0:
        return Outcome(Result.UNREACHABLE, f"the command ended with status {process.returncode}")
    return DELIVERED


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What the command sees of the daemon's variables."""
    shown = with_user_bus(variables)
    return {name: text for name, text in shown.items() if name in _PASSED or name.startswith("LC_")}
