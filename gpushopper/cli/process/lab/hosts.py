"""A server as `--host` names it, the folder that it has here, and which commands are about this computer alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from gpushopper.cli.app import LOCAL
from gpushopper.errors import UsageError
from gpushopper.paths import GROUP_FOLDER, GROUP_SOCKET, Home
from gpushopper.private_files import FOLDER_MODE, private_folder

HERE_ALONE = frozenset({"demo", "sandbox", "daemon", "backup", "doctor", "keys", "notify", "watchdog", "ssh-config"})
"""Commands that are about the computer that they run on; beside these `audit log`, `config installation`."""
KEEP_WATCH = ("daemon run", "daemon start", "watchdog")
"""Of these, what ends sessions of this computer on time, from cron and service managers: only a typed `--host` refuses
them. A server in the settings must not leave what was rented from here without anybody who ends it."""
_OF_THIS_COMPUTER = ("audit log", "config installation")
_HOST = re.compile(
    r"(?P<target>([A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9._-]*)(:(?P<socket>/[\x21-\x7e]+))?"
)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}")


class Host(NamedTuple):
    """What ssh is to log in to, and the path of the daemon's socket there."""

    target: str
    socket: str


def read_host(text: str) -> Host:
    """A server as it is typed: `lab`, `alice@lab.example.org`, `lab:/srv/other/daemon.sock`.

    Raises:
        UsageError: it is none; ssh would read some of these as options.
    """
    found = _HOST.fullmatch(text)
    if found is None or any(sign in (found["socket"] or "") for sign in ":%$\\\"'"):
        raise UsageError("--host is a server as ssh knows it", "write --host lab, or --host lab:/path/daemon.sock")
    return Host(found["target"], found["socket"] or str(GROUP_FOLDER / GROUP_SOCKET))


def home_for(own: Home, host: str) -> Home:
    """What is kept here of a server: the socket to it, our ssh key for its sessions, outputs of runs.

    Raises:
        UsageError: it is no server.
    """
    read_host(host)
    name = host
    if not _FOLDER.fullmatch(host):
        from hashlib import sha256  # 3 ms, for unusual names alone

        name = sha256(host.encode()).hexdigest()[:12]
    return Home(data=own.data / "hosts" / name, config=own.config, host=host)


def folder_in(home: Home, name: str) -> Path:
    """A folder in what is kept here of a server; it and those above it are made, and are this user's alone (F110).

    Raises:
        OSError: one cannot be made, or belongs to another user.
    """
    # The user's own home may be a folder of the system's (/tmp): its mode is nobody's to change.
    home.data.parent.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for folder in (home.data.parent, home.data):
        private_folder(folder)
    return private_folder(home.data / name)


def refuse_what_is_local(command: str, home: Home) -> None:
    """Refuse a command that is about the computer that it runs on.

    Raises:
        UsageError: `command` is such a one.
    """
    if command == "code":
        text = "an editor needs hosts in ssh's own configuration, which only a daemon on this computer writes"
        raise UsageError(text, "log in: gpu-shopper ssh NAME")
    if command.partition(" ")[0] not in HERE_ALONE and command not in _OF_THIS_COMPUTER:
        return
    target = read_host(home.host).target
    hint = f"on the server: ssh {target}; for this computer, with --host {LOCAL}"
    raise UsageError(f"{command} is about the computer that it runs on, and not for --host {home.host}", hint)
