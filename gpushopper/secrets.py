"""Keys of the providers: where they may stand, in which order we look, and how the key file is kept (D15, S23)."""

from __future__ import annotations

import hmac
import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gpushopper.errors import Misconfigured

KEY_VARIABLES: dict[str, tuple[str, ...]] = {"vast": ("VAST_API_KEY", "VASTAI_API_KEY")}
"""Variables that name a provider's key, the first one wins; any other provider has `<NAME>_API_KEY`."""

LONGEST_KEY = 512


class Secret:
    """A key that shows itself to `reveal` alone: it cannot slip into a log, an error or an answer (I21)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for the header of a provider call and the mask of the log."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


@dataclass(frozen=True, slots=True)
class Ok:
    """The key, and where it was found. `warning` is for people: something about the sources looks wrong."""

    secret: Secret
    source: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """No source has a key: the only answer that may be reported as "no key"."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A source may have a key, but we will not or cannot read it there; the text says why and what to do."""

    text: str
    source: str


Found = Ok | Missing | Refused


class KeySource(Protocol):
    """One place where keys may stand. None means: looked, and nothing is there."""

    def look(self, provider: str) -> Ok | Refused | None: ...


def check_form(text: str) -> str:
    """The key without surrounding white space.

    Raises:
        Misconfigured: it is empty, too long, or has characters that no header can carry.
    """
    text = text.strip()
    if not text:
        raise Misconfigured("the key is empty", code="bad_key_form")
    if len(text) > LONGEST_KEY or not text.isascii() or not text.isprintable() or " " in text:
        raise Misconfigured("the key must be one line of printable characters without spaces", code="bad_key_form")
    return text


def variables_of(provider: str) -> tuple[str, ...]:
    """The environment variables that may name this provider's key."""
    return KEY_VARIABLES.get(provider, (f"{provider.upper()}_API_KEY",))


class EnvironmentSource:
    """The daemon's own environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def look(self, provider: str) -> Ok | Refused | None:
        given = [(name, value) for name in variables_of(provider) if (value := self._environ.get(name, "").strip())]
        if not given:
            return None
        (name, value), *others = given
        try:
            secret = Secret(check_form(value))
        except Misconfigured as wrong:
            return Refused(f"{name}: {wrong.message}", f"environment {name}")
        differing = [other for other, other_value in others if other_value != value]
        warning = f"{name} is used; {', '.join(differing)} is set to another key" if differing else ""
        return Ok(secret, f"environment {name}", warning)


class FileSource:
    """The key file: readable by nobody else, or not read at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def look(self, provider: str) -> Ok | Refused | None:
        try:
            text = read_key_file(self._path).get(provider)
            return None if text is None else Ok(Secret(check_form(text)), f"file {self._path}")
        except Misconfigured as wrong:
            return Refused("; ".join(filter(None, (wrong.message, wrong.hint))), f"file {self._path}")


def find_key(provider: str, sources: Sequence[KeySource]) -> Found:
    """Ask the sources in order. A source that must not be read ends the search: no silent fall-back (F106)."""
    for source in sources:
        answer = source.look(provider)
        if answer is not None:
            return answer
    return Missing(f"no key for {provider}")


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
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "".join(f"[{name}]\napi_key = {_quote(key)}\n\n" for name, key in sorted(keys.items()))
    # mkstemp creates with 0600: the key is never readable by others, not even for an instant.
    file, temporary = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    try:
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _quote(key: str) -> str:
    """A TOML basic string; keys are printable ASCII, so only two characters need an escape."""
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
