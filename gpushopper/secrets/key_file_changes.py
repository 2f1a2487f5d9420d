"""Changes of the key file: one entry, atomically, and everything else as a person wrote it.

Other tables, unknown fields, comments and line ends stay; a file in a form that cannot be changed so is refused.
"""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpushopper.errors import Misconfigured
from gpushopper.private_files import FOLDER_MODE, write_private
from gpushopper.secrets import toml_text
from gpushopper.secrets.key_file import REGISTRY, StoredLogin, read_key_file, read_logins, read_text, spelt
from gpushopper.secrets.key_form import check_form


def set_key(path: Path, provider: str, key: str) -> None:
    """Store one key, atomically, in a file that nobody else could ever read.

    Raises:
        Misconfigured: the key is malformed, or the file is not ours to change.
        OSError: it cannot be written; it is then as it was.
    """
    with _changing(path) as text:
        _put(path, text, (provider,), {"api_key": check_form(key)})


def remove_key(path: Path, provider: str) -> bool:
    """Take one key out of the file, with all that stands in its table; whether there was one."""
    if provider not in read_key_file(path):
        return False
    with _changing(path) as text:
        _drop(path, text, (provider,))
    return True


def set_login(path: Path, registry: str, login: StoredLogin) -> None:
    """Store one registry's entry, atomically, beside whatever else is there.

    Raises:
        Misconfigured: the file is not ours to change.
        OSError: it cannot be written; it is then as it was.
    """
    password = None if login.password is None else login.password.reveal()
    with _changing(path) as text:
        _put(path, text, (REGISTRY, _name_in(path, text, registry)), {"user": login.user, "password": password})


def remove_login(path: Path, registry: str) -> bool:
    """Take one registry's entry out of the file; whether there was one."""
    if registry not in read_logins(path):
        return False
    with _changing(path) as text:
        _drop(path, text, (REGISTRY, _name_in(path, text, registry)))
    return True


@contextmanager
def _changing(path: Path) -> Iterator[str]:
    """The file's text, as long as nobody else of us may change it: two changes at once would lose one."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield read_text(path)
    finally:
        os.close(folder)


def _put(path: Path, text: str, table: tuple[str, ...], fields: Mapping[str, str | None]) -> None:
    wanted = tomllib.loads(text)
    inner = wanted
    for name in table:
        inner = inner.setdefault(name, {})
    for name, value in fields.items():
        inner.pop(name, None)
        if value is not None:
            inner[name] = value
    # Providers before registries: `sandbox start` writes those anew, and keeps what begins with the first registry.
    _replace(path, toml_text.put(text, table, fields, before="" if table[0] == REGISTRY else REGISTRY), wanted)


def _drop(path: Path, text: str, table: tuple[str, ...]) -> None:
    wanted = tomllib.loads(text)
    inner = wanted
    for name in table[:-1]:
        inner = inner[name]
    inner.pop(table[-1], None)
    if table[0] == REGISTRY and not inner:
        wanted.pop(REGISTRY)
    _replace(path, toml_text.drop(text, table), wanted)


def _replace(path: Path, text: str, wanted: Mapping[str, Any]) -> None:
    """Write the new text, if it means exactly what was meant: a file is never guessed at."""
    try:
        is_right = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise Misconfigured(f"{path} is written in a form that can only be changed by hand", code="key_file")
    write_private(path, text)


def _name_in(path: Path, text: str, registry: str) -> str:
    """The registry's name as the file spells it."""
    tables = tomllib.loads(text).get(REGISTRY, {})
    return next((name for name in tables if spelt(path, name) == registry), registry)
