"""The way to a server's daemon: OpenSSH forwards a socket of ours to its socket; no port is opened (I22).

The user's own ssh does it, with their keys and settings, so that the daemon sees them as who they are on the server.
One connection serves all commands, and ends ten minutes after the last. Whatever fails is told apart: ssh, the folder
of the group, the socket, the daemon.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gpushopper.cli.process.lab.hosts import Host, folder_in, read_host
from gpushopper.client.http_exchange import NotConnected, check_socket, exchange
from gpushopper.core.ssh_options import CONTROL_SUFFIX
from gpushopper.errors import DaemonUnreachable, Misconfigured
from gpushopper.paths import SOCKET_LIMIT, Home
from gpushopper.wire.api.routes import HEALTH

IDLE_S = 600
LOGIN_LIMIT_S = 180
"""A person may have to type something."""
ANSWER_LIMIT_S = 30.0
CONTROL = "ssh"
CODE = "lab_unreachable"

LOOK = """\
f={folder} s={socket}
if [ ! -d "$f" ]; then echo no_folder
elif [ ! -x "$f" ]; then echo closed
elif [ ! -S "$s" ]; then echo no_socket
elif [ ! -w "$s" ]; then echo closed
else echo there
fi
"""


def open_tunnel(home: Home) -> None:
    """Have the server's daemon answer at the home's socket.

    Raises:
        DaemonUnreachable: ssh, or the daemon behind it, does not; the text says which.
        Misconfigured: ssh is not installed, or the home folder cannot be used for it.
    """
    host = read_host(home.host)
    try:
        folder_in(home, home.run.name)
    except OSError as error:
        raise Misconfigured(f"{home.run} cannot be used: {error.strerror or error}") from error
    _check_paths(home)
    with _alone(home.run):
        if _answers(home):
            return  # another command has opened it meanwhile
        _end(home, host)
        _connect(home, host)
        if not _answers(home):
            raise _why_not(home, host)


def _check_paths(home: Home) -> None:
    control = home.run / CONTROL
    if any(sign in str(home.run) for sign in ':%$\\"[]') or len(os.fsencode(control)) + CONTROL_SUFFIX > SOCKET_LIMIT:
        raise Misconfigured(
            f"ssh cannot use sockets in {home.run}", "choose a short plain folder with GPU_SHOPPER_HOME"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One command at a time opens it; the others wait."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _answers(home: Home) -> bool:
    """Whether any daemon answers, be it by a refusal."""
    try:
        exchange(check_socket(home), HEALTH.method, HEALTH.path, {}, None, ANSWER_LIMIT_S)
    except (NotConnected, TimeoutError):
        return False
    return True


def _connect(home: Home, host: Host) -> None:
    forward = f"{home.socket}:{host.socket}"
    options = (
        "ExitOnForwardFailure=yes", "StreamLocalBindUnlink=yes", "StreamLocalBindMask=0177", "ForwardAgent=no",
        "ForwardX11=no", "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=3",
        "ControlMaster=yes", f"ControlPersist={IDLE_S}",
    )  # fmt: skip
    status, said = _ssh(home, host, ["-f", "-N", "-L", forward, *(w for o in options for w in ("-o", o))])
    if status:
        raise DaemonUnreachable(f"ssh to {host.target} failed: {said}", f"try it: ssh {host.target}", code=CODE)


def _end(home: Home, host: Host) -> None:
    """End a connection of before: its login may be older than a membership of the group."""
    if (home.run / CONTROL).exists():
        _ssh(home, host, ["-O", "exit"])


def _why_not(home: Home, host: Host) -> DaemonUnreachable:
    """Look on the server, with the connection that there is."""
    folder = os.path.dirname(host.socket)
    script = LOOK.format(folder=shlex.quote(folder), socket=shlex.quote(host.socket))
    status, said = _ssh(home, host, [], "sh", "-s", given=script)
    where, owner = f"{host.target}", "ask the owner of that daemon"
    texts = {
        "no_folder": (f"{where} has no {folder}: no daemon there is open to a group", f"{owner} to set daemon.group"),
        "closed": (f"you are not in the group that may use {host.socket} on {where}", f"{owner}; then try again"),
        "no_socket": (f"no daemon runs on {where}: {host.socket} is not there", f"{owner} to start it"),
        "there": (f"the daemon on {where} does not answer", f"{owner}; its sshd must allow AllowStreamLocalForwarding"),
    }
    text, hint = texts.get(said.split("\n")[-1].strip(), (f"the daemon on {where} does not answer", owner))
    if status:
        text, hint = f"ssh to {where} failed: {said}", f"try it: ssh {host.target}"
    _end(home, host)
    return DaemonUnreachable(text, hint, code=CODE)


def _ssh(home: Home, host: Host, words: list[str], *command: str, given: str = "") -> tuple[int, str]:
    """Run the user's ssh to its end; exit status, and the last that it said. One that goes on holds no pipe of ours."""
    asks = [] if sys.stdin is not None and sys.stdin.isatty() else ["-o", "BatchMode=yes"]
    argv = ["ssh", *asks, "-S", str(home.run / CONTROL), *words, "--", host.target, *command]
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                argv, input=given.encode(), stdout=said, stderr=subprocess.STDOUT, timeout=LOGIN_LIMIT_S, check=False
            )
        except FileNotFoundError as error:
            raise Misconfigured(
                "there is no ssh on this computer", "install OpenSSH's client", code="no_openssh"
            ) from error
        except subprocess.TimeoutExpired:
            return 255, f"it took longer than {LOGIN_LIMIT_S} s"
        said.seek(0)
        lines = [line for line in said.read(65536).decode("utf-8", "replace").splitlines() if line.strip()]
    return done.returncode, lines[-1].strip()[:300] if lines else "it said nothing"
