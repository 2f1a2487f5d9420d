"""How accounts are connected: one for each enabled cloud, with the reason in its place where that is not possible."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import structlog

from gpushopper import clouds
from gpushopper.clock import Clock
from gpushopper.clouds import Cloud
from gpushopper.config import Config
from gpushopper.core.cloud import Traits
from gpushopper.core.secret import Credential
from gpushopper.daemon.keys.account_setup import enabled_endpoints, is_loopback
from gpushopper.engine.context import AccountSetup
from gpushopper.errors import Misconfigured, ShopperError
from gpushopper.log import Redactor
from gpushopper.providers import adapter, traits
from gpushopper.providers.base import Provider
from gpushopper.secrets import FoundKey, KeySource, find_key
from gpushopper.store.accounts import known_cloud
from gpushopper.store.database import Store
from gpushopper.store.sessions import providers_with_attempts

_log = structlog.get_logger(__name__)


def connect_accounts(
    config: Config,
    sources: Sequence[KeySource],
    clock: Clock,
    redactor: Redactor,
    warn: Callable[[str], None] = lambda text: None,
    only: Collection[str] | None = None,
) -> list[AccountSetup]:
    """One account for each enabled provider, or of `only`; one that cannot be used carries the reason instead."""
    accounts = clouds.accounts(config.account_clouds)
    found = {name: at for name, at in enabled_endpoints(config).items() if only is None or name in only}
    return [
        _connect(
            clouds.of_account(name, config.account_clouds),
            accounts[name],
            at,
            sources,
            clock,
            redactor,
            warn,
            is_named=is_named(config, name),
        )
        for name, at in found.items()
    ]


def is_named(config: Config, name: str) -> bool:
    """Whether the configuration names a cloud or account, so that it is watched even without a key."""
    return name in (*config.providers, *config.accounts, config.provision.provider, config.inventory.provider)


def _connect(
    facts: Cloud,
    cloud: str,
    endpoint: str,
    sources: Sequence[KeySource],
    clock: Clock,
    redactor: Redactor,
    warn: Callable[[str], None],
    *,
    is_named: bool,
) -> AccountSetup:
    name = facts.name
    setup = AccountSetup(
        name, None, "", "", endpoint, is_loopback(endpoint), is_named=is_named, traits=usable_traits(cloud), cloud=cloud
    )
    if setup.traits is not None:
        redactor.add_pattern(setup.traits.key_pattern)
    match find_key(facts, sources):
        case FoundKey(credential, source, warning):
            for text in credential.redactions():
                redactor.add_redaction(text)
            if warning:
                warn(warning)
            _log.info("key found", provider=name, source=source)
            setup = replace(setup, key_source=source)
            try:
                client = open_account(cloud, endpoint, credential, clock)
            except ShopperError as wrong:
                # The other accounts are used all the same: their deadlines must be kept.
                return replace(setup, key_problem=wrong.message, key_hint=wrong.hint, key_state="refused")
            return replace(setup, client=client, credential=credential)
        case problem:
            return replace(
                setup,
                key_problem=problem.text,
                key_source=problem.source,
                key_state=problem.state,
                key_hint=problem.hint,
            )


def open_account(cloud: str, endpoint: str, credential: Credential, clock: Clock) -> Provider:
    """Connect an account; nothing is sent yet. Its responses are redacted of every secret part (I21).

    Raises:
        Misconfigured: the endpoint or the credential is not what the adapter takes, or the adapter is broken.
    """
    connect = adapter(cloud)
    try:
        client = connect(endpoint, credential, clock.monotonic)
        client.add_redactions(credential.redactions())
    except ShopperError:
        raise
    except Exception as error:  # noqa: BLE001 - a foreign package may raise anything; its text may hold the credential
        text = f"the adapter of {clouds.get(cloud).title} fails: {type(error).__name__}"
        raise Misconfigured(text, "update its package", code="broken_adapter") from None
    return client


def usable_traits(name: str) -> Traits | None:
    """The cloud's traits; None where its package is gone or broken, which only matters once it is connected."""
    try:
        return traits(name)
    except ShopperError:
        return None


def unusable_accounts(store: Store, setups: Collection[AccountSetup], config: Config) -> list[AccountSetup]:
    """Accounts that hold open attempts and have no setup: disabled, or of a package that is gone or broken.

    They are watched as without a key, so that what may still bill there is shown and raises its alarms.
    """
    held = providers_with_attempts(store) - {setup.provider for setup in setups}
    return [_unusable(name, known_cloud(store, name) or name, config) for name in sorted(held)]


def _unusable(name: str, cloud: str, config: Config) -> AccountSetup:
    if clouds.find(cloud) is None:
        why, hint = clouds.skipped().get(cloud, "no installed package knows it"), "install its package again"
    elif name not in clouds.accounts(config.account_clouds):
        why, hint = "the configuration does not name it any more", f'put back [accounts.{name}] with cloud = "{cloud}"'
    elif config.provider(cloud).enabled and config.account(name).enabled:
        why, hint = f"policy {config.policy.name} is for a sandbox", f"set policy.name, or providers.{cloud}.endpoint"
    else:
        section = "accounts" if config.provider(cloud).enabled else "providers"
        at = name if section == "accounts" else cloud
        why, hint = "it is disabled in the configuration", f"set {section}.{at}.enabled"
    problem, known = f"{name} cannot be used: {why}", usable_traits(cloud)
    return AccountSetup(name, None, problem, "", "", key_state="refused", key_hint=hint, traits=known, cloud=cloud)
