"""Keys by one-shot job: the secret comes on stdin and goes into the key file, never into argv or an answer (S23)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from gpushopper import config, secrets
from gpushopper.client import Client
from gpushopper.clock import SystemClock
from gpushopper.daemon import accounts
from gpushopper.errors import KeyRejected, Misconfigured, NotFound, ShopperError, UsageError
from gpushopper.paths import Home
from gpushopper.providers import ADAPTERS, adapter
from gpushopper.providers.base import Account, Trouble
from gpushopper.secrets import EnvironmentSource, Missing, Ok, Secret
from gpushopper.store.folder import unusable

PROBE_LIMIT_S = 20.0

Answer = dict[str, Any]


def set_key(home: Home, arguments: Sequence[str]) -> Answer:
    """Store the key that stands on stdin, unless the provider refuses it; a running daemon then reads it."""
    provider = _provider(arguments)
    secret = Secret(secrets.check_form(sys.stdin.read(secrets.LONGEST_KEY * 2)))
    answer = probe(home, provider, secret)
    try:
        secrets.set_key(home.key_file, provider, secret.reveal())
    except OSError as error:
        raise unusable(home.key_file, error) from error
    warning = _shadow(provider, secret)
    return {**answer, "source": f"file {home.key_file}", "warning": warning, "daemon": _reload(home)}


def probe_key(home: Home, arguments: Sequence[str]) -> Answer:
    """Ask the provider whether it takes the key that a daemon started here would use."""
    provider = _provider(arguments)
    match secrets.find_key(provider, accounts.key_sources(home)):
        case Ok(secret, source, warning):
            return {**probe(home, provider, secret), "source": source, "warning": warning}
        case Missing(text):
            raise Misconfigured(text, f"Run: gpu-shopper keys set {provider}", code="key_missing")
        case refused:
            raise Misconfigured(refused.text, "see: gpu-shopper keys", code="key_refused")


def list_keys(home: Home, _arguments: Sequence[str]) -> Answer:
    """Where each provider's key stands; no key is shown, not even in part."""
    return {"keys": listed(home)}


def listed(home: Home) -> list[Answer]:
    """One row for each provider: state `ok`, `missing` or `refused`."""
    rows: list[Answer] = []
    for provider in ADAPTERS:
        row: Answer = {"provider": provider, "state": "ok", "source": "", "text": "", "warning": ""}
        match secrets.find_key(provider, accounts.key_sources(home)):
            case Ok(_, source, warning):
                row |= {"source": source, "warning": warning}
            case Missing(text):
                row |= {"state": "missing", "text": text}
            case refused:
                row |= {"state": "refused", "text": refused.text, "source": refused.source}
        rows.append(row)
    return rows


def remove_key(home: Home, arguments: Sequence[str]) -> Answer:
    """Take the key out of the key file; the environment is not ours to change."""
    provider = _provider(arguments)
    try:
        removed = secrets.remove_key(home.key_file, provider)
    except OSError as error:
        raise unusable(home.key_file, error) from error
    given = EnvironmentSource(os.environ).look(provider)
    warning = f"a key for {provider} still stands in the environment" if given is not None else ""
    return {"provider": provider, "removed": removed, "warning": warning, "daemon": _reload(home)}


def probe(home: Home, provider: str, secret: Secret) -> Answer:
    """What the provider says about a key; a provider that cannot be reached says nothing against it.

    Raises:
        KeyRejected: it refuses the key.
    """
    endpoint = accounts.enabled_endpoints(config.load(home)).get(provider)
    if endpoint is None:
        raise Misconfigured(f"{provider} is disabled in the configuration", f"Set providers.{provider}.enabled.")
    connection = adapter(provider)(endpoint, secret.reveal(), SystemClock(home.clock_offset).monotonic)
    try:
        found = connection.fetch_account(PROBE_LIMIT_S)
    finally:
        connection.close()
    answer: Answer = {"provider": provider, "verified": False, "account": "", "balance": None, "detail": ""}
    if isinstance(found, Account):
        return {**answer, "verified": True, "account": found.account_id, "balance": found.balance}
    if found.trouble is Trouble.AUTH:
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
    given = EnvironmentSource(os.environ).look(provider)
    if isinstance(given, Ok) and given.secret != stored:
        return f"{given.source} holds another key, which stands above the file"
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
