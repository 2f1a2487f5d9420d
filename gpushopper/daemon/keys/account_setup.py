"""Where API keys are looked for, and which endpoint and policy apply (S1, S23)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection
from urllib.parse import urlsplit

from gpushopper import clouds
from gpushopper.config import Config
from gpushopper.core.policy import POLICIES, Policy
from gpushopper.errors import Misconfigured, Refused
from gpushopper.paths import BUS_VARIABLE, Home, with_user_bus
from gpushopper.secrets import (
    BACKEND_VARIABLE,
    EnvironmentSource,
    FileSource,
    KeyringSource,
    KeySource,
    entry_name,
)


def key_sources(
    home: Home, config: Config, *, may_prompt: bool = False, registries: Collection[str] = ()
) -> list[KeySource]:
    """The sources of keys, in the order that secrets/key_sources.py explains (S23).

    The settings of a sandbox switch the keyring off: it must neither read nor write the user's own. With
    `registries`, their passwords are read from the keyring in the same call.
    """
    sources: list[KeySource] = quick_sources(home)
    if config.keys.keyring:
        accounts = clouds.accounts(config.account_clouds)
        entries = {name: entry_name(home, name) for name in (*accounts, *registries)}
        sources.append(KeyringSource(entries, config.keys.keyring_seconds, may_prompt))
    return sources


def quick_sources(home: Home) -> list[KeySource]:
    """The sources that never block: environment and key file."""
    return [EnvironmentSource(os.environ), FileSource(home.key_file)]


def key_environment() -> dict[str, str]:
    """The variables that decide which keys this process finds; of a key's own variable only whether it is set (I21)."""
    environ = with_user_bus(os.environ)
    found = {name: environ.get(name, "") for name in (BUS_VARIABLE, BACKEND_VARIABLE)}
    held = [name for cloud in clouds.known().values() for name in cloud.variables]
    return found | {name: "set" if environ.get(name) else "" for name in held}


def enabled_endpoints(config: Config) -> dict[str, str]:
    """Name and endpoint of each enabled account; those of one cloud have its endpoint.

    With the policy of a sandbox, real clouds that the configuration does not name are left out: installing a package
    must not make a sandbox unusable. A cloud whose package is gone or fails to load is passed over, even where the
    configuration names it: the others' deadlines must still be kept.
    """
    accounts = clouds.accounts(config.account_clouds)
    enabled = {
        name: config.provider(cloud).endpoint or clouds.get(cloud).endpoint
        for name, cloud in accounts.items()
        if config.provider(cloud).enabled and config.account(name).enabled
    }
    if config.policy.name == "real":
        return enabled
    sandboxed = {name: at for name, at in enabled.items() if accounts[name] in config.providers or is_loopback(at)}
    return sandboxed if sandboxed or config.providers else enabled


def warnings_about(config: Config) -> list[str]:
    """What the configuration names and no package has; a daemon or job says it and goes on."""
    wrong = clouds.unknown(config.providers) + list(clouds.wrong_accounts(config.account_clouds).values())
    return [each.message for each in wrong]


def choose_policy(config: Config) -> Policy:
    """The policy of the configuration; another than `real` only where no real provider can be reached.

    Raises:
        Misconfigured: no such policy.
        Refused: a quicker policy, while an account's endpoint is not a literal loopback address.
    """
    name = config.policy.name
    if name not in POLICIES:
        raise Misconfigured(f"unknown policy {name}", f"one of: {', '.join(POLICIES)}", code="unknown_policy")
    for provider, endpoint in enabled_endpoints(config).items():
        cloud = clouds.accounts(config.account_clouds).get(provider, provider)
        if name != "real" and not is_loopback(endpoint):
            raise Refused(
                f"policy {name} is for a sandbox, but {provider} is at {endpoint}, which is not a loopback address",
                f"set providers.{cloud}.endpoint to a sandbox, or policy.name to real",
                code="policy_not_real",
            )
    return POLICIES[name]


def is_loopback(endpoint: str) -> bool:
    """Whether an endpoint is a literal loopback address; a host name is not: it may resolve elsewhere tomorrow."""
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_loopback
    except ValueError:
        return False
