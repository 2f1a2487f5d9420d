"""The table of clouds: what a person and the key store must know of each, and nothing that needs the network.

A package adds a cloud by an entry point of the group `gpushopper.clouds` whose value is a `Cloud`:

    [project.entry-points."gpushopper.clouds"]
    toy = "toycloud:CLOUD"

The entry point has the cloud's name. Packages are loaded when the whole table is first asked for. One that fails to
load, or whose name or variable another cloud has, is left out: `skipped` says why, and everything else goes on. How a
cloud behaves is in its adapter's traits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gpushopper.errors import Misconfigured, NotFound

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

GROUP = "gpushopper.clouds"
NAME = re.compile(r"[a-z][a-z-]{1,19}")
RESERVED = frozenset({"registry"})
"""Names that mean something else in the key file."""
UNKNOWN_CONSOLE = "the provider's console"


@dataclass(frozen=True, slots=True)
class CredentialPart:
    """One part of what a cloud asks for. `name` is its field in the key file, `title` what a person is asked for.

    Of several `variables` of the environment the first one that is set wins.
    """

    name: str
    title: str
    variables: tuple[str, ...]
    is_secret: bool = True
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Cloud:
    """Facts about one cloud. `title` is its name for people, `name` that in options, files and the database.

    `console` is the web page where a person can look at instances and end them; `key_menu` is where keys are made
    there. `endpoint` is the API's address, which the user's configuration may replace, a project's may not. `adapter`
    is `module:function`, called as `connect(endpoint, credential, monotonic, transport=None, wait=None)`; `traits` is
    `module:name` of its `gpushopper.core.cloud.Traits`, which are read with and without a key.
    """

    name: str
    title: str
    console: str
    key_menu: str
    endpoint: str
    adapter: str
    traits: str
    credential: tuple[CredentialPart, ...]

    @property
    def credential_title(self) -> str:
        """What the cloud asks for, in words: `Vast.ai API key`, `Toy credentials`."""
        what = self.credential[0].title if len(self.credential) == 1 else "credentials"
        return f"{self.title} {what}"

    @property
    def key_page(self) -> str:
        """Where a person makes a key, in words: `cloud.vast.ai (Account > Keys)`."""
        return f"{urlsplit(self.console).netloc} ({self.key_menu})"

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable of the environment that may hold a part."""
        return tuple(variable for part in self.credential for variable in part.variables)


BUILT_IN: Mapping[str, Cloud] = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="vast",
            title="Vast.ai",
            console="https://cloud.vast.ai/instances/",
            key_menu="Account > Keys",
            endpoint="https://console.vast.ai",
            adapter="gpushopper.providers.vast:connect",
            traits="gpushopper.providers.vast:TRAITS",
            credential=(CredentialPart("api_key", "API key", ("VAST_API_KEY", "VASTAI_API_KEY")),),
        ),
        Cloud(
            name="tensordock",
            title="TensorDock",
            console="https://dashboard.tensordock.com/",
            key_menu="API",
            endpoint="https://dashboard.tensordock.com/api/v2",
            adapter="gpushopper.providers.tensordock:connect",
            traits="gpushopper.providers.tensordock:TRAITS",
            credential=(
                # Of the pair that TensorDock hands out only the token is sent; the id tells pairs apart.
                CredentialPart(
                    "authorization_id",
                    "Authorization ID",
                    ("TENSORDOCK_AUTHORIZATION_ID",),
                    is_secret=False,
                    is_needed=False,
                ),
                CredentialPart("api_token", "API token", ("TENSORDOCK_API_TOKEN", "TENSORDOCK_TOKEN")),
            ),
        ),
    )
}


def known() -> Mapping[str, Cloud]:
    """Every cloud that can be used, by name: the built-in ones, then those of installed packages."""
    return _table()[0]


def skipped() -> Mapping[str, str]:
    """Why clouds of installed packages cannot be used, by the name of their entry point, or `of package NAME`."""
    return _table()[1]


def find(name: str) -> Cloud | None:
    """The cloud of this name; packages are loaded only where no built-in one has it."""
    return BUILT_IN.get(name) or known().get(name)


def get(name: str) -> Cloud:
    """The cloud of this name.

    Raises:
        NotFound: there is none; the hint names a similar one.
        Misconfigured: it is that of a package that failed to load.
    """
    cloud = find(name)
    if cloud is not None:
        return cloud
    if name in skipped():
        raise Misconfigured(f"the cloud {name} cannot be used: {skipped()[name]}", "reinstall its package")
    raise _no_such(name, known())


def _no_such(name: str, names: Iterable[str]) -> NotFound:
    return NotFound(f"no cloud or account is called {name!r}", suggestion(name, names), code="provider_not_found")


def suggestion(name: str, names: Iterable[str] | None = None) -> str:
    """A hint for a name that none of these has; without them, no cloud."""
    from difflib import get_close_matches  # only a mistake needs it

    every = list(known() if names is None else names)
    close = get_close_matches(name, every, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(every)}"


def unknown(names: Iterable[str]) -> list[Misconfigured]:
    """An error for each name in a configuration that no package has: misspelt, or its package was uninstalled.

    Only who checks the configuration raises them. A daemon or job says them and goes on: the deadlines at the other
    clouds must still be kept.
    """
    return [
        Misconfigured(f"the configuration names an unknown provider {name}", suggestion(name), code="unknown_key")
        for name in names
        if name not in known() and name not in skipped()
    ]


