"""Read the key file: keys, registry logins, addresses of alerts; refused unless only its owner can read it (D15, S23).

    [vast]
    api_key = "..."                  one field for each part of what the cloud asks for

    [registry."ghcr.io"]
    user = "alice"
    password = "..."

    [alert.phone]
    address = "https://..."          where alerts of that channel go (alert_targets.py)

A registry without a password here has it in the system's keyring. So the file is also the list of registries with a
stored login: a keyring is never searched, and users without a login in it are never prompted to unlock it.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpushopper.clouds import Cloud
from gpushopper.core.model.container_image import read_registry
from gpushopper.core.secret import Secret
from gpushopper.errors import Misconfigured
from gpushopper.secrets.credential_form import make_credential
from gpushopper.secrets.key_problems import KeyProblem, KeyUnreadable
from gpushopper.secrets.key_sources import FoundKey

REGISTRY, ALERT = "registry", "alert"
_LARGEST = 262_144


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """One registry's entry. `password` is None where the keyring has it."""

    user: str
    password: Secret | None


@dataclass(frozen=True, slots=True)
class _Content:
    keys: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    logins: dict[str, StoredLogin] = field(default_factory=dict)


class FileSource:
    """The key file as a source of keys."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lookup(self, cloud: Cloud) -> FoundKey | KeyProblem | None:
        try:
            given = read_key_file(self._path).get(cloud.name)
        except Misconfigured as wrong:
            return unreadable(wrong, self._path)
        if given is None:
            return None
        source, hint = f"file {self._path}", f"run: gpu-shopper keys set {cloud.name} --file"
        found = make_credential(cloud, given, source, hint, lambda part: f"{part.name} in [{cloud.name}]")
        return found if isinstance(found, KeyProblem) else FoundKey(found, source)


def unreadable(wrong: Misconfigured, path: Path) -> KeyUnreadable:
    """Why the file is not read."""
    text = "; ".join(filter(None, (wrong.message, wrong.hint)))
    return KeyUnreadable(text, "see: gpu-shopper keys", f"file {path}")


def read_key_file(path: Path) -> dict[str, dict[str, Any]]:
    """The fields of each cloud's table, by its name; a missing file is empty. Which fields are needed, a cloud says.

    Raises:
        Misconfigured: the file is a link, another user's, open to others, or not in that form.
    """
    return _read(path).keys


def read_logins(path: Path) -> dict[str, StoredLogin]:
    """Each `[registry."NAME"]`, by the registry's name; a missing file is empty.

    Raises:
        Misconfigured: as for the keys.
    """
    return _read(path).logins


def read_alert_tables(path: Path) -> dict[str, dict[str, Any]]:
    """Each `[alert.NAME]`, by the channel's name; a missing file is empty.

    Raises:
        Misconfigured: as for the keys.
    """
    return _alert_tables(path, tomllib.loads(read_text(path)))


def _read(path: Path) -> _Content:
    tree = tomllib.loads(read_text(path))
    return _Content(_keys(path, tree), _logins(path, tree.get(REGISTRY, {})))


def read_text(path: Path) -> str:
    """The file's text, checked to be TOML of the right form; empty where there is no file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}", code="key_file") from error
    # Line ends are kept, because the file is written back.
    with open(file, encoding="utf-8", newline="") as stream:
        _check_privacy(path, os.fstat(stream.fileno()))
        try:
            text = stream.read(_LARGEST + 1)
            tree = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            # Without the parser's message, which may quote the line, and with it the key.
            raise Misconfigured(f"{path} is not valid TOML", code="key_file") from None
    if len(text) > _LARGEST:
        raise Misconfigured(f"{path} is too large to be a key file", code="key_file")
    _keys(path, tree)
    _logins(path, tree.get(REGISTRY, {}))
    _alert_tables(path, tree)
    return text


def _alert_tables(path: Path, tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tables = tree.get(ALERT, {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise Misconfigured(f'{path}: [{ALERT}.NAME] holds address = "..."', code="key_file")
    return tables


def _keys(path: Path, tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tables = {name: table for name, table in tree.items() if name not in (REGISTRY, ALERT)}
    if not all(isinstance(table, dict) for table in tables.values()):
        text = f'{path} may only hold tables such as [vast] with api_key = "...", and [registry."NAME"]'
        raise Misconfigured(text, code="key_file")
    return tables


def _logins(path: Path, tables: object) -> dict[str, StoredLogin]:
    if not isinstance(tables, dict):
        raise _invalid_login(path)
    return {registry_name(path, name): _login(path, table) for name, table in tables.items()}


def _login(path: Path, table: object) -> StoredLogin:
    fields = table if isinstance(table, dict) else {}
    user, password = fields.get("user"), fields.get("password")
    if not isinstance(user, str) or not isinstance(password, str | None):
        raise _invalid_login(path)
    return StoredLogin(user, None if password is None else Secret(password))


def _invalid_login(path: Path) -> Misconfigured:
    return Misconfigured(f'{path}: [registry."NAME"] holds user = "..." and password = "..."', code="key_file")


def registry_name(path: Path, name: str) -> str:
    """The canonical name of a registry in the file."""
    try:
        return read_registry(name)
    except ValueError as error:
        raise Misconfigured(f"{path}: {error}", code="key_file") from None


def _check_privacy(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Misconfigured(f"{path} is not a regular file", code="key_file")
    if status.st_uid != os.geteuid():
        raise Misconfigured(f"{path} belongs to another user", code="key_file")
    if status.st_mode & 0o077:
        raise Misconfigured(f"{path} can be read by other users", f"run: chmod 600 {path}", code="key_file")
