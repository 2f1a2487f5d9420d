"""Settings: every config key with its type and default, the precedence of sources, what a project file may not set.

Precedence: flags, environment (`GPU_SHOPPER_<KEY>`), project file `.gpu-shopper.toml`, user's `config.toml`, defaults.
Standard library only, since daemon and commands read it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from gpushopper.config.alert_channels import AlertChannel, ChannelKind
from gpushopper.config.lab_server import MEMBERS, ClientSettings, DaemonSettings, read_consumer
from gpushopper.config.value_forms import (
    Invalid,
    as_address,
    as_count,
    as_dollars,
    as_flag,
    as_number,
    as_text,
    as_texts,
    as_time_zone,
    read_by,
)
from gpushopper.core.model.money import DOLLAR, MAX_AMOUNT, Micros
from gpushopper.errors import Misconfigured
from gpushopper.paths import Home

PROJECT_FILE = ".gpu-shopper.toml"
PREFIX = "GPU_SHOPPER_"
ACCOUNT_NAME = re.compile(r"[a-z][a-z-]{1,19}")
CHANNEL_NAME_RULE = "a channel's name has 2 to 20 small letters and hyphens"
PROJECT_SECTIONS = ("defaults.provision", "defaults.inventory")


@dataclass(frozen=True, slots=True)
class InventoryDefaults:
    """What `inventory` searches for where no flag says otherwise. Rates are micro-dollars per hour, sizes GB."""

    gpu: str | None = field(default=None, metadata=read_by(as_text))
    provider: str | None = field(default=None, metadata=read_by(as_text))
    gpus: int | None = field(default=None, metadata=read_by(as_count(1, 64)))
    vram: float | None = field(default=None, metadata=read_by(as_number(0, 10_000)))
    max_price: Micros | None = field(default=None, metadata=read_by(as_dollars))
    min_reliability: float | None = field(default=None, metadata=read_by(as_number(0, 1)))
    min_cuda: float | None = field(default=None, metadata=read_by(as_number(0, 100)))
    region: tuple[str, ...] | None = field(default=None, metadata=read_by(as_texts))
    disk: float | None = field(default=None, metadata=read_by(as_number(1, 100_000)))
    cpus: float | None = field(default=None, metadata=read_by(as_number(0, 10_000)))
    ram: float | None = field(default=None, metadata=read_by(as_number(0, 100_000)))
    verified: bool | None = field(default=None, metadata=read_by(as_flag))
    exclude_host: tuple[str, ...] | None = field(default=None, metadata=read_by(as_texts))
    sort: str | None = field(default=None, metadata=read_by(as_text))
    limit: int | None = field(default=None, metadata=read_by(as_count(1, 100_000)))


@dataclass(frozen=True, slots=True)
class ProvisionDefaults:
    """What `provision` requests where no flag says otherwise. `hours` is the duration of a session."""

    gpu: str | None = field(default=None, metadata=read_by(as_text))
    provider: str | None = field(default=None, metadata=read_by(as_text))
    gpus: int | None = field(default=None, metadata=read_by(as_count(1, 64)))
    vram: float | None = field(default=None, metadata=read_by(as_number(0, 10_000)))
    max_price: Micros | None = field(default=None, metadata=read_by(as_dollars))
    min_reliability: float | None = field(default=None, metadata=read_by(as_number(0, 1)))
    min_cuda: float | None = field(default=None, metadata=read_by(as_number(0, 100)))
    region: tuple[str, ...] | None = field(default=None, metadata=read_by(as_texts))
    disk: float | None = field(default=None, metadata=read_by(as_number(1, 100_000)))
    cpus: float | None = field(default=None, metadata=read_by(as_number(0, 10_000)))
    ram: float | None = field(default=None, metadata=read_by(as_number(0, 100_000)))
    verified: bool | None = field(default=None, metadata=read_by(as_flag))
    exclude_host: tuple[str, ...] | None = field(default=None, metadata=read_by(as_texts))
    image: str | None = field(default=None, metadata=read_by(as_text))
    hours: float | None = field(default=None, metadata=read_by(as_number(0.02, 24 * 30)))
    retries: int | None = field(default=None, metadata=read_by(as_count(0, 10)))
    consumer: str | None = field(default=None, metadata=read_by(as_text))


@dataclass(frozen=True, slots=True)
class SpendingLimitSettings:
    """Spending limits, a last safeguard against bugs too (S8). `dollars_per_hour` is in micro-dollars."""

    open_sessions: int = field(default=4, metadata=read_by(as_count(0, 1000)))
    creates_per_hour: int = field(default=12, metadata=read_by(as_count(0, 10_000)))
    dollars_per_hour: Micros = field(default=20 * DOLLAR, metadata=read_by(as_dollars))


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A provider's endpoint (None: the real one), and whether its account is used at all."""

    endpoint: str | None = field(default=None, metadata=read_by(as_address))
    enabled: bool = field(default=True, metadata=read_by(as_flag))


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """A further account of a cloud, under a name of its own; the first one has the cloud's name and needs no entry."""

    cloud: str | None = field(default=None, metadata=read_by(as_text))
    enabled: bool = field(default=True, metadata=read_by(as_flag))


