"""The key file: `[provider] api_key = "..."`, readable by nobody but its owner, or not read at all (D15, S23)."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from gpushopper.errors import Misconfigured
from gpushopper.private_files import FOLDER_MODE, write_private
from gpushopper.secrets.secret import Secret, check_form
from gpushopper.secrets.sources import Ok, Problem, Refused


class FileSource:
    """The key file: readable by nobody else, or not read at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def look(self, provider: str) -> Ok | Problem | None:
        try:
            text = read_key_file(self._path).get(provider)
            return None if text is None else Ok(Secret(check_form(text)), f"file {self._path}")
        except Misconfigured as wrong:
            text = "; ".join(filter(None, (wrong.message, wrong.hint)))
            return Refused(text, "see: gpu-shopper keys", f"file {self._path}")


def read_key_file(path: Path) -> dict[str, str]:
    """Provider and key of each `[provider] api_key = "..."`; a missing file is empty.

    Raises:
        Misconfigured: the file is a link, another user's, open to others, or not in that form.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}", code="key_file") from error
    with open(file, encoding="utf-8") as stream:
        _check_privacy(path, os.fstat(stream.fileno()))
        try:
            tree = tomllib.loads(stream.read(65536))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            # Not the parser's words: they may quote the line, and with it the key.
            raise Misconfigured(f"{path} is not valid TOML", code="key_file") from None
    keys = {name: table.get("api_key") for name, table in tree.items() if isinstance(table, dict)}
    if len(keys) != len(tree) or not all(isinstance(key, str) for key in keys.values()):
        raise Misconfigured(f'{path} may only hold tables such as [vast] with api_key = "..."', code="key_file")
    return {name: str(key) for name, key in keys.items()}


def _check_privacy(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Misconfigured(f"{path} is not a regular file", code="key_file")
    if status.st_uid != os.geteuid():
        raise Misconfigured(f"{path} belongs to another user", code="key_file")
    if status.st_mode & 0o077:
        raise Misconfigured(f"{path} can be read by other users", f"run: chmod 600 {path}", code="key_file")


def set_key(path: Path, provider: str, key: str) -> None:
    """Store one key, atomically, in a file that nobody else could ever read.

    Raises:
        Misconfigured: the key is malformed, or the file is not ours to change.
    """
    _write(path, {**read_key_file(path), provider: check_form(key)})


def remove_key(path: Path, provider: str) -> bool:
    """Take one key out of the file; whether there was one."""
    keys = read_key_file(path)
    if provider not in keys:
        return False
    _write(path, {name: key for name, key in keys.items() if name != provider})
    return True


def _write(path: Path, keys: Mapping[str, str]) -> None:
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    text = "".join(f"[{name}]\napi_key = {_quote(key)}\n\n" for name, key in sorted(keys.items()))
    write_private(path, text)


def _quote(key: str) -> str:
    """A TOML basic string; keys are printable ASCII, so only two characters need an escape."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
