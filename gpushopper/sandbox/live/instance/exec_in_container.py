"""Runs programs in a running container: the nsenter command line that joins its namespaces, and terminals inside."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import termios
from dataclasses import dataclass

from gpushopper.sandbox.live.instance.container import KEPT_CAPABILITIES
from gpushopper.sandbox.live.instance.disk import FIRST_UID

TTY_GROUP = 5
SEARCH_PATH = "/opt/instance-tools/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOGIN = {
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "PATH": SEARCH_PATH,
    "MAIL": "/var/mail/root",
}


def login_of(user: str) -> dict[str, str]:
    """Return the variables of this user's login."""
    if user == "root":
        return LOGIN
    return {**LOGIN, "HOME": f"/home/{user}", "USER": user, "LOGNAME": user, "MAIL": f"/var/mail/{user}"}


_SUDO = "+setuid,+setgid"
_GET_PEER = 0x5441  # TIOCGPTPEER: opens the other end of this terminal without using its path
_UNLOCK = termios.TIOCSPTLCK if hasattr(termios, "TIOCSPTLCK") else 0x40045431
NEEDED = ("nsenter", "setpriv", "setsid")
"""Programs of util-linux that entering a container needs."""


@dataclass(frozen=True, slots=True)
class ContainerExec:
    """Enters the container whose PID 1 has this process id outside."""

    pid: int

    def command(self, *words: str, terminal: bool = False, uid: int = 0) -> list[str]:
        """Return the command line that runs a program inside with a container's capabilities in a new session.

        A user other than root keeps only what the `sudo` inside needs: to become another user inside.
        """
        capabilities = ",".join(f"+cap_{number}" for number in sorted(KEPT_CAPABILITIES))
        limits = ["setpriv", "--bounding-set", f"-all,{capabilities}"]
        if uid:
            limits += ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
            limits += ["--inh-caps", f"-all,{_SUDO}", "--ambient-caps", f"-all,{_SUDO}", "--"]
        else:
            limits += ["--inh-caps", "-all", "--"]
        session = ["setsid", "--ctty"] if terminal else ["setsid"]
        return [*self._enter(), *limits, *session, *words]

    def host_command(self, *words: str) -> list[str]:
        """Return the command line that runs a program inside with the capabilities of the host: it may mount."""
        return [*self._enter(), *words]

    def _enter(self) -> list[str]:
        program = shutil.which("nsenter") or "nsenter"
        spaces = ("--user", "--mount", "--pid", "--ipc", "--uts", "--root", "--wd")
        # A user cannot change groups on the way in, and is root inside already.
        same = () if os.geteuid() == 0 else ("--preserve-credentials",)
        return [program, "--target", str(self.pid), *spaces, *same, "--"]

    def open_terminal(self, uid: int = 0) -> tuple[int, int]:
        """Open a terminal of this user in the instance's own /dev/pts and return the file descriptors of both ends.

        /dev is read-only and the last part of the path is not followed, so no link inside can redirect the open.
        """
        flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
        ours = os.open(f"/proc/{self.pid}/root/dev/pts/ptmx", flags | os.O_NOFOLLOW)
        try:
            fcntl.ioctl(ours, _UNLOCK, struct.pack("i", 0))
            theirs = fcntl.ioctl(ours, _GET_PEER, flags)
        except OSError:
            os.close(ours)
            raise
        if os.geteuid() == 0:
            os.fchown(theirs, FIRST_UID + uid, FIRST_UID + TTY_GROUP)
        return ours, theirs


def set_size(terminal: int, columns: int, rows: int) -> None:
    """Set a terminal's size in characters."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
