"""One Include line in the user's own ssh configuration: put in and taken out without harming anything else there."""

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

REMARK = b"# gpu-shopper: hosts of running sessions; out with it: gpu-shopper ssh-config remove\n"
BACKUP = ".before-gpu-shopper"
CHECK_LIMIT_S = 20
_ODD = set('"\\$%*?[]\n')
"""What ssh would expand or misread in an Include line."""


class Own(NamedTuple):
    """The user's configuration as it was read: behind links, with its state, to be replaced only unchanged."""

    path: Path
    content: bytes
    state: os.stat_result | None


def include_line(managed: Path) -> bytes:
    """The line itself.

    Raises:
        Misconfigured: ssh cannot be told of such a path.
    """
    if _ODD & set(str(managed)):
        raise Misconfigured(f"ssh cannot include {managed}", "choose a plain folder with GPU_SHOPPER_HOME")
    return f'Include "{managed}"\n'.encode()


def read(config: Path) -> Own:
    """The user's configuration; empty where there is none.

    Raises:
        Misconfigured: it is no plain file that may be replaced.
    """
    path = Path(os.path.realpath(config))
    try:
        state = path.stat()
        content = path.read_bytes() if stat.S_ISREG(state.st_mode) else b""
    except FileNotFoundError:
        return Own(path, b"", None)
    except OSError as error:
        raise _untouched(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(state.st_mode):
        raise _untouched(path, "it is no regular file")
    if not state.st_mode & stat.S_IWUSR:
        raise _untouched(path, "it is read-only")
    if state.st_nlink > 1:
        raise _untouched(path, "it has more than one name")
    if state.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        raise _untouched(path, "it belongs to somebody else")
    return Own(path, content, state)


def with_line(content: bytes, line: bytes) -> bytes:
    """The configuration with our line at its top: below the first Host it would belong to that host."""
    return REMARK + line + without_line(content, line)


def without_line(content: bytes, line: bytes) -> bytes:
    """The configuration without our two lines, else byte for byte the same."""
    return content.replace(REMARK + line, b"").replace(line, b"") if line in content.splitlines(True) else content


def replace(own: Own, content: bytes) -> Path | None:
    """Put the new content in the place of the old in one step, keeping mode and owner; the backup's path, if any.

    Raises:
        Misconfigured: nothing was changed: it cannot be written, ssh does not understand it, or it changed meanwhile.
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


def _keep_traits(own: Own, temporary: str) -> None:
    if own.state is None:
        return
    shutil.copystat(own.path, temporary)
    os.utime(temporary)
    if (own.state.st_uid, own.state.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(temporary, own.state.st_uid, own.state.st_gid)


def _check(own: Own, candidate: Path) -> None:
    """Have ssh itself read the new file before it counts, and see that nobody has changed the old one."""
    try:
        words = ["ssh", "-G", "-F", str(candidate), "gpu-shopper-check"]
        said = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, timeout=CHECK_LIMIT_S, check=False)
    except FileNotFoundError as error:
        raise _untouched(own.path, "there is no ssh on this computer to read it") from error
    except subprocess.TimeoutExpired as error:
        raise _untouched(own.path, "ssh does not come to an end reading it") from error
    if said.returncode:
        lines = said.stderr.decode("utf-8", "replace").strip().splitlines() or [""]
        raise _untouched(own.path, f"ssh does not understand it: {lines[0].replace(str(candidate), own.path.name)}")
    if _traits(read(own.path)) != _traits(own):
        raise _untouched(own.path, "somebody else is changing it")


def _traits(own: Own) -> tuple[object, ...]:
    """All by which a change would show; not the time it was last read."""
    state = own.state
    return (own.content, state and (state.st_ino, state.st_mtime_ns, state.st_mode, state.st_uid, state.st_gid))


def _back_up(own: Own) -> Path | None:
    if own.state is None:
        return None
    backup = own.path.with_name(own.path.name + BACKUP)
    shutil.copy2(own.path, backup)
    return backup


def _untouched(path: Path, why: str) -> Misconfigured:
    hint = "put the line in by hand: gpu-shopper ssh-config print"
    return Misconfigured(f"{path} was left as it is: {why}", hint, code="ssh_config")
