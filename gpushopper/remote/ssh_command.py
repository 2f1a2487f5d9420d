"""The ssh command line: options, one key, one pinned host key, shared connection, none of the user's settings (D15)."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.core.ssh_options import CONTROL_SUFFIX, FIXED, is_address
from gpushopper.errors import Misconfigured, ProviderFailed
from gpushopper.paths import SOCKET_LIMIT, Home
from gpushopper.private_files import private_folder
from gpushopper.remote.ssh_keys import key_path

SHARED = Path("/tmp")
"""Holds a folder of ours with the control sockets of a home whose own path is too long."""

_ATTEMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Connection:
    """Host, port, user and ssh options of a login; the key is given by its path. Each option is a `Name=value`.

    `control` is None where no path was short enough: then no connection is shared.
    """

    host: str
    port: int
    user: str
    options: tuple[str, ...]
    key: Path
    known_hosts: Path
    control: Path | None

    def argv(self, *command: str) -> list[str]:
        """The ssh command line, with a command for the remote shell."""
        return ["ssh", *self._option_words(), "-T", "-p", str(self.port), "-l", self.user, "--", self.host, *command]

    def _option_words(self) -> list[str]:
        return ["-F", "/dev/null", *(word for option in self.options for word in ("-o", option))]


def pin_path(folder: Path, attempt_id: str) -> Path:
    """The known_hosts file of one attempt: one line, written by ssh itself."""
    if not _ATTEMPT.fullmatch(attempt_id):
        raise ValueError("an attempt id has letters and digits only")
    return folder / f"{attempt_id}.hosts"


def is_pinned(known_hosts: Path) -> bool:
    """Whether a host key is stored there."""
    try:
        return known_hosts.stat().st_size > 0
    except FileNotFoundError:
        return False


def connect_to(home: Home, login: SshTarget, known_hosts: Path) -> Connection:
    """The connection of one login. The host key must be in this file; any key is accepted only while the file is empty.

    Raises:
        ProviderFailed: the address is invalid.
        Misconfigured: the home folder's path cannot be quoted for ssh.
    """
    check_address(login)
    key = key_path(home.ssh_keys, login.session_id)
    control = control_path(home, login)
    options = (
        *FIXED,
        f"StrictHostKeyChecking={'yes' if is_pinned(known_hosts) else 'accept-new'}",
        f"HostKeyAlias={login.attempt_id}",
        f"UserKnownHostsFile={_quoted(known_hosts)}",
        f"IdentityFile={_quoted(key)}",
        f"ControlPath={_quoted(control) if control else 'none'}",
    )
    return Connection(login.host, login.port, login.user, options, key, known_hosts, control)


def check_folder(home: Home) -> None:
    """Refuse a home folder whose path cannot be quoted for ssh.

    Raises:
        Misconfigured: no login would work from that folder.
    """
    _quoted(home.ssh_keys / "any")


def check_address(login: SshTarget) -> None:
    """Refuse an address that ssh could read as an option (F111)."""
    if not is_address(login.host, login.port, login.user):
        raise ProviderFailed("the provider gave an address that is none", "end the session, and rent another")


def _quoted(path: Path) -> str:
    """A path as an option's value: spaces kept, no percent sign expanded."""
    text = str(path)
    if any(sign in text for sign in '"\\$\n') or not text.isprintable():
        raise Misconfigured(f"ssh cannot use files under {path.parent}", "choose a plain folder with GPU_SHOPPER_HOME")
    return '"' + text.replace("%", "%%") + '"'


def control_path(home: Home, login: SshTarget, shared: Path = SHARED) -> Path | None:
    """The control socket of the shared connection, short enough for every system (S22): in the home, else under /tmp.

    The address is part of its name, so that a new address does not use the old connection.
    """
    address = _digest(login.user, login.host, str(login.port))[:6]
    name = f"{_control_name(home, login.attempt_id)}{address}"
    for folder in _control_folders(home, shared):
        if len(os.fsencode(folder / name)) + CONTROL_SUFFIX > SOCKET_LIMIT:
            continue
        try:
            return private_folder(folder) / name
        except OSError:
            continue  # another user's folder of that name is not used
    return None


def control_paths(home: Home, attempt_id: str) -> list[Path]:
    """The control sockets of an attempt's shared connections, for all addresses it had."""
    name = _control_name(home, attempt_id)
    return [path for folder in _control_folders(home) for path in folder.glob(f"{name}??????")]


def exit_argv(control: Path) -> list[str]:
    """The command line that ends a shared connection."""
    return ["ssh", "-F", "/dev/null", "-o", f"ControlPath={_quoted(control)}", "-O", "exit", "--", "any"]


def _control_folders(home: Home, shared: Path = SHARED) -> tuple[Path, Path]:
    return home.run, shared / f"gpu-shopper-{os.geteuid()}"


def _control_name(home: Home, attempt_id: str) -> str:
    return f"c-{_digest(str(home.data), attempt_id)[:12]}"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()
