"""Checks of a provision request that need no database: offers within the price cap, duration, name, variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from gpushopper import wire
from gpushopper.core.cloud import Billing, BillingStart, OfferKind, StoppedBilling
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session_names import session_name_problem
from gpushopper.core.model.shell_environment import name_problem, value_problem
from gpushopper.core.spending.admission import affordable
from gpushopper.core.spending.tags import tags_problem
from gpushopper.core.ssh_options import PUBLIC_KEY
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.core.timing.duration_text import span
from gpushopper.engine.requests.end_limits import EndLimits, requested_limits
from gpushopper.engine.requests.image_checks import refuse_invalid_image
from gpushopper.engine.requests.landing_request import LandingWish, requested_landing
from gpushopper.engine.requests.session_duration import (
    refuse_above_maximum,
    refuse_unexplained_maximum,
    requested_duration_us,
)
from gpushopper.errors import NoOffer, UsageError

MAX_RETRIES = 100
MAX_CONSUMER_LENGTH = 100
OLDEST_OFFER_S = 300
"""An offer of a plan that is older is not rented: its price may be another by now, and so may its host."""
_OFFER_FIELDS = tuple(field.name for field in fields(Offer))
_BILLING_FIELDS = tuple(field.name for field in fields(Billing))


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A provision request that is valid in itself. Rates are micro-dollars per hour."""

    offers: tuple[Offer, ...]
    """All within the price cap, of one account or several; the first is tried first."""
    disk_gb: float
    max_rate: int | None
    name: str | None
    """None: a name is made up."""
    consumer: str
    tags: Mapping[str, str]
    image: str | None
    """None: each attempt runs its cloud's default image."""
    image_login: bool
    retries: int
    duration_us: int | None
    """How long each attempt may last; None where `deadline_at` is set."""
    deadline_at: int | None
    max_duration_us: int | None
    max_duration_reason: str
    environment: tuple[tuple[str, str], ...]
    keep_stopped: bool
    allow_unguarded: bool
    allow_broken_guard: bool
    limits: EndLimits
    landing: LandingWish
    ssh_key: str
    """Whom its instance lets in beside us; empty: nobody."""


def check_request(request: wire.ProvisionRequest, now_wall: int) -> CheckedRequest:
    """The request with its defaults filled in.

    Raises:
        UsageError: a value makes no sense.
        Refused: it is longer than the hard maximum.
        NoOffer: none of the offers is within the price cap, or one is of an old plan.
    """
    refuse_invalid_image(request.image)
    _check_numbers_and_names(request)
    refuse_unexplained_maximum(request.max_duration_us, request.max_duration_reason)
    span = requested_duration_us(request.duration_us, request.deadline_at, now_wall)
    refuse_above_maximum(span, request.max_duration_us)
    return CheckedRequest(
        offers=_offers(request, now_wall),
        disk_gb=request.disk_gb,
        max_rate=request.max_rate,
        name=request.name,
        consumer=request.consumer,
        tags=request.tags,
        image=request.image,
        image_login=request.image_login,
        retries=request.retries,
        duration_us=None if request.deadline_at is not None else span,
        deadline_at=request.deadline_at,
        max_duration_us=request.max_duration_us,
        max_duration_reason=request.max_duration_reason,
        environment=_environment(request.environment),
        keep_stopped=request.keep_stopped,
        allow_unguarded=request.allow_unguarded,
        allow_broken_guard=request.allow_broken_guard,
        landing=requested_landing(request),
        ssh_key=request.ssh_key,
        limits=requested_limits(request, max(span, request.max_duration_us or 0)),
    )


def _check_numbers_and_names(request: wire.ProvisionRequest) -> None:
    if not request.disk_gb >= 1:  # "not >=": also refuses NaN
        raise UsageError("a session needs at least 1 GB of disk")
    if not request.consumer or not 0 <= request.retries <= MAX_RETRIES:
        raise UsageError(f"a session needs a consumer, and at most {MAX_RETRIES} retries")
    if len(request.consumer) > MAX_CONSUMER_LENGTH:
        raise UsageError(f"a consumer's name has at most {MAX_CONSUMER_LENGTH} characters")
    if fault := tags_problem(request.tags):
        raise UsageError(fault, "write key=value, such as paper=neurips", code="bad_tag")
    if request.ssh_key and not PUBLIC_KEY.fullmatch(request.ssh_key):
        raise UsageError("ssh_key is no public key of the kind ssh-ed25519, without a comment", code="bad_ssh_key")
    if request.name is not None and (fault := session_name_problem(request.name)):
        raise UsageError(fault, "choose another name, or none", code="bad_name")


def _offers(request: wire.ProvisionRequest, now_wall: int) -> tuple[Offer, ...]:
    """The offers within the price cap; `provision` plans anew long before they are too old, and others must as well."""
    age = now_wall - min((offer.seen_at for offer in request.offers), default=now_wall)
    if age > us(OLDEST_OFFER_S):
        text = f"the plan is {span(age)} old, and offers change: nothing is rented on one older than 5 min"
        raise NoOffer(text, "make the plan again, and rent what it shows", code="plan_too_old")
    offers = affordable([_offer(view) for view in request.offers], request.disk_gb, request.max_rate)
    if not offers:
        raise NoOffer("none of the offers is within the price cap", "raise --max-price, or run the plan again")
    return offers


def _offer(view: wire.OfferView) -> Offer:
    """The offer of a plan, as it came back.

    Raises:
        UsageError: its kind or its terms are not those of any offer.
    """
    values = {name: getattr(view, name) for name in _OFFER_FIELDS}
    terms = {name: getattr(view.billing, name) for name in _BILLING_FIELDS}
    try:
        terms |= {"begins": BillingStart(view.billing.begins), "stopped": StoppedBilling(view.billing.stopped)}
        return Offer(**values | {"kind": OfferKind(view.kind), "billing": Billing(**terms)})
    except ValueError as error:
        raise UsageError(f"an offer of the request cannot be read: {error}", "run the plan again") from None


def _environment(variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The user's variables; those that prove ownership are ours and cannot be set (S4)."""
    for name, value in variables.items():
        if problem := name_problem(name) or value_problem(name, value):
            raise UsageError(problem, code="bad_variable")
    return tuple(variables.items())


def refuse_long_variables(checked: CheckedRequest, most: int | None) -> None:
    """Refuse a variable that a cloud of the shortlist would not take; `most` is its limit in characters.

    Raises:
        UsageError: its name or its value is longer.
    """
    for name, value in checked.environment:
        if most is not None and max(len(name), len(value)) > most:
            raise UsageError(f"{name} has more than {most} characters", code="bad_variable")
