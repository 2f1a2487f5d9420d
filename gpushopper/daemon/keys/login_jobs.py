"""One-shot jobs for registry logins (`keys set ghcr.io`): password from stdin into keyring or file (S23, I21)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gpushopper import config, secrets
from gpushopper.core.model.container_image import MAX_PASSWORD_LENGTH, ImageLogin, is_registry, read_registry
from gpushopper.core.secret import Secret
from gpushopper.errors import Misconfigured, UsageError
from gpushopper.paths import Home
from gpushopper.secrets import (
    FoundLogin,
    KeyringSource,
    KeyringUnavailable,
    KeyringUnusable,
    KeyUnreadable,
    StoredLogin,
)
from gpushopper.store.sqlite.database_files import file_error

IN_FILE = "file"
USER = "user="

JobResult = dict[str, Any]


def named(arguments: Sequence[str]) -> str:
    """The registry that a job is about, in its one spelling; empty when it is about a cloud.

    Raises:
        UsageError: it looks like a registry and cannot be one.
    """
    name = next((word for word in arguments if word != IN_FILE and not word.startswith(USER)), "")
    if not is_registry(name):
        return ""
    try:
        return read_registry(name)
    except ValueError as error:
        # Not the name: `https://alice:PASSWORD@ghcr.io` holds a password (F103).
        raise UsageError("what was given is no registry", str(error)) from None


def set_login(home: Home, registry: str, arguments: Sequence[str]) -> JobResult:
    """Store the login whose password comes on stdin; it is not checked with the registry.

    Raises:
        KeyringUnusable: the keyring cannot take it. The key file is never an automatic fallback (F106).
    """
    user = next((word.removeprefix(USER) for word in arguments if word.startswith(USER)), "")
    if not user:
        raise UsageError(f"whose login at {registry}?", f"gpu-shopper keys set {registry} --user NAME")
    password = _read_password(registry, user)
    settings = config.load(home).keys
    kept, warning = secrets.read_logins(home.key_file).get(registry), ""
    if IN_FILE in arguments or not settings.keyring or (kept is not None and kept.password is not None):
        source, entry = f"file {home.key_file}", StoredLogin(user, password)
    else:
        # First the keyring, so that the file never names a login whose password is not stored.
        source, entry = (
            secrets.store_in_keyring(home, registry, password, settings.keyring_seconds),
            StoredLogin(user, None),
        )
    try:
        secrets.set_login(home.key_file, registry, entry)
    except OSError as error:
        raise file_error(home.key_file, error) from error
    if kept is not None and kept.password is None and entry.password is not None:
        warning = _forget_former(home, registry, is_there=True)
    return {"registry": registry, "user": user, "source": source, "warning": warning}


def _read_password(registry: str, user: str) -> Secret:
    password = Secret(sys.stdin.read(MAX_PASSWORD_LENGTH * 2).strip())
    try:
        return ImageLogin(registry, user, password).password
    except ValueError as fault:
        hint = "make an access token at the registry, one that can only read: those have no such characters"
        raise Misconfigured(f"{registry}: {fault}", hint, code="bad_login_form") from None


def probe_login(home: Home, registry: str) -> JobResult:
    """Whether the login can be read. Only a pull could tell whether the registry accepts it.

    Raises:
        Misconfigured: there is none, or it cannot be read now.
    """
    match secrets.find_login(registry, home.key_file, keyring(home, [registry], may_prompt=True)):
        case FoundLogin(login, source):
            return {"registry": registry, "user": login.user, "source": source}
        case problem:
            raise Misconfigured(problem.text, problem.hint, code=problem.code)


def keyring(home: Home, registries: Sequence[str], *, may_prompt: bool = False) -> KeyringSource | None:
    """The keyring with the entries of these registries; None where the settings switch it off."""
    settings = config.load(home).keys
    if not settings.keyring:
        return None
    entries = {name: secrets.entry_name(home, name) for name in registries}
    return KeyringSource(entries, settings.keyring_seconds, may_prompt)


def known(home: Home) -> list[str]:
    """The registries that the key file names; none where it must not be read, which the providers' rows then report."""
    try:
        return sorted(secrets.read_logins(home.key_file))
    except Misconfigured:
        return []


def listed(home: Home, source: KeyringSource | None) -> list[JobResult]:
    """One row for each registry that the key file names, with the states of a provider's key (F105)."""
    rows: list[JobResult] = []
    for registry in known(home):
        row: JobResult = {"registry": registry, "user": "", "state": "ok", "source": "", "text": "", "hint": ""}
        match secrets.find_login(registry, home.key_file, source):
            case FoundLogin(login, where):
                row |= {"user": login.user, "source": where}
            case problem:
                row |= {"state": problem.state, "source": problem.source, "text": problem.text, "hint": problem.hint}
        rows.append(row)
    return rows


def remove_login(home: Home, registry: str) -> JobResult:
    """Delete the login from file and keyring; from the file first, whatever the keyring does then.

    Raises:
        KeyringUnusable: the keyring may hold it, and cannot be opened now; the file then still names it.
    """
    kept = secrets.read_logins(home.key_file).get(registry)
    if kept is not None and kept.password is not None:
        _remove_from_file(home, registry)
        warning = _forget_former(home, registry, is_there=False)
        return {"registry": registry, "removed": True, "warning": warning}
    settings, warning, removed = config.load(home).keys, "", False
    if settings.keyring:
        try:
            removed = secrets.remove_from_keyring(home, registry, settings.keyring_seconds)
        except KeyringUnusable as unreadable:
            if not isinstance(unreadable.problem, KeyringUnavailable | KeyUnreadable):
                raise
            if kept is not None:
                warning = f"{unreadable.message}; its password may still be in it"
    removed = _remove_from_file(home, registry) or removed
    return {"registry": registry, "removed": removed, "warning": warning}


def _remove_from_file(home: Home, registry: str) -> bool:
    try:
        return secrets.remove_login(home.key_file, registry)
    except OSError as error:
        raise file_error(home.key_file, error) from error


def _forget_former(home: Home, registry: str, *, is_there: bool) -> str:
    """Delete from the keyring a password that the file has replaced; returns a warning if it may still be there.

    Without a prompt: users who keep a login in the file may not see the screen it would appear on. Where no keyring is
    in use, it is mentioned only if a password is known to be there.
    """
    settings = config.load(home).keys
    rest = f"a former password of {registry} may still be in it"
    if not settings.keyring:
        return f"the settings switch off the system keyring; {rest}" if is_there else ""
    try:
        secrets.remove_from_keyring(home, registry, settings.keyring_seconds, may_prompt=False)
    except KeyringUnusable as unreadable:
        is_likely = is_there or not isinstance(unreadable.problem, KeyringUnavailable | KeyUnreadable)
        return f"{unreadable.message}; {rest}" if is_likely else ""
    return ""
