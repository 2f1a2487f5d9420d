"""The interface that each provider adapter implements, and what each of its answers proves (D17, D5).

An adapter implements `Provider`: reads (account, list, by id, search, log), create, destroy, ssh key and label, and the
times from which its rate limits allow the next call. Answers are values; no method raises for what the network does.

- Existence: an instance in an `InstanceList`, `InstanceFound`, `Created`.
- Absence: a complete `InstanceList`; `InstanceNotFound` only together with one.
- Nothing: `ReadFailed`, `UnknownOutcome`, `Destroyed` with any outcome.
- That a create made no instance: `RejectedCreate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, cast

from gpushopper.core.cloud import ListProof, Traits
from gpushopper.core.model.container_image import ImageLogin
from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.leftover import LeftoverItem
from gpushopper.core.model.money import Micros
from gpushopper.core.model.offer import Offer


class ErrorKind(Enum):
    """Why a read failed; the engine reacts differently to each."""

    NETWORK = "network"
    """Timeout, DNS, TLS, reset, 5xx, HTML, unparsable or too large: nothing is known (T0)."""
    THROTTLED = "throttled"
    """The provider's rate limit (429); `retry_after_s` says how long."""
    AUTH = "auth"
    """A well-formed refusal of the key (F32: Vast says 404 for a wrong key)."""
    FORBIDDEN = "forbidden"
    """A 401 or 403 that is not in the cloud's own form: mostly a gateway's, or the answer to a burst of calls."""
    SHAPE = "shape"
    """Well-formed, but with fields we do not know (F81), or without proof that it is complete (T1, T2)."""


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A read without a usable answer: it proves nothing and changes nothing (I11).

    `was_answered` tells NETWORK failures that the cloud itself answered with (a 503) from those that may be this
    computer's network (F127).
    """

    error_kind: ErrorKind
    detail: str
    retry_after_s: float | None = None
    was_answered: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """The key's account. `balance` is spendable micro-dollars. `date` is the reply's Date header, wall µs.

    `account_id` is empty where no call tells it (`Identity.INFERRED`): the key was accepted, and no more is known.
    """

    account_id: str
    balance: Micros | None
    date: int | None


@dataclass(frozen=True, slots=True)
class InstanceList:
    """All instances of the account. `complete` only if every page was read and the count agrees (T3, F43).

    At a cloud whose lists cannot count (`ListProof.NOTHING`), `complete` means that the reply's shape is known, and
    `unread` counts the items without an id or of an unknown form: with any of these the list is not whole. An
    incomplete list shows presence and never absence (T2).
    """

    instances: tuple[Instance, ...]
    complete: bool
    date: int | None
    detail: str = ""
    total: int | None = field(default=None, compare=False)
    """The provider's own count; None where it gives none."""
    unread: int = 0
    """Items that were not understood."""

    def is_whole(self, proof: ListProof) -> bool:
        """Whether it can prove absences, by the way in which this cloud's lists prove themselves whole."""
        return self.complete and (proof is not ListProof.NOTHING or not self.unread)


@dataclass(frozen=True, slots=True)
class InstanceFound:
    """The by-id read shows the instance."""

    instance: Instance
    date: int | None


@dataclass(frozen=True, slots=True)
class InstanceNotFound:
    """The by-id read gave the provider's documented not-found reply. Alone it proves nothing.

    It counts as absence only together with a complete list that lacks the instance (T3, T4).
    """

    date: int | None


@dataclass(frozen=True, slots=True)
class Log:
    """The container log of an instance, from the provider; not sanitized for a terminal."""

    text: str


@dataclass(frozen=True, slots=True)
class Created:
    """The reply has an instance id: the instance exists, whatever the success flag says (F3)."""

    instance_id: str
    success_flag: bool
    date: int | None


class Refusal(Enum):
    """The allow-list of definite refusals of a create: no instance was made (D1.3, S11)."""

    OFFER_GONE = "offer_gone"
    BAD_REQUEST = "bad_request"
    NO_CREDIT = "insufficient_credit"
    AUTH = "key_rejected"
    THROTTLED = "throttled"
    NEVER_SENT = "never_sent"
    """No byte of the request left this computer: no route, DNS, TLS, or no time left."""


@dataclass(frozen=True, slots=True)
class RejectedCreate:
    """A definite refusal; `retry_after_s` is set for THROTTLED and NEVER_SENT."""

    why: Refusal
    detail: str
    retry_after_s: float | None = None
    date: int | None = None


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """It is unknown whether the create made an instance: the attempt becomes uncertain (F1, F4)."""

    detail: str


