"""What every provider adapter must answer, in values that cannot be mistaken for each other (D17, D5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.model.guard_recipe import Recipe
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.money import Micros
from gpushopper.core.model.offer import Offer


class ErrorKind(Enum):
    """Why an answer cannot be used; each asks for something else."""

    NETWORK = "network"
    """Timeout, DNS, TLS, reset, 5xx, HTML, unparsable or too large: nothing is known (T0)."""
    THROTTLED = "throttled"
    """The provider's own limiter (429); `retry_after_s` says how long."""
    AUTH = "auth"
    """A well-formed refusal of the key (F32: Vast says 404 for a wrong key)."""
    SHAPE = "shape"
    """Well-formed, but not a shape we know (F81), or proof of completeness is missing (T1, T2)."""


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """No knowledge: changes nothing, wherever it comes from (I11)."""

    error_kind: ErrorKind
    detail: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The key's account. `balance` is spendable micro-dollars. `date` is the reply's Date header, wall µs."""

    account_id: str
    balance: Micros | None
    date: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """All instances of the account. `complete` only if every page was read and the count agrees (T3, F43).

    An incomplete listing shows presence and never absence (T2).
    """

    instances: tuple[Instance, ...]
    complete: bool
    date: int | None
    detail: str = ""
    total: int | None = field(default=None, compare=False)
    """How many the provider says there are; None where it does not say."""


@dataclass(frozen=True, slots=True)
class Present:
    """The by-id read shows the instance."""

    instance: Instance
    date: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """The by-id read gave the provider's canonical not-found form: half of a T4 unit, and nothing without T3."""

    date: int | None


@dataclass(frozen=True, slots=True)
class Log:
    """What an instance's container has printed, as the provider keeps it: not fit to be shown as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Created:
    """The reply carried an instance id, whatever its success flag said (F3)."""

    instance_id: str
    said_success: bool
    date: int | None


class Refusal(Enum):
    """The allow-list of definite refusals of a create: nothing exists (D1.3, S11)."""

    OFFER_GONE = "offer_gone"
    BAD_REQUEST = "bad_request"
    NO_CREDIT = "insufficient_credit"
    AUTH = "key_rejected"
    THROTTLED = "throttled"
    NEVER_SENT = "never_sent"
    """No byte of the request left this computer: no route, no name, no TLS, or no time left."""


@dataclass(frozen=True, slots=True)
class RejectedCreate:
    """A definite refusal; `retry_after_s` is set for THROTTLED and NEVER_SENT."""

    why: Refusal
    detail: str
    retry_after_s: float | None = None
    date: int | None = None


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """Nobody knows whether the create acted: the attempt becomes uncertain (F1, F4)."""

    detail: str


class DestroyOutcome(Enum):
    """None of these closes an attempt; only the verifier does (D6)."""

    ACKNOWLEDGED = "acknowledged"
    NOT_FOUND = "not_found"
    REFUSED_FOR_NOW = "refused_for_now"
    UNAUTHORISED = "unauthorised"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Destroyed:
    """The answer to one destroy of one instance."""

    outcome: DestroyOutcome
    detail: str
    retry_after_s: float | None = None
    date: int | None = None


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """All that one create carries. `environment` already holds GS_LABEL (S4)."""

    offer: Offer
    label: str
    image: str
    disk_gb: float
    environment: Mapping[str, str]
    startup: str = ""
    image_login: ImageLogin | None = None
    """Only where the traits say that the provider takes one."""


@dataclass(frozen=True, slots=True)
class Search:
    """A narrowed search for offers. `limit` is how many rows are wanted, None for all (S17).

    `gpus` are the provider's own names; empty means any.
    """

    gpus: tuple[str, ...] = ()
    min_gpus: int = 1
    exact_gpus: int | None = None
    min_vram_mb: int = 0
    max_gpu_rate: Micros | None = None
    min_reliability: float = 0.0
    disk_gb: float = 20.0
    limit: int | None = 64
    offer_ids: tuple[str, ...] = ()
    """Only these offers, whatever else is asked; empty means any."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Offers found. `complete` is False when more exist than were read (S17: "first N of more").

    `invalid_prices` counts those that were left out because of a price of zero, below zero or beyond all reason (F116).
    """

    offers: tuple[Offer, ...]
    complete: bool
    date: int | None
    invalid_prices: int = 0


@dataclass(frozen=True, slots=True)
class Traits:
    """Facts about a provider that the rules and the plan need.

    `guard_kind` as in D7; `bulk_destroy` is the most ids one call takes, 1 for none; `default_image` is used where
    the user names none; `console` is the address a person opens to check by hand; `takes_image_login` says whether a
    create can carry a login at a registry; `end_pace_s` is how far apart the provider's limits put the ends of several
    instances, destroy or read by id, whichever is slower.
    """

    name: str
    guard_kind: str
    bulk_destroy: int
    default_image: str
    console: str
    key_variables: tuple[str, ...]
    takes_image_login: bool = False
    end_pace_s: float = 0.0


class Endpoint(Enum):
    """Calls that a provider paces separately."""

    SEARCH = "search"
    CREATE = "create"
    LIST = "list"
    GET = "get"
    DESTROY = "destroy"
    LABEL = "label"
    ACCOUNT = "account"
    KEYS = "keys"
    LOGS = "logs"


class Provider(Protocol):
    """One account at one provider. Every method returns a value; none raises for anything the network can do (D17).

    `limit_s` bounds the whole call, all pages and retries included (I18). Only reads are ever repeated (I2).
    """

    traits: Traits

    @property
    def recipe(self) -> Recipe | None:
        """How an instance of this provider ends itself; None where it cannot."""
        ...

    @property
    def drift(self) -> Mapping[str, int]:
        """What this provider said that we do not know, and how often: field, word or shape (D17).

        A new key is worth an alarm, because interfaces change gradually (F79, F81).
        """
        ...

    def fetch_account(self, limit_s: float) -> Account | ReadFailed: ...

    def fetch_instances(self, limit_s: float) -> Listing | ReadFailed:
        """All instances of the account. `limit_s` bounds each page of the list, `list_limit_s` all of it."""
        ...

    def list_limit_s(self, limit_s: float) -> float:
        """The most seconds that `fetch_instances` may take with this limit: a longer list has more pages."""
        ...

    def fetch_instance(self, instance_id: str, limit_s: float) -> Present | Missing | ReadFailed: ...

    def search(self, search: Search, limit_s: float) -> Offers | ReadFailed: ...

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed: ...

    def create(self, request: CreateRequest, limit_s: float) -> Created | RejectedCreate | UnknownOutcome: ...

    def set_label(self, instance_id: str, label: str, limit_s: float) -> bool: ...

    def attach_key(self, instance_id: str, public_key: str, limit_s: float) -> bool:
        """Whether the provider said that the ssh key may log in to a living instance; asking twice is harmless."""
        ...

    def fetch_log(self, instance_id: str, tail: int, limit_s: float) -> Log | Missing | ReadFailed:
        """The last `tail` lines that the instance's container has printed, without a login."""
        ...

    def destroy(self, instance_ids: tuple[str, ...], limit_s: float) -> tuple[Destroyed, ...]: ...

    def free_at(self, endpoint: Endpoint) -> float:
        """Monotonic seconds from which a call to the endpoint may start: pacing never sleeps (S6)."""
        ...

    def add_redactions(self, texts: Iterable[str]) -> None:
        """Redact these secrets in every response from now on (I21)."""
        ...

    def close(self) -> None: ...
