"""The ssh key of this computer for the sessions of a server: made here, of which only the public half leaves (I21).

One for each server, and not for each session: it is there before anything is rented, so that no interruption of a
command can lose the key of an instance that bills (I23).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from gpushopper.cli.process.lab.hosts import folder_in
from gpushopper.core.ssh_options import PUBLIC_KEY
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.private_files import sync

LIMIT_S = 30


def key_path(home: Home) -> Path:
    """The private key."""
    return home.data / "ssh" / "member.key"


def public_key(home: Home) -> str:
    """The public half, without a comment; the pair is made if there is none, and is on the disk when this returns.

    Raises:
        Misconfigured: there is no ssh-keygen here, or the folder cannot be used.
    """
    path = key_path(home)
    try:
        folder_in(home, path.parent.name)
        if not path.exists():
            _make(path)
    except OSError as error:
        raise Misconfigured(f"no ssh key could be made in {path.parent}: {error.strerror or error}") from error
    found = PUBLIC_KEY.match(_keygen("-y", "-P", "", "-f", str(path)))
    if found is None:
        raise Misconfigured(f"{path} is not a key of ours", "remove it; sessions that let it in cannot be entered then")
    return found.group()


def _make(path: Path) -> None:
    """Under another name first, then linked: no half key is ever there, and of two commands one wins."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
        made = Path(scratch) / "key"
        _keygen("-q", "-t", "ed25519", "-N", "", "-C", "gpu-shopper", "-f", str(made))
        made.chmod(0o600)
        sync(made)
        with suppress(FileExistsError):
            os.link(made, path)
    sync(path.parent)


def _keygen(*words: str) -> str:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise Misconfigured("there is no ssh-keygen on this computer", "install OpenSSH's client", code="no_openssh")
    done = subprocess.run(
        [program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        raise Misconfigured(f"ssh-keygen failed: {done.stderr.strip()[:200]}")
    return done.stdout