class DestroyOutcome(Enum):
    """No outcome proves that the instance is gone: an attempt is closed only after enough absences (D6)."""

    ACKNOWLEDGED = "acknowledged"
    NOT_FOUND = "not_found"
    RETRY_LATER = "retry_later"
    KEY_REJECTED = "unauthorised"
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
    """Everything that one create sends. `environment` already holds GS_LABEL (S4)."""

    offer: Offer
    label: str
    image: str
    disk_gb: float
    environment: Mapping[str, str]
    boot_script: str = ""
    """In the form of the cloud's planting method: a script, or cloud-init's user data."""
    image_login: ImageLogin | None = None
    """Only where the traits say that the provider accepts one."""
    public_key: str = ""
    """The session's ssh key, for clouds that take it in a field of its own."""
    token: str = ""
    """The same for every send of one attempt, for clouds that make at most one instance of a token."""
    key_id: str = ""
    """The id under which that key is registered at the account, where the traits say that it must be."""
    ends_at: int | None = None
    """The deadline, wall µs, for clouds that end an instance by a timer of their own; else None."""


@dataclass(frozen=True, slots=True)
class OfferQuery:
    """The filter of an offer search. `limit` is the number of offers to read, None for all (S17).

    `gpus` are the provider's own names; empty means any. `min_cpus` (vCPU) and `min_ram_mb` are for the whole instance:
    a cloud that sells them by the piece prices what is asked for, rounded up to its steps. `countries` are ISO codes;
    None means any. Of offers that do not fit, an adapter may answer with as many as it likes: all are checked again.
    But `limit` counts those that fit: an adapter whose cloud does not filter by a field that is set reads further, or
    does not cut its answer.
    """

    gpus: tuple[str, ...] = ()
    min_gpus: int = 1
    exact_gpus: int | None = None
    min_vram_mb: int = 0
    max_gpu_rate: Micros | None = None
    min_reliability: float = 0.0
    min_cuda: float = 0.0
    countries: frozenset[str] | None = None
    disk_gb: float = 20.0
    min_cpus: float = 0.0
    min_ram_mb: int = 0
    limit: int | None = 64
    offer_ids: tuple[str, ...] = ()
    """Only these offers, whatever the other fields say; empty means any."""


@dataclass(frozen=True, slots=True)
class OfferList:
    """The offers found. `complete` is False when more exist than were read (S17: "first N of more").

    `invalid_prices` counts those that were left out because a price was zero, negative or far too high (F116).
    """

    offers: tuple[Offer, ...]
    complete: bool
    date: int | None
    invalid_prices: int = 0


class Endpoint(Enum):
    """Calls with a rate limit of their own."""

    SEARCH = "search"
    CREATE = "create"
    LIST = "list"
    GET = "get"
    DESTROY = "destroy"
    LABEL = "label"
    ACCOUNT = "account"
    KEYS = "keys"
    LOGS = "logs"
    LEFTOVERS = "leftovers"
    TIMER = "timer"
    RESTART = "restart"
    CHARGES = "charges"


def has_calls(client: object, *calls: str) -> bool:
    """Whether the client has these calls. Asked at each step: `isinstance` of a protocol takes twenty times as long."""
    return all(getattr(client, name, None) is not None for name in calls)


@dataclass(frozen=True, slots=True)
class Marks:
    """The ids of all ssh keys, or secrets, that are registered at the account."""

    ids: frozenset[str]


class MarksAccount(Protocol):
    """What an adapter has beside `Provider` where keys or secrets can be registered at the account and listed again:
    where no call tells the account, the recorded id of a mark of ours proves that another key is of that account.
    """

    def fetch_marks(self, limit_s: float) -> Marks | ReadFailed: ...

    def add_mark(self, name: str, public_key: str, limit_s: float) -> str | ReadFailed:
        """Register this ssh public key, which nobody has the private key of; the id that the cloud gave it."""


def marking(client: object) -> MarksAccount | None:
    """The client as one whose account can be marked; None where there is no such call."""
    return cast(MarksAccount, client) if has_calls(client, "fetch_marks", "add_mark") else None


