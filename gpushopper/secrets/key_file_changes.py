"""Write the key file: set or remove one key, registry login or channel of alerts, atomically.

Other tables, unknown fields, comments and line ends stay; a file in a form that cannot be changed so is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpushopper import toml_text
from gpushopper.clouds import Cloud
from gpushopper.core.secret import Credential
from gpushopper.errors import Misconfigured
from gpushopper.private_files import FOLDER_MODE, changing, write_private
from gpushopper.secrets.key_file import (
    ALERT,
    REGISTRY,
    StoredLogin,
    read_alert_tables,
    read_key_file,
    read_logins,
    read_text,
    registry_name,
)


def set_key(path: Path, cloud: Cloud, credential: Credential) -> None:
    """Store all parts of one credential, atomically, in a file that was never readable by other users.

    Raises:
        Misconfigured: the file must not be changed.
        OSError: it cannot be written; the old file stays.
    """
    with _changing(path) as text:
        _set_table(path, text, (cloud.name,), {p.name: credential.reveal(p.name) or None for p in cloud.credential})


def remove_key(path: Path, name: str) -> bool:
    """Remove one cloud's key with its whole table; returns whether there was one. Its package may be gone."""
    if name in (REGISTRY, ALERT) or name not in read_key_file(path):
        return False
    with _changing(path) as text:
        _remove_table(path, text, (name,))
    return True


def set_login(path: Path, registry: str, login: StoredLogin) -> None:
    """Store one registry's login, atomically.

    Raises:
        Misconfigured: the file must not be changed.
        OSError: it cannot be written; the old file stays.
    """
    password = None if login.password is None else login.password.reveal()
    with _changing(path) as text:
        _set_table(
            path, text, (REGISTRY, _spelling_of(path, text, registry)), {"user": login.user, "password": password}
        )


def remove_login(path: Path, registry: str) -> bool:
    """Remove one registry's login; returns whether there was one."""
    if registry not in read_logins(path):
        return False
    with _changing(path) as text:
        _remove_table(path, text, (REGISTRY, _spelling_of(path, text, registry)))
    return True


def set_alert(path: Path, name: str, fields: Mapping[str, str | None]) -> None:
    """Store where one channel's alerts go, atomically.

    Raises:
        Misconfigured: the file must not be changed.
        OSError: it cannot be written; the old file stays.
    """
    with _changing(path) as text:
        _set_table(path, text, (ALERT, name), fields)


def remove_alert(path: Path, name: str) -> bool:
    """Remove one channel's table; returns whether there was one."""
    if name not in read_alert_tables(path):
        return False
    with _changing(path) as text:
        _remove_table(path, text, (ALERT, name))
    return True


@contextmanager
def _changing(path: Path) -> Iterator[str]:
    """The file's text, while nobody else changes it."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with changing(path):
        yield read_text(path)


def _set_table(path: Path, text: str, table: tuple[str, ...], fields: Mapping[str, str | None]) -> None:
    expected = tomllib.loads(text)
    inner = expected
    for name in table:
        inner = inner.setdefault(name, {})
    for name, value in fields.items():
        inner.pop(name, None)
        if value is not None:
            inner[name] = value
    # Providers before registries.
    _replace(path, toml_text.set_table(text, table, fields, before="" if len(table) > 1 else REGISTRY), expected)


def _remove_table(path: Path, text: str, table: tuple[str, ...]) -> None:
    expected = tomllib.loads(text)
    inner = expected
    for name in table[:-1]:
        inner = inner[name]
    inner.pop(table[-1], None)
    if len(table) > 1 and not inner:
        expected.pop(table[0])
    _replace(path, toml_text.remove_table(text, table), expected)


def _replace(path: Path, text: str, expected: Mapping[str, Any]) -> None:
    """Write the new text, if it parses to exactly the expected content."""
    try:
        is_right = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise Misconfigured(f"{path} is written in a form that can only be changed by hand", code="key_file")
    write_private(path, text)


def _spelling_of(path: Path, text: str, registry: str) -> str:
    """The registry's name as the file spells it."""
    tables = tomllib.loads(text).get(REGISTRY, {})
    return next((name for name in tables if registry_name(path, name) == registry), registry)
