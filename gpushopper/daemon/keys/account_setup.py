"""Where API keys are looked for, which endpoint and policy apply, and how accounts are connected (S1, S23)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from urllib.parse import urlsplit

import structlog

from gpushopper.clock import Clock
from gpushopper.config import Config
from gpushopper.core.policy import POLICIES, Policy
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import Misconfigured, Refused
from gpushopper.log import Redactor
from gpushopper.paths import BUS_VARIABLE, Home, with_user_bus
from gpushopper.providers import ADAPTERS, ENDPOINTS, adapter
from gpushopper.secrets import (
    BACKEND_VARIABLE,
    EnvironmentSource,
    FileSource,
    FoundKey,
    KeyringSource,
    KeySource,
    entry_name,
    find_key,
    variables_of,
)

_log = structlog.get_logger(__name__)


def key_sources(
    home: Home, config: Config, *, may_prompt: bool = False, registries: Collection[str] = ()
) -> list[KeySource]:
    """The sources of keys, in the order that secrets/key_sources.py explains (S23).

    The settings of a sandbox switch the keyring off: it must neither read nor write the user's own. With
    `registries`, their passwords are read from the keyring in the same call.
    """
    sources: list[KeySource] = quick_sources(home)
    if config.keys.keyring:
        entries = {name: entry_name(home, name) for name in (*ADAPTERS, *registries)}
        sources.append(KeyringSource(entries, config.keys.keyring_seconds, may_prompt))
    return sources


def quick_sources(home: Home) -> list[KeySource]:
    """The sources that never block: environment and key file."""
    return [EnvironmentSource(os.environ), FileSource(home.key_file)]


def key_environment() -> dict[str, str]:
    """The variables that decide which keys this process finds; of a key's own variable only whether it is set (I21)."""
    environ = with_user_bus(os.environ)
    found = {name: environ.get(name, "") for name in (BUS_VARIABLE, BACKEND_VARIABLE)}
    return found | {name: "set" if environ.get(name) else "" for each in ADAPTERS for name in variables_of(each)}


def enabled_endpoints(config: Config) -> dict[str, str]:
    """Provider and endpoint of each enabled account.

    Raises:
        Misconfigured: the configuration names a provider that does not exist.
    """
    for name in config.providers:
        if name not in ADAPTERS:
            close = get_close_matches(name, ADAPTERS, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known providers: {', '.join(ADAPTERS)}."
            raise Misconfigured(f"the configuration names an unknown provider {name}", hint, code="unknown_key")
    return {
        name: config.provider(name).endpoint or ENDPOINTS[name] for name in ADAPTERS if config.provider(name).enabled
    }


def choose_policy(config: Config) -> Policy:
    """The policy of the configuration; another than `real` only where no real provider can be reached.

    Raises:
        Misconfigured: no such policy.
        Refused: a quicker policy, while an account's endpoint is not a literal loopback address.
    """
    name = config.policy.name
    if name not in POLICIES:
        raise Misconfigured(f"unknown policy {name}", f"Known policies: {', '.join(POLICIES)}.", code="unknown_policy")
    for provider, endpoint in enabled_endpoints(config).items():
        if name != "real" and not is_loopback(endpoint):
            raise Refused(
                f"policy {name} is for a sandbox, but {provider} is at {endpoint}, which is not a loopback address",
                f"Set providers.{provider}.endpoint to a sandbox, or policy.name to real.",
                code="policy_not_real",
            )
    return POLICIES[name]


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is a literal loopback address; a host name is not: it may resolve elsewhere tomorrow."""
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_loopback
    except ValueError:
        return False


def connect_accounts(
    config: Config,
    sources: Sequence[KeySource],
    clock: Clock,
    redactor: Redactor,
    warn: Callable[[str], None] = lambda text: None,
    only: Collection[str] | None = None,
) -> list[AccountSetup]:
    """One account for each enabled provider, or of `only`; one without a usable key carries the reason instead."""
    found = {name: at for name, at in enabled_endpoints(config).items() if only is None or name in only}
    return [_connect(name, endpoint, sources, clock, redactor, warn) for name, endpoint in found.items()]


def _connect(
    name: str,
    endpoint: str,
    sources: Sequence[KeySource],
    clock: Clock,
    redactor: Redactor,
    warn: Callable[[str], None],
) -> AccountSetup:
    local = is_loopback(endpoint)
    match find_key(name, sources):
        case FoundKey(secret, source, warning):
            redactor.add_redaction(secret.reveal())
            if warning:
                warn(warning)
            _log.info("key found", provider=name, source=source)
            client = adapter(name)(endpoint, secret.reveal(), clock.monotonic)
            return AccountSetup(name, client, "", source, endpoint, local, key=secret)
        case problem:
            return AccountSetup(name, None, problem.text, problem.source, endpoint, local, problem.state, problem.hint)