class RegistersKeys(Protocol):
    """What an adapter has beside `Provider` where the account must hold a key before a create may name it."""

    def register_key(self, name: str, public_key: str, limit_s: float) -> str | ReadFailed:
        """Register this ssh key under this name; the id that the cloud gave it. Idempotent by the name."""


def registering(client: object) -> RegistersKeys | None:
    """The client as one that registers keys; None where there is no such call."""
    return cast(RegistersKeys, client) if has_calls(client, "register_key") else None


class MovesEnd(Protocol):
    """What an adapter has beside `Provider` where the cloud's own timer can be moved (`EndingKind.SERVER_TIMER`)."""

    def set_end(self, instance_id: str, ends_at: int, limit_s: float) -> bool:
        """Whether the cloud has confirmed that it ends the instance then (wall µs), and no longer when it was told."""


def moving_end(client: object) -> MovesEnd | None:
    """The client as one whose cloud's timer can be moved; None where there is no such call."""
    return cast(MovesEnd, client) if has_calls(client, "set_end") else None


@dataclass(frozen=True, slots=True)
class LeftoverList:
    """What the account holds beside instances, whoever made it. `complete` only if every kind was read to its end."""

    items: tuple[LeftoverItem, ...]
    complete: bool


class RemovesLeftovers(Protocol):
    """What an adapter has beside `Provider` where a create makes more than the instance (`Ending.leftovers`, F131)."""

    def fetch_leftovers(self, limit_s: float) -> LeftoverList | ReadFailed:
        """All keys, scripts, templates and disks of the account that are of the kinds of the traits."""

    def remove_leftover(self, item: LeftoverItem, limit_s: float) -> Destroyed:
        """Remove one. The outcome proves nothing, as a destroy's: it is gone once a whole list lacks it."""


def leaving(client: object) -> RemovesLeftovers | None:
    """The client as one that removes what creates leave; None where it cannot."""
    return cast(RemovesLeftovers, client) if has_calls(client, "fetch_leftovers", "remove_leftover") else None


class Provider(Protocol):
    """One account at one provider. Every method returns a value; none raises for what the network does (D17).

    `limit_s` bounds the whole call, all pages and retries included (I18). Only reads are retried (I2).
    """

    traits: Traits

    @property
    def guard_recipe(self) -> GuardRecipe | None:
        """How an instance of this provider ends itself; None where it cannot."""
        ...

    @property
    def unknown_fields(self) -> Mapping[str, int]:
        """Fields, status words and shapes that this version does not know, and how often each was seen (D17).

        A new one raises an alarm, because APIs change gradually (F79, F81).
        """
        ...

    def fetch_account(self, limit_s: float) -> Account | ReadFailed: ...

    def fetch_instances(self, limit_s: float) -> InstanceList | ReadFailed:
        """All instances of the account. `limit_s` bounds each page of the list, `list_limit_s` all of it."""
        ...

    def list_limit_s(self, limit_s: float) -> float:
        """The most seconds that `fetch_instances` may take with this limit: a longer list has more pages."""
        ...

    def fetch_instance(self, instance_id: str, limit_s: float) -> InstanceFound | InstanceNotFound | ReadFailed: ...

    def search(self, search: OfferQuery, limit_s: float) -> OfferList | ReadFailed: ...

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed: ...

    def create(self, request: CreateRequest, limit_s: float) -> Created | RejectedCreate | UnknownOutcome:
        """Send one create, without a retry."""
        ...

    def set_label(self, instance_id: str, label: str, limit_s: float) -> bool:
        """Whether the provider has set the label."""
        ...

    def attach_key(self, instance_id: str, public_key: str, limit_s: float) -> bool:
        """Whether the provider accepted the ssh key for logins to a running instance. Idempotent."""
        ...

    def fetch_log(self, instance_id: str, tail: int, limit_s: float) -> Log | InstanceNotFound | ReadFailed:
        """The last `tail` lines of the container log, without a login to the instance."""
        ...

    def destroy(self, instance_ids: tuple[str, ...], limit_s: float) -> tuple[Destroyed, ...]:
        """One outcome for each id, in order. Ids that did not fit into the call have `RETRY_LATER`."""
        ...

    def available_at(self, endpoint: Endpoint) -> float:
        """Monotonic seconds from which the rate limit allows a call to the endpoint; nothing sleeps here (S6)."""
        ...

    def add_redactions(self, texts: Iterable[str]) -> None:
        """Redact these secrets in every response from now on (I21)."""
        ...

    def close(self) -> None: ...
