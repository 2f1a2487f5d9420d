"""Context: the store, clock, policy and other dependencies of the engine; an account's setup; access to instances."""

from __future__ import annotations

import base64
import secrets as randomness
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol

from gpushopper.clock import Clock
from gpushopper.core.cloud import Ending, EndingKind, Traits
from gpushopper.core.lifecycle.ends.own_network import OwnNetwork
from gpushopper.core.listing.same_account import SeenAccount
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.model.ends.landed import Landed, LandingOrder, LandingProgress, NotLanded
from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.heartbeat import GuardRenewal, Heartbeat, ProbeFailure, SshTarget
from gpushopper.core.model.money import Micros
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.core.policy import Policy
from gpushopper.core.secret import Credential
from gpushopper.core.spending import ledger
from gpushopper.core.spending.admission import SpendingLimits
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.credential_redaction import Redactions
from gpushopper.engine.metrics.call_observer import ObserveCall, ObserveFirstLogin, unobserved, unobserved_first_login
from gpushopper.paths import Home
from gpushopper.providers.base import Provider
from gpushopper.remote.ssh_command import Connection
from gpushopper.secrets import KeyProblem, NoKey
from gpushopper.store.accounts import known_cloud
from gpushopper.store.database import Store
from gpushopper.store.installation import HomeStatus, Installation
from gpushopper.store.key_digest import digest_of


@dataclass(frozen=True, slots=True)
class AccountSetup:
    """One account as configured; `provider` is its name, and for the first account of a cloud that of the cloud.

    Without a `client`, `key_problem` says why and `key_hint` what to do.
    `key_state` is ok, missing, asking, locked, absent, hung, failing, refused or incomplete; only `missing` means that
    no key is stored (F105). `is_local`: the endpoint is a literal loopback address. `is_named`: the configuration names
    the cloud, so that it is watched even without a key.
    """

    provider: str
    client: Provider | None
    key_problem: str
    key_source: str
    endpoint: str
    is_local: bool = False
    key_state: str = "ok"
    key_hint: str = ""
    credential: Credential | None = None
    """The client's credential, to notice when a key that is read again has changed."""
    is_named: bool = False
    traits: Traits | None = None
    """The cloud's, which apply without a key too; None where its package is gone or broken."""
    cloud: str = ""
    """The cloud that the account is at, where it has another name than that (`cloud_name`)."""

    @property
    def cloud_name(self) -> str:
        """The cloud that the account is at."""
        return self.cloud or self.provider


class InstanceAccess(Protocol):
    """What the engine does with instances over ssh; answers are values, whatever a host does (D8)."""

    def public_key(self, session_id: str) -> str:
        """The session's public key; its pair is made and durable when this returns (I23)."""
        ...

    def boot_script(
        self,
        recipe: GuardRecipe | None,
        traits: Traits,
        session_id: str,
        life_s: int,
        deadline_s: int,
        max_s: int,
        tick_s: int,
        backoff_s: int,
        environment: Mapping[str, str],
    ) -> str:
        """The text an instance runs when it starts: our key, and the guard before all else, as the cloud takes it.

        `environment`: the user's variables, which it installs where a create cannot carry any.
        """
        ...

    def parts_digest(self) -> str:
        """The version of the programs that are brought to instances."""
        ...

    def probe(
        self,
        login: SshTarget,
        renewal: GuardRenewal | None,
        limit_s: float,
        plant: str = "",
        limits: str = "",
        hook: str = "",
    ) -> Heartbeat | ProbeFailure:
        """One login: renew the guard where requested, and read the heartbeat.

        `plant` is a boot script, run first where no guard answers; empty for none. `limits`: bring agent, upkeep and
        this line of limits, and the user's `hook` where there is one; empty: bring nothing.
        """
        ...

    def land(
        self,
        login: SshTarget,
        order: LandingOrder,
        must_stop: Callable[[], bool],
        report: Callable[[LandingProgress], None],
    ) -> Landed | NotLanded:
        """Wait for its hook, bring its results home, verify them, and tell the instance that they are here (E7, E8)."""
        ...

    def keep_outputs(self, login: SshTarget, now: int, limit_s: float) -> KeptNow:
        """Fetch the outputs of its runs, and keep them on this computer (E8); `now` is wall µs. Waits for the host."""
        ...

    def forget_attempt(self, attempt_id: str) -> None:
        """Remove what is stored for one instance: its pinned host key and the shared connection."""
        ...

    def pinned_attempts(self) -> set[str]:
        """The attempts with a pinned host key."""
        ...

    def connection(self, login: SshTarget) -> Connection:
        """The exact way in, for a person's own ssh."""
        ...

    def write_ssh_config(self, logins: Sequence[tuple[str, SshTarget]]) -> bool:
        """Let the managed ssh configuration name these sessions, and no others; whether it changed."""
        ...

    def prune_keys(self, kept: Collection[str], before_s: float) -> list[str]:
        """Remove the key pairs of sessions that are not kept and are old enough; whose they were."""
        ...


