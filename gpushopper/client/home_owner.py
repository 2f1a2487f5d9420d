"""Check that the home folder belongs to this user, before anything in it is read or made (I22)."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from gpushopper.errors import Misconfigured
from gpushopper.paths import HOME_VARIABLE, Home

_HINT = f"set {HOME_VARIABLE} to a folder of yours"
_ROOT = 0


def check_home(home: Home) -> None:
    """Refuse a home of another user, one that cannot be read, and one that is no folder.

    A folder that does not exist yet is no error: creating it reports any problem. A shared folder of the
    system's (/tmp) that we may write to is allowed: what we make in it is private.

    Raises:
        Misconfigured: it cannot be used.
    """
    for folder in dict.fromkeys((home.data, home.config)):
        _check(folder)


def _check(folder: Path) -> None:
    try:
        state = folder.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(f"the home folder {folder} cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(state.st_mode):
        raise _unusable(f"the home folder {folder} is not a folder")
    ours = os.geteuid()
    if state.st_uid != ours and not (state.st_uid == _ROOT and os.access(folder, os.W_OK)):
        raise _unusable(f"the home folder {folder} belongs to another user ({_name(state.st_uid)})")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise _unusable(f"the home folder {folder} cannot be read: its mode is {stat.S_IMODE(state.st_mode):04o}")


def _unusable(text: str) -> Misconfigured:
    return Misconfigured(text, _HINT, code="home")


def own_name() -> str:
    """The name of the user who runs this."""
    return _name(os.geteuid())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