def wrong_accounts(accounts: Mapping[str, str]) -> dict[str, Misconfigured]:
    """Why a named account cannot be used, by its name; `accounts` maps names to clouds. Raised as by `unknown`."""
    wrong: dict[str, Misconfigured] = {}
    for name, cloud in accounts.items():
        if cloud not in known():
            why = skipped().get(cloud, suggestion(cloud))
            wrong[name] = Misconfigured(f"the account {name} is at an unknown cloud {cloud}", why, code="unknown_key")
        elif name in known() and name != cloud:
            text = f"the account {name} of {cloud} has the name of another cloud"
            wrong[name] = Misconfigured(text, "give it another name", code="account_name")
    return wrong


def accounts(named: Mapping[str, str]) -> dict[str, str]:
    """The cloud of each account that can be used: the first of each cloud, which has its name, then the named ones."""
    wrong = wrong_accounts(named)
    return {name: name for name in known()} | {name: cloud for name, cloud in named.items() if name not in wrong}


def of_account(name: str, named: Mapping[str, str]) -> Cloud:
    """The facts of an account's cloud, under the account's name. Variables hold keys of the first account only.

    Raises:
        NotFound, Misconfigured: there is no such account, or its cloud cannot be used.
    """
    found = accounts(named)
    if name in named and name not in found:
        raise wrong_accounts(named)[name]
    if name not in found and name not in skipped():
        raise _no_such(name, found)
    cloud = get(found.get(name, name))
    if cloud.name == name:
        return cloud
    parts = tuple(replace(part, variables=()) for part in cloud.credential)
    return replace(cloud, name=name, title=f"{cloud.title} ({name})", credential=parts)


def title_of(name: str) -> str:
    """The cloud's name for people, `Vast.ai`; the name itself for a cloud that is not known."""
    cloud = find(name)
    return name if cloud is None else cloud.title


def console_of(name: str) -> str:
    """The address where a person can end what this cloud runs; words in its place for a cloud that is not known."""
    cloud = find(name)
    return UNKNOWN_CONSOLE if cloud is None else cloud.console


@cache
def _table() -> tuple[Mapping[str, Cloud], Mapping[str, str]]:
    usable: dict[str, Cloud] = dict(BUILT_IN)
    left_out: dict[str, str] = {}
    for entry in _entries(left_out):
        try:
            cloud = entry.load()
            _check(cloud, usable)
            _check_entry(entry.name, cloud)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign package may raise anything when imported
            left_out[entry.name] = f"{entry.value} is not loaded: {_reason(error)}"
            continue
        usable[cloud.name] = cloud
    return usable, left_out


def _entries(left_out: dict[str, str]) -> list[EntryPoint]:
    """The entry points of all packages, in an order that does not depend on how they were installed.

    Each package's list is read on its own: `entry_points()` raises if that of any installed package is malformed, and
    then no daemon would start. What cannot be read is added to `left_out`.
    """
    from importlib.metadata import distributions  # 20 ms: never on a quick command

    found: list[EntryPoint] = []
    try:
        for package in distributions():
            found += _entries_of(package, left_out)
    except Exception as error:  # noqa: BLE001 - a foreign finder of packages may raise anything
        left_out["of any package"] = f"installed packages cannot be listed: {type(error).__name__}"
        return []
    # A package that is found twice on the path has the same entries twice.
    unique = {(entry.name, entry.value): entry for entry in found}
    return [unique[key] for key in sorted(unique)]


def _entries_of(package: Distribution, left_out: dict[str, str]) -> list[EntryPoint]:
    try:
        return [entry for entry in package.entry_points if entry.group == GROUP]
    except Exception as error:  # noqa: BLE001 - a line without `=`, a byte that is not UTF-8, a file of another user
        left_out[f"of package {_name(package)}"] = f"its entry points cannot be read: {type(error).__name__}"
        return []


def _name(package: Distribution) -> str:
    try:
        return str(package.name)
    except Exception:  # noqa: BLE001 - its metadata may be as broken as its entry points
        return "without a name"


def _reason(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines and isinstance(error, ValueError) else ": ".join([type(error).__name__, *lines[:1]])


def _check_entry(name: str, cloud: Cloud) -> None:
    """An entry point has its cloud's name: by that the configuration finds what was left out.

    Raises:
        ValueError: it has another one.
    """
    if name != cloud.name:
        raise ValueError(f"the entry point is called {name}, and its cloud is called {cloud.name}")


def _check(cloud: object, others: Mapping[str, Cloud]) -> None:
    """Refuse what would break the tables of the other clouds.

    Raises:
        ValueError: the reason.
    """
    if not isinstance(cloud, Cloud):
        raise ValueError("it is no gpushopper.clouds.Cloud")
    if NAME.fullmatch(cloud.name) is None or cloud.name in RESERVED:
        raise ValueError(f"{cloud.name!r} cannot be the name of a cloud")
    if cloud.name in others:
        raise ValueError(f"another cloud is called {cloud.name}")
    taken = {variable for other in others.values() for variable in other.variables} & {*cloud.variables}
    if taken:
        raise ValueError(f"{', '.join(sorted(taken))} belongs to another cloud")
    names = [part.name for part in cloud.credential]
    if not names or len({*names}) < len(names) or not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names):
        raise ValueError("its credential needs parts with names of their own")
    if not all(part.variables for part in cloud.credential):
        raise ValueError("each part of its credential needs a variable")
    if not all(address.startswith("https://") for address in (cloud.console, cloud.endpoint)):
        raise ValueError("console and endpoint must begin with https://")
