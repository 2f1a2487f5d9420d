"""From settings and keys to connected accounts, and the one choice of the policy (S1)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import urlsplit

import structlog

from gpushopper.clock import Clock
from gpushopper.config import Config
from gpushopper.core.policy import POLICIES, Policy
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import Misconfigured, Refused
from gpushopper.log import Mask
from gpushopper.paths import Home
from gpushopper.providers import ADAPTERS, ENDPOINTS, adapter
from gpushopper.secrets import EnvironmentSource, FileSource, KeySource, Missing, Ok, find_key

_log = structlog.get_logger(__name__)


def key_sources(home: Home, environ: Mapping[str, str] = os.environ) -> list[KeySource]:
    """Where keys are looked for, in order (S23)."""
    return [EnvironmentSource(environ), FileSource(home.key_file)]


def enabled_endpoints(config: Config) -> dict[str, str]:
    """Provider and address of each account we look at.

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
    """The policy of the configuration; anything but `real` only where nothing real can be reached.

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
                f"policy {name} is for practice, but {provider} is at {endpoint}, which is not a loopback address",
                f"Set providers.{provider}.endpoint to a practice market, or policy.name to real.",
                code="policy_not_real",
            )
    return POLICIES[name]


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is a literal loopback address; a name is not: it may lead anywhere tomorrow."""
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_loopback
    except ValueError:
        return False


def connect_accounts(
    config: Config,
    sources: Sequence[KeySource],
    clock: Clock,
    mask: Mask,
    warn: Callable[[str], None] = lambda text: None,
) -> list[AccountSetup]:
    """One account for each enabled provider; one without a usable key says why, and its sessions stay watched."""
    found = enabled_endpoints(config).items()
    return [_connect(name, endpoint, sources, clock, mask, warn) for name, endpoint in found]


def _connect(
    name: str,
    endpoint: str,
    sources: Sequence[KeySource],
    clock: Clock,
    mask: Mask,
    warn: Callable[[str], None],
) -> AccountSetup:
    local = is_loopback(endpoint)
    match find_key(name, sources):
        case Ok(secret, source, warning):
            mask.add(secret.reveal())
            if warning:
                warn(warning)
            _log.info("key found", provider=name, source=source)
            connection = adapter(name)(endpoint, secret.reveal(), clock.monotonic)
            return AccountSetup(name, connection, "", source, endpoint, local)
        case Missing(text):
            return AccountSetup(name, None, text, "", endpoint, local)
        case refused:
            warn(refused.text)
            return AccountSetup(name, None, refused.text, refused.source, endpoint, local)
