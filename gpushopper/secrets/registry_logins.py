"""Look up the login at one image registry: user in the key file, password there or in the keyring (D15)."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from gpushopper.core.model.container_image import ImageLogin
from gpushopper.errors import Misconfigured
from gpushopper.secrets.key_file import read_logins, unreadable
from gpushopper.secrets.key_problems import KeyProblem, KeyUnreadable, NoKey
from gpushopper.secrets.keyring_entries import FoundEntry, KeyringSource

_TEMPORARY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
"""Errors of this computer that pass; a link or a folder in the file's place does not."""


@dataclass(frozen=True, slots=True)
class FoundLogin:
    """The login, and where its password was found."""

    login: ImageLogin
    source: str


def find_login(registry: str, file: Path, keyring: KeyringSource | None) -> FoundLogin | KeyProblem:
    """Look in the key file, and in the keyring only if the file says so; each failure has its own type (F105).

    Raises:
        Misconfigured: the file could not be opened now, for a temporary reason.
    """
    try:
        stored = read_logins(file).get(registry)
    except Misconfigured as wrong:
        if isinstance(wrong.__cause__, OSError) and wrong.__cause__.errno in _TEMPORARY:
            raise
        return unreadable(wrong, file)
    again = f"run: gpu-shopper keys set {registry} --user NAME"
    if stored is None:
        return NoKey(f"no login at {registry} is stored", again)
    password = stored.password
    found = _in_keyring(registry, keyring) if password is None else FoundEntry(password, f"file {file}")
    if isinstance(found, KeyProblem):
        return found
    try:
        return FoundLogin(ImageLogin(registry, stored.user, found.secret), found.source)
    except ValueError as error:
        return KeyUnreadable(f"the login at {registry}: {error}", again, found.source)


def _in_keyring(registry: str, keyring: KeyringSource | None) -> FoundEntry | KeyProblem:
    if keyring is None:
        text = f"the login at {registry} is in the system keyring, which the settings switch off"
        return KeyUnreadable(text, f"do without one: gpu-shopper keys set {registry} --user NAME --file", "keyring")
    found = keyring.find(registry)
    if found is None:
        text = f"the system keyring no longer holds the login at {registry}"
        return NoKey(text, f"run: gpu-shopper keys set {registry} --user NAME", "keyring")
    return found