@dataclass(frozen=True, slots=True)
class MoneySettings:
    """In which time zone days and months are counted (None: this computer's)."""

    time_zone: str | None = field(default=None, metadata=read_by(as_time_zone))


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """The loopback port on which metrics are served to whoever shows the token; None: none is opened."""

    port: int | None = field(default=None, metadata=read_by(as_count(1024, 65535)))


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The name of the policy; any other than `real` is for sandboxes only (S1)."""

    name: str = field(default="real", metadata=read_by(as_text))


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Whether keys are read from the system keyring, and its timeout in seconds (D15)."""

    keyring: bool = field(default=True, metadata=read_by(as_flag))
    keyring_seconds: float = field(default=20.0, metadata=read_by(as_number(1, 25)))


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `origins` names the source of each that is not built in: a file, a variable or `flag`."""

    brakes: SpendingLimitSettings = field(default_factory=SpendingLimitSettings)
    money: MoneySettings = field(default_factory=MoneySettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    keys: KeySettings = field(default_factory=KeySettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    client: ClientSettings = field(default_factory=ClientSettings)
    inventory: InventoryDefaults = field(default_factory=InventoryDefaults)
    provision: ProvisionDefaults = field(default_factory=ProvisionDefaults)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    accounts: Mapping[str, AccountSettings] = field(default_factory=dict)
    alerts: Mapping[str, AlertChannel] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    """Who of the group is which consumer: by user name on the server, or by uid."""
    origins: Mapping[str, str] = field(default_factory=dict)

    def provider(self, name: str) -> ProviderSettings:
        """The settings of one provider, the built-in ones where nothing is set."""
        return self.providers.get(name, ProviderSettings())

    def account(self, name: str) -> AccountSettings:
        """The settings of one account, the built-in ones where nothing is set."""
        return self.accounts.get(name, AccountSettings())

    @property
    def account_clouds(self) -> dict[str, str]:
        """The cloud of each named account."""
        return {name: each.cloud for name, each in self.accounts.items() if each.cloud is not None}

    def origin(self, key: str) -> str:
        """Where the value of a dotted key comes from."""
        return self.origins.get(key, "built in")


_SECTIONS: dict[str, tuple[str, type]] = {
    "brakes": ("brakes", SpendingLimitSettings),
    "money": ("money", MoneySettings),
    "policy": ("policy", PolicySettings),
    "keys": ("keys", KeySettings),
    "metrics": ("metrics", MetricsSettings),
    "daemon": ("daemon", DaemonSettings),
    "client": ("client", ClientSettings),
    "defaults.inventory": ("inventory", InventoryDefaults),
    "defaults.provision": ("provision", ProvisionDefaults),
}


def load(
    home: Home,
    environ: Mapping[str, str] | None = None,
    project_from: Path | None = None,
    flags: Mapping[str, object] | None = None,
) -> Config:
    """Read all sources. `project_from` is the folder from which the project file is searched upward, None for none.

    `flags` maps dotted keys (`defaults.provision.gpu`) to values; a None is a flag that was not given.

    Raises:
        Misconfigured: a file cannot be read, a key is unknown, a value malformed, or a project file sets a forbidden
            key.
    """
    config = _apply(Config(), _read(home.config_file), str(home.config_file))
    project = find_project_file(project_from) if project_from else None
    if project:
        found = _read(project)
        _refuse_forbidden(found, project)
        config = _apply(config, found, str(project))
    for key, variable, value in _from_environment(os.environ if environ is None else environ, config):
        config = _apply(config, {key: value}, variable)
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    return _check_channels(_check_accounts(_without_brakes_in_practice(_apply(config, given, "flag"))))


def check(text: str, source: str) -> Config:
    """What a text says, as `config.toml` would; other sources are not read.

    Raises:
        Misconfigured: as `load`.
    """
    return _check_channels(_check_accounts(_apply(Config(), _parse(text, source), source)))


def _without_brakes_in_practice(config: Config) -> Config:
    """No spending limit is built in where a policy for sandboxes is chosen: nothing there costs money."""
    if config.policy.name == PolicySettings().name:
        return config
    wide = {"open_sessions": 1000, "creates_per_hour": 10_000, "dollars_per_hour": MAX_AMOUNT}
    unset = {name: amount for name, amount in wide.items() if f"brakes.{name}" not in config.origins}
    origins = {f"brakes.{name}": f"policy {config.policy.name}" for name in unset}
    return replace(config, brakes=replace(config.brakes, **unset), origins={**config.origins, **origins})


def _check_accounts(config: Config) -> Config:
    """Refuse an account without a cloud, or with a name that could be a registry's or a key."""
    for name, account in config.accounts.items():
        if not ACCOUNT_NAME.fullmatch(name) or name in ("registry", "alert"):
            text = f"accounts.{name}: an account's name has 2 to 20 small letters and hyphens"
            raise Misconfigured(text, "give it another name", code="account_name")
        if account.cloud is None:
            hint = f'add to [accounts.{name}]: cloud = "vast"'
            raise Misconfigured(f"accounts.{name} does not say which cloud it is at", hint, code="account_cloud")
    return config


