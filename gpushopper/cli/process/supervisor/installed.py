"""Systemd's user manager and launchd: which is here, and how each installs, starts and stops the daemon of a home."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gpushopper.cli.process.supervisor.unit_text import launch_agent, systemd_unit
from gpushopper.errors import Misconfigured
from gpushopper.paths import HOME_VARIABLE, Home, with_user_bus

NAME = "gpu-shopper"
ASK_LIMIT_S = 150.0
"""A start waits until the daemon is ready (`unit_text.START_LIMIT_S`)."""


class Manager(Protocol):
    """Installs, starts and stops the daemon of one home."""

    path: Path
    """Where the unit's file is, or would be."""

    def text(self, command: list[str], variables: Mapping[str, str]) -> str:
        """The file's text."""
        ...

    def install(self) -> None:
        """Take up the file that has been written, start the daemon, and do so at each login.

        Raises:
            Misconfigured: the manager refuses, with what it said.
        """
        ...

    def uninstall(self) -> None:
        """Stop the daemon, and start it no more; the file is removed by the caller. Raises as `install`."""
        ...

    def forget(self) -> None:
        """Note that the file is gone."""
        ...

    def start(self) -> None:
        """Start it, unless it runs. Raises as `install`."""
        ...

    def stop(self) -> None:
        """Stop it until the next start. Raises as `install`."""
        ...


def manager_of(home: Home, system: str = sys.platform) -> Manager | None:
    """The service manager of this system; None where there is none that we know."""
    if system == "darwin":
        return Launchd(home)
    return Systemd(home) if shutil.which("systemctl") else None


def installed_manager(home: Home) -> Manager | None:
    """The manager that supervises the daemon of this home; None where none does."""
    found = manager_of(home)
    return found if found is not None and found.path.exists() else None


def unit_name(home: Home) -> str:
    """The usual home's unit has a plain name; another one's tells which home it is of."""
    if home.data != home.config:  # the two folders of the system, without GPU_SHOPPER_HOME
        return NAME
    return f"{NAME}-{hashlib.sha256(str(home.data).encode()).hexdigest()[:8]}"


def variables_of(home: Home) -> dict[str, str]:
    """What the daemon needs beside the manager's own variables. No key: what is in a unit is readable by others."""
    found = {"MALLOC_ARENA_MAX": "2"}
    if home.data == home.config:
        found[HOME_VARIABLE] = str(home.data)
    return found


class Systemd:
    """The user manager of systemd; `linger` keeps it running without a login."""

    def __init__(self, home: Home) -> None:
        self.unit = f"{unit_name(home)}.service"
        folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        self.path = Path(folder) / "systemd" / "user" / self.unit

    def text(self, command: list[str], variables: Mapping[str, str]) -> str:
        return systemd_unit(command, variables)

    def install(self) -> None:
        self._ask("daemon-reload")
        self._ask("enable", self.unit)
        self._ask("restart", self.unit)

    def uninstall(self) -> None:
        self._ask("disable", "--now", self.unit)

    def forget(self) -> None:
        _try(["systemctl", "--user", "daemon-reload"])

    def start(self) -> None:
        self._ask("start", self.unit)

    def stop(self) -> None:
        self._ask("stop", self.unit)

    def _ask(self, *words: str) -> None:
        _run(["systemctl", "--user", *words])

    def lingers(self) -> bool | None:
        """Whether the manager runs on after the last logout; None where that cannot be told."""
        done = _try(["loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value"])
        answer = "" if done is None else done.stdout.strip()
        return {"yes": True, "no": False}.get(answer)

    def let_linger(self) -> None:
        """Let it run on after the last logout, and from the start of the computer. Raises as `install`."""
        _run(["loginctl", "enable-linger"])


class Launchd:
    """The launchd of the logged-in user. Not tested on a Mac."""

    def __init__(self, home: Home) -> None:
        self.label = f"io.github.{unit_name(home)}"
        self.path = Path.home() / "Library" / "LaunchAgents" / f"{self.label}.plist"
        self._log = home.data / "launchd.log"
        self._domain = f"gui/{os.getuid()}"

    def text(self, command: list[str], variables: Mapping[str, str]) -> str:
        return launch_agent(self.label, command, variables, self._log)

    def install(self) -> None:
        _try(["launchctl", "bootout", f"{self._domain}/{self.label}"])  # an older one
        _run(["launchctl", "bootstrap", self._domain, str(self.path)])

    def uninstall(self) -> None:
        _run(["launchctl", "bootout", f"{self._domain}/{self.label}"])

    def forget(self) -> None:
        """Nothing is left to be told."""

    def start(self) -> None:
        if _try(["launchctl", "print", f"{self._domain}/{self.label}"]) is None:
            _run(["launchctl", "bootstrap", self._domain, str(self.path)])

    def stop(self) -> None:
        _run(["launchctl", "bootout", f"{self._domain}/{self.label}"])


_NO_MANAGER = "your user has no service manager here; with systemd, as root: loginctl enable-linger USER; else: cron"


def _try(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """Run it; None where it fails or is not there."""
    try:
        done = _run(command)
    except Misconfigured:
        return None
    return done


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    text = " ".join(command)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=ASK_LIMIT_S,
            env=with_user_bus(os.environ), check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Misconfigured(f"{text} failed: {type(error).__name__}", "look at: gpu-shopper daemon logs") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        hint = _NO_MANAGER if "Failed to connect to bus" in said else "look at: gpu-shopper daemon logs"
        raise Misconfigured(f"{text} failed: {said}", hint, code="supervisor")
    return done
