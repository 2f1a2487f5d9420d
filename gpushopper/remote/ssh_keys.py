"""Make and write a session's ssh key pair: ed25519, by ssh-keygen, on the disk before any use (I23, F14)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

from gpushopper.errors import DiskFull, Misconfigured
from gpushopper.private_files import private_folder, sync
from gpushopper.remote.ssh_environment import environment

KEY_SUFFIX = ".key"
MEMBER_SUFFIX = ".member"
"""Of a member's public key beside it (`remote/planting/member_keys.py`)."""
COMMENT = "gpu-shopper"
"""The comment of the public key, which providers and hosts see: no user name, no host name."""
LIMIT_S = 30.0
_SCRATCH = ".new-"
_FULL = (28, 122)  # ENOSPC, EDQUOT
_SESSION = re.compile(r"[A-Za-z0-9_]{1,64}")
_PUBLIC = re.compile(r"ssh-ed25519 [A-Za-z0-9+/=]{60,80}")


def key_path(folder: Path, session_id: str) -> Path:
    """The file of a session's private key."""
    if not _SESSION.fullmatch(session_id):
        raise ValueError("a session id has letters and digits only")
    return folder / f"{session_id}{KEY_SUFFIX}"


def ensure_key(folder: Path, session_id: str) -> str:
    """The session's public key. The pair is made if there is none, and is on the disk when this returns.

    Raises:
        Misconfigured: there is no ssh-keygen here, or the folder cannot be used.
        DiskFull: the pair could not be written.
    """
    path = key_path(folder, session_id)
    try:
        private_folder(folder)
        if not path.exists():
            _make(path)
        return _public(path)
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"the disk or quota is full: {path} could not be written") from error
        raise Misconfigured(f"no ssh key could be made in {folder}: {error.strerror or error}") from error


def _make(path: Path) -> None:
    """Make a pair under a temporary name, then link it: no half key is ever visible, and of two threads one wins."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_SCRATCH) as scratch:
        made = Path(scratch) / "key"
        _keygen("-q", "-t", "ed25519", "-N", "", "-C", COMMENT, "-f", str(made))
        made.chmod(0o600)
        sync(made)
        try:
            os.link(made, path)
        except FileExistsError:
            return  # another thread was first: the session uses that key
    sync(path.parent)


def _public(path: Path) -> str:
    """The public key, derived from the private one, so that the two always match."""
    found = _PUBLIC.match(_keygen("-y", "-f", str(path)))
    if found is None:
        raise Misconfigured(f"{path} is not an ed25519 key of ours", "end the session, then remove that file")
    return f"{found.group()} {COMMENT}"


def _keygen(*words: str) -> str:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise Misconfigured("there is no ssh-keygen on this computer", "install OpenSSH's client", code="no_openssh")
    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Misconfigured(f"ssh-keygen did not answer within {LIMIT_S:.0f} s") from error
    if done.returncode:
        raise Misconfigured(f"ssh-keygen failed: {done.stderr.strip()[:200]}")
    return done.stdout


def prune(folder: Path, kept: Collection[str], before_s: float) -> list[str]:
    """Remove keys of sessions that are not `kept` and were made before this unix time; returns the sessions' ids.

    A key is made before its session's row: the time protects one that is in use but has no row yet.
    """
    removed = []
    for path in sorted(folder.glob(f"*{KEY_SUFFIX}")):
        session_id = path.name.removesuffix(KEY_SUFFIX)
        if session_id not in kept and path.stat().st_mtime < before_s:
            path.unlink(missing_ok=True)
            path.with_suffix(MEMBER_SUFFIX).unlink(missing_ok=True)
            removed.append(session_id)
    for scratch in folder.glob(f"{_SCRATCH}*"):
        if scratch.stat().st_mtime < before_s:
            shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed; nothing ever used it
    return removed