def _check_channels(config: Config) -> Config:
    """Refuse a channel of alerts that says not what it is."""
    for name, channel in config.alerts.items():
        if not ACCOUNT_NAME.fullmatch(name):
            text = f"alerts.{name}: {CHANNEL_NAME_RULE}"
            raise Misconfigured(text, "give it another name", code="channel_name")
        is_command = channel.kind is ChannelKind.COMMAND
        if channel.kind is None or is_command is not bool(channel.command):
            hint = f"remove it with: gpu-shopper notify rm {name}; then: gpu-shopper notify add {name} --kind KIND"
            text = f"alerts.{name} has no kind, or only one of kind and command says command"
            raise Misconfigured(text, hint, code="channel_kind")
    return config


def find_project_file(start: Path) -> Path | None:
    """The nearest project file in this folder or above it."""
    start = start.absolute()
    return next((f for folder in (start, *start.parents) if (f := folder / PROJECT_FILE).is_file()), None)


def _read(path: Path) -> dict[str, object]:
    """One file as dotted keys; a missing file has none."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read: {error}", "make it a text file that you can read") from error
    return _parse(text, str(path))


def _parse(text: str, source: str) -> dict[str, object]:
    """A text as dotted keys."""
    import tomllib  # 16 ms, only where there is such a file

    try:
        tree = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{source} is not valid TOML: {error}", "correct that line") from error
    return dict(_flatten(tree, ""))


def _flatten(tree: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    flat: list[tuple[str, object]] = []
    for name, value in tree.items():
        key = f"{prefix}{name}"
        flat += _flatten(value, f"{key}.") if isinstance(value, dict) else [(key, value)]
    return flat


def _refuse_forbidden(found: Mapping[str, object], project: Path) -> None:
    for key in found:
        if not key.startswith(tuple(f"{section}." for section in PROJECT_SECTIONS)):
            raise Misconfigured(
                f"{project} sets {key}, which only your own configuration may set",
                "a cloned repository must not redirect endpoints, keys, limits or policy; a project file may set "
                f"{' and '.join(PROJECT_SECTIONS)} only",
                code="project_redirect",
            )


def _from_environment(environ: Mapping[str, str], config: Config) -> list[tuple[str, str, str]]:
    """Dotted key, variable and value of each variable that is a setting. Other variables are ignored."""
    names: dict[str, list[str]] = {"POLICY": ["policy.name"]}
    for section in ("brakes", *PROJECT_SECTIONS):
        for each in fields(_SECTIONS[section][1]):
            names.setdefault(each.name.upper(), []).append(f"{section}.{each.name}")
    for each in fields(ProviderSettings):
        for variable in environ:
            provider = variable.removeprefix(PREFIX).removesuffix(f"_{each.name.upper()}")
            if variable == f"{PREFIX}{provider}_{each.name.upper()}" and provider:
                names[f"{provider}_{each.name.upper()}"] = [f"providers.{provider.lower()}.{each.name}"]
    return [
        (key, f"{PREFIX}{name}", environ[f"{PREFIX}{name}"])
        for name, keys in names.items()
        for key in keys
        if environ.get(f"{PREFIX}{name}")
    ]


def _apply(config: Config, found: Mapping[str, object], source: str) -> Config:
    for key, value in found.items():
        section, _, name = key.rpartition(".")
        config = replace(config, origins={**config.origins, key: source})
        if section.startswith("providers."):
            provider = section.removeprefix("providers.")
            changed = _set(config.provider(provider), key, name, value, source)
            config = replace(config, providers={**config.providers, provider: changed})
        elif section.startswith("accounts."):
            account = section.removeprefix("accounts.")
            changed = _set(config.account(account), key, name, value, source)
            config = replace(config, accounts={**config.accounts, account: changed})
        elif section.startswith("alerts."):
            channel = section.removeprefix("alerts.")
            changed = _set(config.alerts.get(channel, AlertChannel()), key, name, value, source)
            config = replace(config, alerts={**config.alerts, channel: changed})
        elif section.partition(".")[0] == MEMBERS:
            user = key.removeprefix(f"{MEMBERS}.")
            config = replace(config, members={**config.members, user: read_consumer(key, value, source)})
        elif section in _SECTIONS:
            attribute = _SECTIONS[section][0]
            changed = _set(getattr(config, attribute), key, name, value, source)
            config = replace(config, **{attribute: changed})
        else:
            raise _unknown(key, source)
    return config


def _set(settings: Any, key: str, name: str, value: object, source: str) -> Any:
    known = {each.name: each for each in fields(settings)}
    if name not in known:
        raise _unknown(key, source)
    try:
        return replace(settings, **{name: known[name].metadata["read"](value)})
    except Invalid as invalid:
        # An address or a command of a channel may hold a key, and this text is kept and sent as an alarm (F103).
        found = "" if key.startswith("alerts.") else f", not {value!r}"
        raise Misconfigured(f"{key} in {source} must be {invalid}{found}", "correct it there") from None


def stamp(home: Home) -> tuple[int, ...]:
    """What is another one once the file of settings has changed; empty where there is none."""
    try:
        found = os.stat(home.config_file)
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def known_keys() -> list[str]:
    """Every dotted key; those of a provider or account with `*` in the place of its name."""
    keys = [f"{section}.{each.name}" for section, (_, cls) in _SECTIONS.items() for each in fields(cls)]
    keys += [f"providers.*.{each.name}" for each in fields(ProviderSettings)]
    keys += [f"alerts.*.{each.name}" for each in fields(AlertChannel)]
    keys += [f"accounts.*.{each.name}" for each in fields(AccountSettings)]
    return [*keys, f"{MEMBERS}.*"]


def _unknown(key: str, source: str) -> Misconfigured:
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(key, [known.replace("*", "vast") for known in known_keys()], n=1, cutoff=0.6)
    hint = f"did you mean {close[0]}?" if close else "remove it; then see: gpu-shopper config show"
    return Misconfigured(f"unknown key {key} in {source}", hint, code="unknown_key")
