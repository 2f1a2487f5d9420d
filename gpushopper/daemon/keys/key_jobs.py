"""One-shot jobs of `keys set, list, probe, remove`: the key comes on stdin, into keyring or key file only (S23, I21).

A name with a dot or a colon is a registry's, and its login's (login_jobs.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from gpushopper import clouds, config, secrets
from gpushopper.client import Client
from gpushopper.clock import SystemClock
from gpushopper.clouds import Cloud
from gpushopper.core.secret import Credential
from gpushopper.daemon.keys import account_setup, login_jobs
from gpushopper.daemon.keys.account_connection import is_named, open_account
from gpushopper.daemon.keys.login_jobs import IN_FILE
from gpushopper.engine.requests.watched_accounts import NOT_ANSWERED
from gpushopper.errors import KeyRejected, Misconfigured, ShopperError, UsageError
from gpushopper.paths import Home
from gpushopper.providers.base import Account, ErrorKind
from gpushopper.secrets import (
    EnvironmentSource,
    FileSource,
    FoundKey,
    KeyIncomplete,
    KeyProblem,
    KeyringSource,
    KeyringUnavailable,
    KeyringUnusable,
    KeySource,
    KeyUnreadable,
)
from gpushopper.secrets.refused_key import refusal, remedy
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
    cloud = _cloud(home, [word for word in arguments if word != IN_FILE])
    credential = _read_credential(cloud)
    _refuse_same_key(home, cloud, credential)
    answer = probe(home, cloud, credential)
    if IN_FILE in arguments or _is_kept_in_file(home, cloud):
        source = _store_in_file(home, cloud, credential)
    else:
        entry, limit_s = secrets.pack(cloud, credential), config.load(home).keys.keyring_seconds
        source = secrets.store_in_keyring(home, cloud.name, entry, limit_s)
    return {**answer, "source": source, "warning": _shadow(cloud, credential), "daemon": _reload(home)}


def _read_credential(cloud: Cloud) -> Credential:
    """The credential from stdin: one line for each part, in the cloud's order; an optional one may be empty."""
    text = sys.stdin.read(secrets.LONGEST_KEY * 2 * len(cloud.credential))
    lines = [text] if len(cloud.credential) == 1 else text.splitlines()
    if len(lines) > len(cloud.credential):
        titles = ", ".join(part.title for part in cloud.credential)
        raise Misconfigured(f"{len(lines)} lines are too many", f"give one line each: {titles}", code="bad_key_form")
    given = {
        part.name: line
        for part, line in zip(cloud.credential, lines, strict=False)
        if line.strip() or len(cloud.credential) == 1
    }
    hint = f"run: gpu-shopper keys set {cloud.name}"
    found = secrets.make_credential(cloud, given, "what was given", hint, lambda part: f"the {part.title}")
    if isinstance(found, KeyUnreadable) and not isinstance(found, KeyIncomplete):
        raise Misconfigured(found.text, found.hint, code="bad_key_form")
    if isinstance(found, KeyProblem):
        raise Misconfigured(found.text, found.hint, code=found.code)
    return found


def _is_kept_in_file(home: Home, cloud: Cloud) -> bool:
    """Whether the file is in use: because settings switch the keyring off, or it already has a key.

    A key in the file takes precedence over the keyring: a new one in the keyring would not be used.
    """
    return not config.load(home).keys.keyring or FileSource(home.key_file).lookup(cloud) is not None


def _store_in_file(home: Home, cloud: Cloud, credential: Credential) -> str:
    try:
        secrets.set_key(home.key_file, cloud, credential)
    except OSError as error:
        raise file_error(home.key_file, error) from error
    return f"file {home.key_file}"


def probe_key(home: Home, arguments: Sequence[str]) -> JobResult:
    """Check the key that a daemon started here would use with its provider."""
    if registry := login_jobs.named(arguments):
        return login_jobs.probe_login(home, registry)
    cloud = _cloud(home, arguments)
    match secrets.find_key(cloud, account_setup.key_sources(home, config.load(home), may_prompt=True)):
        case FoundKey(credential, source, warning):
            answer = {**probe(home, cloud, credential, source), "source": source, "warning": warning}
            return {**answer, "daemon": _reload(home) if source.startswith("keyring") else ""}
        case problem:
            raise Misconfigured(problem.text, problem.hint, code=problem.code)


def list_keys(home: Home, _arguments: Sequence[str]) -> JobResult:
    """Where each provider's key and each registry's login is stored; none is shown, not even in part."""
    sources = account_setup.key_sources(home, config.load(home), registries=login_jobs.known(home))
    keyring = next((each for each in sources if isinstance(each, KeyringSource)), None)
    return {"keys": listed(home, sources), "registries": login_jobs.listed(home, keyring)}


def listed(home: Home, sources: Sequence[KeySource] | None = None) -> list[JobResult]:
    """One row for each account; state `ok`, or why there is no key: `missing` and the others of F105."""
    rows: list[JobResult] = []
    settings = config.load(home)
    sources = account_setup.key_sources(home, settings) if sources is None else sources
    for name in clouds.accounts(settings.account_clouds):
        cloud = clouds.of_account(name, settings.account_clouds)
        row: JobResult = {"provider": name, "state": "ok", "source": "", "text": "", "hint": "", "warning": ""}
        match secrets.find_key(cloud, sources):
            case FoundKey(_, source, warning):
                row |= {"source": source, "warning": warning}
            case problem:
                row |= {"state": problem.state, "source": problem.source, "text": problem.text, "hint": problem.hint}
        rows.append(row)
    return rows


