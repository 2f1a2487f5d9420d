"""The request types of the local API; fields not named here are refused (S31)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from gpushopper.wire.offers import OfferView

_STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """GET /inventory (as query) and the search half of POST /plan. Rates are micro-dollars per hour."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    gpu: str | None = None
    """One name, or several with commas between; `A100:2` also says how many GPUs."""
    provider: str | None = None
    min_gpus: int | None = None
    exact_gpus: int | None = None
    """How many GPUs one instance has. A plan without this and without `min_gpus` means one."""
    min_vram_gb: float = 0
    max_rate: int | None = None
    min_reliability: float = 0
    min_cuda: float = 0
    regions: list[str] = field(default_factory=list)
    """Each a group (EU, Europe), a country by name or code, or a part of one, such as a city."""
    disk_gb: float = 20
    cpus: float = 0
    """With `ram_gb` what the whole instance has at least; a cloud that sells them by the piece prices this much."""
    ram_gb: float = 0
    verified: bool = False
    exclude_hosts: list[str] = field(default_factory=list)
    """Each a host's id, or `cloud:id`."""
    sort: str = "price"
    group_by: str | None = None
    """gpu, cloud or region: only groups are answered, the best value first where `sort` is value, else the cheapest."""
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """POST /plan: what would be provisioned, for how long, and its max cost.

    One of `duration_us`, `deadline_at` or neither.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    search: SearchRequest = field(default_factory=SearchRequest)
    offer: str | None = None
    duration_us: int | None = None
    deadline_at: int | None = None
    image: str | None = None
    retries: int = 2
    max_duration_us: int | None = None
    to_rent: bool = False
    """Whether a provision follows: then an account that may not create is refused before its offers are read."""
    image_login: bool = False
    """Whether that provision sends a registry login: then one that cannot be read is refused already here."""
    allow_unguarded: bool = False
    consumer: str = "me"
    """Whom that provision charges: a budget may be theirs alone."""
    tags: dict[str, str] = field(default_factory=dict)
    """Its tags, for the same reason."""


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """POST /sessions: exactly what a plan showed; `offers` is its shortlist, best first, `max_rate` the cap.

    The offers travel whole, so that a daemon restarted in between can go on.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    offers: list[OfferView]
    disk_gb: float
    max_rate: int | None = None
    duration_us: int | None = None
    deadline_at: int | None = None
    image: str | None = None
    retries: int = 2
    name: str | None = None
    consumer: str = "me"
    tags: dict[str, str] = field(default_factory=dict)
    """What its costs are grouped by."""
    keep_stopped: bool = False
    max_duration_us: int | None = None
    max_duration_reason: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    allow_unguarded: bool = False
    """Whether a cloud is accepted whose instances bill on if this computer never comes back."""
    allow_broken_guard: bool = False
    """Whether an instance is accepted whose guard is not confirmed, although its cloud can have one."""
    image_login: bool = False
    """Whether provider and host get the stored login of the image's registry."""
    idle_us: int | None = None
    """After how long without use its instance ends; None: never."""
    idle_when: str = "any"
    contact_us: int | None = None
    """After how long without contact and use its instance ends; 0: never; None: as for its duration."""
    hold_us: int | None = None
    """How long results are waited for once the work is done; None: until the deadline."""
    pulls: list[tuple[str, str]] = field(default_factory=list)
    """What is brought home before the end: folder there, absolute folder here."""
    pull_max: int | None = None
    """Bytes at which that stops."""
    before_end: str = ""
    """A script that the instance runs before its end."""
    land_for_us: int | None = None
    """How long before the deadline that begins."""
    ssh_key: str = ""
    """A public key (ssh-ed25519) that its instance lets in beside ours: of one who logs in from another computer."""


@dataclass(frozen=True, slots=True)
class ExtendRequest:
    """POST /sessions/{id}/extend: add to the deadline, or set it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    add_us: int | None = None
    deadline_at: int | None = None
    dry_run: bool = False
    """Whether only to show what would become of it."""


@dataclass(frozen=True, slots=True)
class LimitsRequest:
    """PUT /sessions/{id}/limits: change limits, and what is done before an end, in place.

    None leaves one as it is; 0, an empty list or text switches it off. Fields as in `ProvisionRequest`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    idle_us: int | None = None
    idle_when: str | None = None
    contact_us: int | None = None
    hold_us: int | None = None
    pulls: list[tuple[str, str]] | None = None
    pull_max: int | None = None
    before_end: str | None = None
    land_for_us: int | None = None


@dataclass(frozen=True, slots=True)
class TagsRequest:
    """PUT /sessions/{id}/tags: tags to give a session, and keys of those to take away; the others stay."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    tags: dict[str, str] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunEndRequest:
    """PUT /sessions/{id}/run-ends/{run}: allow that the end of this run ends the session."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    mode: str = "always"
    with_pull: bool = False
    hold_us: int | None = None


@dataclass(frozen=True, slots=True)
class LandedRequest:
    """POST /sessions/{id}/landed: a user has pulled and verified folders; `theirs` there, `ours` here."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    began_at: int
    theirs: list[str]
    ours: list[str]
    files: int
    bytes: int
    changed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RestartRequest:
    """POST /sessions/{id}/restart. With `dry_run` it is only checked whether it could be sent."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class EndRequest:
    """POST /sessions/{id}/done, DELETE /sessions/{id}, POST /shutdown (all sessions)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    reason: str = "user"
    lands: bool = False
    """Whether what the session should bring home is pulled before it ends."""


@dataclass(frozen=True, slots=True)
class AckRequest:
    """POST /alarms/ack: one alarm by id, or all with None."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    alarm_id: int | None = None


@dataclass(frozen=True, slots=True)
class SameAccountRequest:
    """POST /keys/same-account: trust the key of an account by what was typed; with None only show what it would be."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    provider: str
    typed: list[str] | None = None


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """POST /sessions/{id}/forget: what a person has typed, who saw that it is gone; with None only show what it is."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    typed: list[str] | None = None


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """POST /adoptions: make the instance with this id a session; `provider` is the account's name; None: any.

    Without a duration or a deadline it gets an hour. A dry run only shows the instance.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    instance_id: str
    provider: str | None = None
    duration_us: int | None = None
    deadline_at: int | None = None
    name: str | None = None
    dry_run: bool = False
