"""Add or remove one Include line in the user's ~/.ssh/config, atomically and without touching anything else there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gpushopper.errors import Misconfigured

REMARK = b"# gpu-shopper: hosts of running sessions; remove with: gpu-shopper ssh-config remove\n"
BACKUP = ".before-gpu-shopper"
CHECK_LIMIT_S = 20
_ODD = set('"\\$%*?[]\n')
"""Characters that ssh would expand or misread in an Include line."""


class UserSshConfig(NamedTuple):
    """The user's configuration as it was read: real path, content and stat, to detect a change before replacing it."""

    path: Path
    content: bytes
    state: os.stat_result | None


def user_config() -> Path:
    """Where the user's own ssh looks."""
    return Path.home() / ".ssh" / "config"


def include_line(managed: Path) -> bytes:
    """The Include line.

    Raises:
        Misconfigured: ssh cannot include such a path.
    """
    if _ODD & set(str(managed)):
        raise Misconfigured(f"ssh cannot include {managed}", "choose a plain folder with GPU_SHOPPER_HOME")
    return f'Include "{managed}"\n'.encode()


def read(config: Path) -> UserSshConfig:
    """The user's configuration; empty where there is none.

    Raises:
        Misconfigured: it is not a regular file that may be replaced.
    """
    path = Path(os.path.realpath(config))
    try:
        state = path.stat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
    except FileNotFoundError:
        return UserSshConfig(path, b"", None)
    except OSError as error:
        raise _untouched(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(state.st_mode):
        raise _untouched(path, "it is not a regular file")
    if not state.st_mode & stat.S_IWUSR:
        raise _untouched(path, "it is read-only")
    if state.st_nlink > 1:
        raise _untouched(path, "it has several hard links")
    if state.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise _untouched(path, "it belongs to another user")
    return UserSshConfig(path, content, state)


def with_line(content: bytes, line: bytes) -> bytes:
    """The configuration with our line at its top: below the first Host it would belong to that host."""
    return REMARK + line + without_line(content, line)


def without_line(content: bytes, line: bytes) -> bytes:
    """The configuration without our two lines, else byte for byte the same."""
    return content.replace(REMARK + line, b"").replace(line, b"") if line in content.splitlines(True) else content


def replace(own: UserSshConfig, content: bytes) -> Path | None:
    """Replace the content atomically, keeping mode and owner; returns the backup's path, if any.

    Raises:
        Misconfigured: nothing was changed: the file cannot be written, ssh rejects it, or it changed meanwhile.
    """
    try:
        own.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, temporary = tempfile.mkstemp(dir=own.path.parent, prefix=".config-")
    except OSError as error:
        raise _untouched(own.path, error.strerror or str(error)) from error
    try:
        with open(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _keep_traits(own, temporary)
        _check(own, Path(temporary))
        backup = _back_up(own)
        os.replace(temporary, own.path)
    except OSError as error:
        raise _untouched(own.path, error.strerror or str(error)) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return backup


def _keep_traits(own: UserSshConfig, temporary: str) -> None:
    if own.state is None:
        return
    shutil.copystat(own.path, temporary)
    os.utime(temporary)
    if (own.state.st_uid, own.state.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(temporary, own.state.st_uid, own.state.st_gid)


def _check(own: UserSshConfig, candidate: Path) -> None:
    """Have ssh parse the new file, and check that the old one has not changed since it was read."""
    try:
        argv = ["ssh", "-G", "-F", str(candidate), "gpu-shopper-check"]
        done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=CHECK_LIMIT_S, check=False)
    except FileNotFoundError as error:
        raise _untouched(own.path, "there is no ssh on this computer to read it") from error
    except subprocess.TimeoutExpired as error:
        raise _untouched(own.path, "ssh took too long to read it") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [""]
        raise _untouched(own.path, f"ssh does not understand it: {lines[0].replace(str(candidate), own.path.name)}")
    if _traits(read(own.path)) != _traits(own):
        raise _untouched(own.path, "it was changed by another program")


def _traits(own: UserSshConfig) -> tuple[object, ...]:
    """Everything that shows a change; not the access time."""
    state = own.state
    return (own.content, state and (state.st_ino, state.st_mtime_ns, state.st_mode, state.st_uid, state.st_gid))


def _back_up(own: UserSshConfig) -> Path | None:
    if own.state is None:
        return None
    backup = own.path.with_name(own.path.name + BACKUP)
    shutil.copy2(own.path, backup)
    return backup


def _untouched(path: Path, why: str) -> Misconfigured:
    hint = "put the line in by hand: gpu-shopper ssh-config print"
    return Misconfigured(f"{path} was left as it is: {why}", hint, code="ssh_config")
