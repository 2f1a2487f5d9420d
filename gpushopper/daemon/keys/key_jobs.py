"""One-shot jobs of `keys set, list, probe, remove`: the key comes on stdin, into keyring or key file only (S23, I21).

A name with a dot or a colon is a registry's, and its login's (login_jobs.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from gpushopper import config, secrets
from gpushopper.client import Client
from gpushopper.clock import SystemClock
from gpushopper.core.secret import Secret
from gpushopper.daemon.keys import account_setup, login_jobs
from gpushopper.daemon.keys.login_jobs import IN_FILE
from gpushopper.errors import KeyRejected, Misconfigured, NotFound, ShopperError, UsageError
from gpushopper.paths import Home
from gpushopper.providers import ADAPTERS, adapter
from gpushopper.providers.base import Account, ErrorKind
from gpushopper.secrets import (
    EnvironmentSource,
    FileSource,
    FoundKey,
    KeyringSource,
    KeyringUnavailable,
    KeyringUnusable,
    KeySource,
    KeyUnreadable,
)
from gpushopper.store.sqlite.database_files import file_error

PROBE_LIMIT_S = 20.0

JobResult = dict[str, Any]


def set_key(home: Home, arguments: Sequence[str]) -> JobResult:
    """Store the key from stdin, unless the provider rejects it; a running daemon then reloads its keys.

    Raises:
        KeyringUnusable: the keyring cannot take it. The key file is never an automatic fallback (F106).
    """
    if registry := login_jobs.named(arguments):
        return login_jobs.set_login(home, registry, arguments)
    provider = _provider([word for word in arguments if word != IN_FILE])
    secret = Secret(secrets.check_form(sys.stdin.read(secrets.LONGEST_KEY * 2)))
    answer = probe(home, provider, secret)
    if IN_FILE in arguments or _is_kept_in_file(home, provider):
        source = _store_in_file(home, provider, secret)
    else:
        source = secrets.store_in_keyring(home, provider, secret, config.load(home).keys.keyring_seconds)
    return {**answer, "source": source, "warning": _shadow(provider, secret), "daemon": _reload(home)}


def _is_kept_in_file(home: Home, provider: str) -> bool:
    """Whether the file is in use: because settings switch the keyring off, or it already has a key.

    A key in the file takes precedence over the keyring: a new one in the keyring would not be used.
    """
    return not config.load(home).keys.keyring or FileSource(home.key_file).lookup(provider) is not None


def _store_in_file(home: Home, provider: str, secret: Secret) -> str:
    try:
        secrets.set_key(home.key_file, provider, secret.reveal())
    except OSError as error:
        raise file_error(home.key_file, error) from error
    return f"file {home.key_file}"


def probe_key(home: Home, arguments: Sequence[str]) -> JobResult:
    """Check the key that a daemon started here would use with its provider."""
    if registry := login_jobs.named(arguments):
        return login_jobs.probe_login(home, registry)
    provider = _provider(arguments)
    match secrets.find_key(provider, account_setup.key_sources(home, config.load(home), may_prompt=True)):
        case FoundKey(secret, source, warning):
            answer = {**probe(home, provider, secret), "source": source, "warning": warning}
            return {**answer, "daemon": _reload(home) if source.startswith("keyring") else ""}
        case problem:
            raise Misconfigured(problem.text, problem.hint, code=problem.code)


def list_keys(home: Home, _arguments: Sequence[str]) -> JobResult:
    """Where each provider's key and each registry's login is stored; none is shown, not even in part."""
    sources = account_setup.key_sources(home, config.load(home), registries=login_jobs.known(home))
    keyring = next((each for each in sources if isinstance(each, KeyringSource)), None)
    return {"keys": listed(home, sources), "registries": login_jobs.listed(home, keyring)}


def listed(home: Home, sources: Sequence[KeySource] | None = None) -> list[JobResult]:
    """One row for each provider: state `ok`, `missing`, `locked`, `absent`, `hung` or `refused` (F105)."""
    rows: list[JobResult] = []
    sources = account_setup.key_sources(home, config.load(home)) if sources is None else sources
    for provider in ADAPTERS:
        row: JobResult = {"provider": provider, "state": "ok", "source": "", "text": "", "hint": "", "warning": ""}
        match secrets.find_key(provider, sources):
            case FoundKey(_, source, warning):
                row |= {"source": source, "warning": warning}
            case problem:
                row |= {"state": problem.state, "source": problem.source, "text": problem.text, "hint": problem.hint}
        rows.append(row)
    return rows


def remove_key(home: Home, arguments: Sequence[str]) -> JobResult:
    """Delete the key from file and keyring; the environment cannot be changed from here.

    Raises:
        KeyringUnusable: the keyring may hold one, and cannot be opened now.
    """
    if registry := login_jobs.named(arguments):
        return login_jobs.remove_login(home, registry)
    provider = _provider(arguments)
    try:
        removed = secrets.remove_key(home.key_file, provider)
    except OSError as error:
        raise file_error(home.key_file, error) from error
    warnings = []
    settings = config.load(home).keys
    if settings.keyring:
        try:
            removed = secrets.remove_from_keyring(home, provider, settings.keyring_seconds) or removed
        except KeyringUnusable as unreadable:
            if not isinstance(unreadable.problem, KeyringUnavailable | KeyUnreadable):
                raise
            warnings.append(f"{unreadable.message}; a key may still be in it")
    if EnvironmentSource(os.environ).lookup(provider) is not None:
        warnings.append(f"a key for {provider} is still set in the environment")
    return {"provider": provider, "removed": removed, "warning": "; ".join(warnings), "daemon": _reload(home)}


def probe(home: Home, provider: str, secret: Secret) -> JobResult:
    """Check a key with its provider; one that cannot be reached leaves it unverified.

    Raises:
        KeyRejected: the provider rejects the key.
    """
    endpoint = account_setup.enabled_endpoints(config.load(home)).get(provider)
    if endpoint is None:
        raise Misconfigured(f"{provider} is disabled in the configuration", f"Set providers.{provider}.enabled.")
    client = adapter(provider)(endpoint, secret.reveal(), SystemClock(home.clock_offset).monotonic)
    try:
        found = client.fetch_account(PROBE_LIMIT_S)
    finally:
        client.close()
    answer: JobResult = {"provider": provider, "verified": False, "account": "", "balance": None, "detail": ""}
    if isinstance(found, Account):
        return {**answer, "verified": True, "account": found.account_id, "balance": found.balance}
    if found.error_kind is ErrorKind.AUTH:
        raise KeyRejected(f"{provider} refuses this key", "Nothing was stored. Make a new key in its console.")
    return {**answer, "detail": found.detail}


def _provider(arguments: Sequence[str]) -> str:
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in ADAPTERS:
        close = get_close_matches(name, ADAPTERS, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Known providers: {', '.join(ADAPTERS)}."
        if not name:
            raise UsageError("name one provider", hint)
        raise NotFound(f"no provider is called {name!r}", hint, code="provider_not_found")
    return name


def _shadow(provider: str, stored: Secret) -> str:
    given = EnvironmentSource(os.environ).lookup(provider)
    if isinstance(given, FoundKey) and given.secret != stored:
        return f"{given.source} holds another key, which takes precedence over the stored one"
    return ""


def _reload(home: Home) -> str:
    client = Client(home)
    try:
        if not client.is_up():
            return "not running"
        client.reload_keys()
    except ShopperError as error:
        return f"has not read it: {error.message}"
    return "reloaded"
