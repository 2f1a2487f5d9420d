"""Decides whether a session may be rented at an account: never (it is unsuitable), not now, or now (S16, I10).

A session belongs to no cloud: its shortlist holds offers of several accounts. One that cannot rent is passed over, and
one whose offers fail in a row comes after the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from gpushopper.core.cloud import ImageKind, Traits
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.container_image import registry_of
from gpushopper.core.model.offer import Offer
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, clocks_disagree

OFFER_REASONS = frozenset(
    {
        "offer_gone",
        "bad_request",
        "boot_timeout",
        "boot_failed",
        "ssh_timeout",
        "create_not_found",
        "price_changed",
        "offer_mismatch",
        "guard_not_armed",
        "host_key_changed",
    }
)
"""Reasons for which an offer failed: gone, no capacity, or an instance that never became ready."""

FAILURES_IN_A_ROW = 2
"""After so many at one account the next offer is another account's: the cheapest offers may all be of one cloud."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account as it is now.

    `account` is the id under which an attempt there is recorded; `at` holds our clocks with this cloud's date.
    `ends_alone`: an instance rented there ends its bill without us. `unable` says why nothing can be rented there for
    the time being, whatever the session; empty where it can. `traits` is None where the cloud's package is gone.
    """

    name: str
    account: str
    at: ClockSnapshot
    traits: Traits | None
    ends_alone: bool = True
    unable: str = ""


LookAt = Callable[[str], AccountState | None]
"""The state of the account of this name; None where there is none any more."""


def image_at(named: str | None, traits: Traits | None) -> str:
    """What an attempt there runs: the image that the user named, as the cloud calls it, else the cloud's default."""
    if not named:
        return "" if traits is None else traits.catalogue.default_image
    return (None if traits is None else system_image(named, traits)) or named


def system_image(typed: str, traits: Traits) -> str | None:
    """The cloud's name for an operating system as people write it, `ubuntu-24.04`; None where it has none such."""
    return next((name for name in _systems(traits) if _letters(name) == _letters(typed)), None)


def _systems(traits: Traits) -> tuple[str, ...]:
    if traits.catalogue.image_kind is ImageKind.CONTAINER:
        return ()
    return tuple(dict.fromkeys((*traits.catalogue.images, traits.catalogue.default_image)))


def _letters(name: str) -> str:
    return name.lower().translate(_SEPARATORS)


_SEPARATORS = str.maketrans("", "", "-_.")


def image_problem(name: str, image: str | None, traits: Traits | None) -> str:
    """Why a cloud cannot run an image: where images are operating systems, it knows its own only; empty if it can."""
    if not image or traits is None or traits.catalogue.image_kind is ImageKind.CONTAINER:
        return ""
    if system_image(image, traits) is not None:
        return ""
    is_container = "/" in image or ":" in image
    lack = f", which do not run a container image such as {image}" if is_container else f" and has no image {image}"
    return f"{name} rents out VMs{lack}; it has: {', '.join(_systems(traits))}"


def why_unsuitable(session: Session, state: AccountState | None) -> str:
    """Why this session can never be rented at the account; empty where it may be."""
    if state is None:
        return "the account is not configured any more"
    problem = image_problem(state.name, session.image, state.traits) or _login_problem(session, state)
    if problem:
        return problem
    if not state.ends_alone and not session.allow_unguarded:
        return f"instances of {state.name} bill on if this computer never comes back (--allow-unguarded)"
    return ""


def _login_problem(session: Session, state: AccountState) -> str:
    """A registry login goes only to clouds that take one, and only with an image of that very registry (I21)."""
    if not session.image_login or state.traits is None:
        return ""
    if not state.traits.catalogue.takes_image_login:
        return f"{state.name} takes no login at a registry"
    try:
        registry = registry_of(image_at(session.image, state.traits))
    except ValueError:
        registry = ""
    return "" if registry == session.image_login else f"{state.name}'s image is not from {session.image_login}"


def why_not_now(state: AccountState) -> str:
    """Why nothing can be rented at the account for the time being; empty where it can.

    A deadline is written only by clocks that agree, so not before the cloud's date can contradict ours (I12, F62).
    """
    if state.unable:
        return state.unable
    if not state.at.provider_answered:
        return f"{state.name} has not answered yet"
    return f"the clock of {state.name} and this computer's are apart" if clocks_disagree(state.at) else ""


def elsewhere_first(offers: Sequence[Offer], session: Session, attempts: Sequence[Attempt]) -> tuple[Offer, ...]:
    """The offers that are left, those of other accounts first once the offers of one have failed in a row.

    With the last retry one failure is enough, unless another account has had its turn: otherwise one cloud's dead
    offers, cheaper than any of another cloud's, would use up every retry. Untried offers of that account still come
    before types that have failed elsewhere.
    """
    latest_first = sorted(attempts, key=lambda attempt: attempt.ordinal, reverse=True)
    failed = [attempt.provider for attempt in latest_first if attempt.reason in OFFER_REASONS]
    if not failed:
        return tuple(offers)
    name = failed[0]
    row = list(takewhile(lambda each: each == name, failed))
    is_last = session.retries_left <= 1 and len(row) == len(failed)
    if not (len(row) >= FAILURES_IN_A_ROW or is_last):
        return tuple(offers)
    untried = {id(offer) for offer in session.shortlist}
    return tuple(sorted(offers, key=lambda offer: id(offer) not in untried or offer.provider == name))