def of_used_clouds(home: Home) -> list[JobResult]:
    """The rows of the clouds that are used: with a key, or named in the configuration; else of the first one.

    Where a keyring does not answer, a cloud is not said to have a key in it as soon as another one has a key.
    """
    rows, settings = listed(home), config.load(home)
    none = {"missing", *NOT_ANSWERED} if any(row["state"] == "ok" for row in rows) else {"missing"}
    used = [row for row in rows if row["state"] not in none or is_named(settings, row["provider"])]
    return used or rows[:1]


def remove_key(home: Home, arguments: Sequence[str]) -> JobResult:
    """Delete the key from file and keyring; the environment cannot be changed from here.

    Also that of a cloud whose package is gone.

    Raises:
        NotFound: there is no such cloud, and nothing is stored under its name.
        KeyringUnusable: the keyring may hold one, and cannot be opened now.
    """
    if registry := login_jobs.named(arguments):
        return login_jobs.remove_login(home, registry)
    name = _name(arguments)
    try:
        removed = secrets.remove_key(home.key_file, name)
    except OSError as error:
        raise file_error(home.key_file, error) from error
    warnings = []
    settings = config.load(home).keys
    if settings.keyring:
        try:
            removed = secrets.remove_from_keyring(home, name, settings.keyring_seconds) or removed
        except KeyringUnusable as unreadable:
            if not isinstance(unreadable.problem, KeyringUnavailable | KeyUnreadable):
                raise
            warnings.append(f"{unreadable.message}; a key may still be in it")
    accounts = config.load(home).account_clouds
    is_known = name in clouds.accounts(accounts)
    cloud = clouds.of_account(name, accounts) if is_known or not (removed or warnings) else None
    if cloud is not None and EnvironmentSource(os.environ).lookup(cloud) is not None:
        warnings.append(f"a key for {name} is still set in the environment")
    return {"provider": name, "removed": removed, "warning": "; ".join(warnings), "daemon": _reload(home)}


def probe(home: Home, cloud: Cloud, credential: Credential, source: str = "") -> JobResult:
    """Check a key with its provider; one that cannot be reached leaves it unverified.

    `source` is where it is from; empty for one that was given just now.

    Raises:
        KeyRejected: the provider rejects the key.
    """
    name = cloud.name
    settings = config.load(home)
    at = clouds.accounts(settings.account_clouds).get(name, name)
    endpoint = account_setup.enabled_endpoints(settings).get(name)
    if endpoint is None:
        hint = f"use it again: gpu-shopper config set providers.{at}.enabled true"
        raise Misconfigured(f"{name} is disabled in the configuration", hint)
    client = open_account(at, endpoint, credential, SystemClock(home.clock_offset))
    try:
        found = client.fetch_account(PROBE_LIMIT_S)
    finally:
        client.close()
    answer: JobResult = {"provider": name, "verified": False, "account": "", "balance": None, "detail": ""}
    if isinstance(found, Account):
        return {**answer, "verified": True, "account": found.account_id, "balance": found.balance}
    if found.error_kind is ErrorKind.AUTH:
        where = f"create a new one at {cloud.key_page}"
        if source:
            raise KeyRejected(refusal(name, source), f"{where}; {remedy(name, source)}")
        raise KeyRejected(f"{name} refuses this key", f"nothing was stored; {where}")
    return {**answer, "detail": found.detail}


def _name(arguments: Sequence[str]) -> str:
    if len(arguments) != 1:
        raise UsageError("name one provider", clouds.suggestion(""))
    return arguments[0]


def _cloud(home: Home, arguments: Sequence[str]) -> Cloud:
    """The facts of the cloud of the account that is named, under the account's name."""
    return clouds.of_account(_name(arguments), config.load(home).account_clouds)


def _refuse_same_key(home: Home, cloud: Cloud, credential: Credential) -> None:
    """Two accounts of one cloud need a key each; each source counts, also one that another takes precedence over.

    Raises:
        Misconfigured: another account of the cloud has this very key.
    """
    settings = config.load(home)
    accounts = clouds.accounts(settings.account_clouds)
    others = [name for name, at in accounts.items() if at == accounts[cloud.name] and name != cloud.name]
    sources = account_setup.key_sources(home, settings) if others else []
    for name in others:
        other = clouds.of_account(name, settings.account_clouds)
        held = next((key for each in sources if _is_same_key(cloud, key := each.lookup(other), credential)), None)
        if isinstance(held, FoundKey):
            in_variable = held.source.startswith("environment")
            away = f"unset {held.source.partition(' ')[2]}" if in_variable else f"gpu-shopper keys remove {name}"
            hint = f"give {cloud.name} a key of another account, or remove the other: {away}"
            raise Misconfigured(f"{name} has this very key: they would be one account", hint, code="same_account")


def _is_same_key(cloud: Cloud, found: FoundKey | KeyProblem | None, credential: Credential) -> bool:
    """Whether both open the same account: a part that may be left out and is no secret does not tell accounts apart.

    TensorDock takes the token alone, with or without the id that was handed out with it.
    """
    telling = [part.name for part in cloud.credential if part.is_needed or part.is_secret]
    return isinstance(found, FoundKey) and all(
        found.credential.reveal(name) == credential.reveal(name) for name in telling
    )


def _shadow(cloud: Cloud, stored: Credential) -> str:
    given = EnvironmentSource(os.environ).lookup(cloud)
    if isinstance(given, FoundKey) and given.credential != stored:
        return f"{given.source} holds another key, which takes precedence over the stored one"
    if isinstance(given, KeyProblem):
        return f"{given.text}; that takes precedence over the stored one"
    return ""


def _reload(home: Home) -> str:
    client = Client(home)
    try:
        if not client.is_up():
            return "not running"
        client.reload_keys()
    except ShopperError as error:
        return f"has not read it: {error.message}" + (f"; {error.hint}" if error.hint else "")
    return "reloaded"