class WeighsRefusals(Protocol):
    """Whether a refusal of the key is one, by what the cloud has answered before (account/key_refusals.py)."""

    @property
    def source(self) -> str:
        """Where the key is from."""

    def answered(self, kind: str) -> None: ...

    def is_refusing(self, now: ClockSnapshot, policy: Policy) -> bool: ...

    def is_rejected(self, kind: str, now: ClockSnapshot, policy: Policy, *, is_own_form: bool = True) -> bool: ...


class ReadLogin(Protocol):
    """Reads the stored login at a registry, within a time limit; or says which of the ways to fail it was (F105)."""

    def __call__(self, registry: str, limit_s: float) -> ImageLogin | KeyProblem: ...


def no_logins(registry: str, limit_s: float) -> ImageLogin | KeyProblem:
    """For an engine that rents nothing."""
    return NoKey(f"no login at {registry} can be read here", "start the daemon: gpu-shopper daemon start")


def random_id(length: int = 16) -> str:
    """Lower-case base32, five random bits a character: 16 of them make the 80 bits of a label (F109)."""
    return base64.b32encode(randomness.token_bytes(length)).decode().lower()[:length]


@dataclass(slots=True)
class Context:
    """The dependencies that all parts of the engine share; tests inject their own."""

    store: Store
    clock: Clock
    policy: Policy
    spending_limits: SpendingLimits
    installation: Installation
    home: Home
    new_id: Callable[[int], str] = field(default=random_id)
    balances: dict[str, Micros] = field(default_factory=dict)
    """Spendable money by provider, as last read from its account."""
    remote: InstanceAccess | None = None
    """None where instances are simulated: they have no ssh."""
    read_login: ReadLogin = no_logins
    """Called on threads that may wait, never on the engine's, and never inside a transaction."""
    redactions: Redactions = field(default_factory=Redactions)
    """Secrets that every client redacts from responses."""
    observe_call: ObserveCall = unobserved
    """Notes each call to a cloud or an instance once it has ended."""
    observe_first_login: ObserveFirstLogin = unobserved_first_login
    """Notes how many logins an instance has taken until the first that worked."""
    pause: Callable[[float], object] = field(default_factory=lambda: threading.Event().wait)
    """Waits on a caller's own thread, never on the engine's."""

    policies: dict[str, tuple[Traits, Policy]] = field(default_factory=dict)
    """The policy of each account, and the traits that it follows from."""
    traits: dict[str, Traits] = field(default_factory=dict)
    """By account. One whose key or package is gone keeps its own until the daemon ends."""

    clouds: dict[str, str] = field(default_factory=dict)
    """The cloud of each account."""
    seen_accounts: dict[str, SeenAccount] = field(default_factory=dict)
    """What each account with a key has shown of itself, to notice two names for one account."""
    key_refusals: dict[str, tuple[Provider, WeighsRefusals]] = field(default_factory=dict)
    """The client of each account with a key, and how its refusals weigh."""

    network: OwnNetwork = field(default_factory=OwnNetwork)
    """Whether this computer is online; on the engine's thread."""
    pulls_under_way: dict[str, LandingProgress] = field(default_factory=dict)
    """By session: how far its pull is. Written by the pulls' threads."""
    ignored_ends: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By attempt: the end files that its guard ignored at the last heartbeat; none before the first one."""
    disk_free: dict[str, float] = field(default_factory=dict)
    """By attempt: what was free on its disk, in GB, by the latest sample of its agent; none without an agent."""
    is_closing: threading.Event = field(default_factory=threading.Event)
    """Set when the daemon ends: pulls stop, and the next daemon goes on."""
    told_offline: bool | None = None
    """Whether the alarm about it is raised; None before the first look."""
    zone: tzinfo = UTC
    """The user's time zone: whose days and months budgets count."""
    consumer: str = "me"
    """Whom adopted sessions are charged to: the user."""

    def refuses_key(self, provider: str) -> bool:
        """Whether the account's cloud refuses its key now, be it only for a burst of calls."""
        _, refusals = self.key_refusals.get(provider, (None, None))
        return refusals is not None and refusals.is_refusing(self.clock.now(), self.policy_of(provider))

    def key_source(self, provider: str) -> str:
        """Where the account's key is from, as its source names itself; empty where it has none."""
        _, refusals = self.key_refusals.get(provider, (None, None))
        return "" if refusals is None else refusals.source

    def policy_of(self, provider: str) -> Policy:
        """The policy with the limits of this cloud, or the default limits where they are not known."""
        traits = self.traits.get(provider)
        if traits is None:
            return self.policy
        known = self.policies.get(provider)
        if known is None or known[0] is not traits:  # asked some ten times a step
            known = self.policies[provider] = (traits, self.policy.at(traits.limits, traits.pace))
        return known[1]

    def ending_of(self, provider: str) -> Ending:
        """How this cloud's instances end. A cloud that is not known counts as the strictest: a guard is expected."""
        traits = self.traits.get(provider)
        return Ending(EndingKind.SELF_DESTROY) if traits is None else traits.ending

    def is_known_to_end_alone(self, provider: str) -> bool:
        """Whether instances there are known to end their bill without this computer; not where its package is gone."""
        return provider in self.traits and self.ending_of(provider).ends_bill_alone

    def reserve_for(self, attempt: Attempt) -> Micros:
        """What is held back for this attempt, by how its cloud's instances end (I13, E9)."""
        policy = self.policy_of(attempt.provider)
        return ledger.reserve_for(attempt, policy, ends_alone=self.reserves_to_deadline(attempt))

    def reserves_to_deadline(self, attempt: Attempt) -> bool:
        """Whether an attempt's reserve is for its deadline alone: its instance ends its bill without this computer."""
        return not self.policy.needs_login or self.ending_of(attempt.provider).ends_bill_alone

    def login_of(self, attempt: Attempt) -> SshTarget | None:
        """The ssh address of the attempt's instance; None while the provider gives none.

        The user is whom the instance itself named, else whom its cloud's traits name.
        """
        if attempt.ssh_host is None or attempt.ssh_port is None:
            return None
        traits = self.traits.get(attempt.provider)
        usual = "root" if traits is None else traits.planting.user
        user = attempt.ssh_user or usual
        return SshTarget(attempt.session_id, attempt.id, attempt.ssh_host, attempt.ssh_port, user)

    def learn_traits(self, setup: AccountSetup) -> None:
        """Remember the cloud and the traits that a setup brings."""
        traits = setup.traits if setup.client is None else setup.client.traits
        if traits is not None:
            self.traits[setup.provider] = traits
        self.clouds[setup.provider] = setup.cloud_name

    def cloud_of(self, provider: str) -> str:
        """The cloud that an account of this name is at."""
        found = self.clouds.get(provider)
        if found is None:
            found = self.clouds[provider] = known_cloud(self.store, provider) or provider
        return found

    def key_digest(self, setup: AccountSetup) -> str:
        """The salted digest of a setup's key; empty without one (I21)."""
        return digest_of(self.home, setup.cloud_name, setup.credential)

    @property
    def may_spend(self) -> bool:
        """False in a copied home: nothing is created or adopted until a person decides (S10)."""
        return self.installation.status is not HomeStatus.MOVED
