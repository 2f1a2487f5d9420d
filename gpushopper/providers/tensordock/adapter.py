"""One account's calls at TensorDock: which request each method sends, and which module reads its reply.

Implements `Provider` (providers/base.py). Every request carries the token, also that for the locations, which some
servers answer without one and others do not (tensordock.md 2, 18).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gpushopper.core.model.guard_recipe import GuardRecipe, PowerOff
from gpushopper.providers.api import ApiClient, Call
from gpushopper.providers.base import (
    Account,
    Created,
    CreateRequest,
    Destroyed,
    DestroyOutcome,
    Endpoint,
    ErrorKind,
    InstanceFound,
    InstanceList,
    InstanceNotFound,
    Log,
    Marks,
    OfferList,
    OfferQuery,
    ReadFailed,
    RejectedCreate,
    UnknownOutcome,
)
from gpushopper.providers.kit import UnknownFields
from gpushopper.providers.tensordock import offer_search, secrets
from gpushopper.providers.tensordock.create import create_body, read_create
from gpushopper.providers.tensordock.destroy import destroy_call, read_destroy
from gpushopper.providers.tensordock.instance_list import read_list, read_one
from gpushopper.providers.tensordock.parsing.ids import read_id
from gpushopper.providers.tensordock.rate_limits import RATE_LIMITS
from gpushopper.providers.tensordock.traits import TRAITS

_NO_ID = "not an instance id of TensorDock"
_VERBS = ("systemctl poweroff", "poweroff -f", "echo o >/proc/sysrq-trigger")
"""Orderly first, so that the disk is whole; the last needs nothing but the kernel."""


class TensorDock:
    """One account at TensorDock; implements `Provider`."""

    traits = TRAITS

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self.guard_recipe: GuardRecipe | None = PowerOff(_VERBS)
        """A VM has no key that could end only itself: it powers off, which does not end its bill (tensordock.md 12)."""
        self._unknown = UnknownFields(TRAITS.key_pattern)

    @property
    def unknown_fields(self) -> Mapping[str, int]:
        return self._unknown.counts()

    def available_at(self, endpoint: Endpoint) -> float:
        return self._api.rate_limiter.available_at(endpoint.value)

    def add_redactions(self, texts: Iterable[str]) -> None:
        """Redact these secrets in every reply from now on (I21)."""
        self._api.add_redactions(texts)

    def close(self) -> None:
        self._api.close()

    def fetch_account(self, limit_s: float) -> Account | ReadFailed:
        """Whether the token is accepted: no call says whose it is, or what is left (tensordock.md 2, 3).

        The id is empty, as the identity of the traits says: it is inferred from what the account holds.
        """
        call = Call(Endpoint.ACCOUNT.value, "GET", "/instances")
        found = read_list(self._api.read(call, self._api.limit(limit_s)), self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else Account("", None, found.date)

    def fetch_instances(self, limit_s: float) -> InstanceList | ReadFailed:
        """All instances of the organisation, in one reply."""
        call = Call(Endpoint.LIST.value, "GET", "/instances")
        found = read_list(self._api.read(call, self._api.limit(limit_s)), self._unknown)
        if isinstance(found, ReadFailed):
            return self._shown(found)
        return replace(found, detail=self._api.redact_line(found.detail))

    def list_limit_s(self, limit_s: float) -> float:
        """The same: a list is one page, however long."""
        return limit_s

    def fetch_instance(self, instance_id: str, limit_s: float) -> InstanceFound | InstanceNotFound | ReadFailed:
        """One instance by id; its body is not wrapped as the list's is (tensordock.md 6)."""
        if read_id(instance_id) is None:
            return ReadFailed(ErrorKind.SHAPE, _NO_ID)
        call = Call(Endpoint.GET.value, "GET", f"/instances/{instance_id}")
        found = read_one(self._api.read(call, self._api.limit(limit_s)), instance_id, self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def search(self, query: OfferQuery, limit_s: float) -> OfferList | ReadFailed:
        """Offers, the cheapest first, out of one list of all places."""
        call = Call(Endpoint.SEARCH.value, "GET", "/locations")
        found = offer_search.read_search(self._api.read(call, self._api.limit(limit_s)), query, self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed:
        """The names of all types that are listed, sorted."""
        call = Call(Endpoint.SEARCH.value, "GET", "/locations")
        found = offer_search.read_locations(self._api.read(call, self._api.limit(limit_s)), self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else offer_search.gpu_names(found)

    def create(self, request: CreateRequest, limit_s: float) -> Created | RejectedCreate | UnknownOutcome:
        """Send one create: no retry and no second place, whatever happens (I2)."""
        body = create_body(request)
        if isinstance(body, RejectedCreate):
            return body
        call = Call(Endpoint.CREATE.value, "POST", "/instances", body=body)
        outcome = read_create(self._api.send(call, self._api.limit(limit_s)))
        if isinstance(outcome, Created):
            return outcome
        return replace(outcome, detail=self._api.redact_line(outcome.detail))

    def fetch_marks(self, limit_s: float) -> Marks | ReadFailed:
        """The ids of all secrets of the organisation."""
        found = secrets.read_marks(self._api.read(secrets.LIST, self._api.limit(limit_s)), self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def add_mark(self, name: str, public_key: str, limit_s: float) -> str | ReadFailed:
        """Store this public key, without a retry: names need not be unique. The secret's id."""
        call = secrets.add_call(name, public_key)
        added = secrets.read_added(self._api.send(call, self._api.limit(limit_s)))
        return self._shown(added) if isinstance(added, ReadFailed) else added

    def set_label(self, instance_id: str, label: str, limit_s: float) -> bool:
        """False: a name cannot be changed (tensordock.md 8)."""
        return False

    def attach_key(self, instance_id: str, public_key: str, limit_s: float) -> bool:
        """False: keys are given with the create alone (tensordock.md 9)."""
        return False

    def fetch_log(self, instance_id: str, tail: int, limit_s: float) -> Log | InstanceNotFound | ReadFailed:
        """There is no console log to read (tensordock.md 3)."""
        return ReadFailed(ErrorKind.SHAPE, "TensorDock gives no log of an instance")

    def destroy(self, instance_ids: tuple[str, ...], limit_s: float) -> tuple[Destroyed, ...]:
        """One call for one id; an outcome for each, in order. The others are answered `RETRY_LATER` and not sent."""
        sent = next((text for text in instance_ids if read_id(text) is not None), None)
        outcome = None if sent is None else self._destroy(sent, limit_s)
        pause = RATE_LIMITS[Endpoint.DESTROY.value].interval_s
        later = Destroyed(DestroyOutcome.RETRY_LATER, "not sent: one call at a time", pause)
        invalid = Destroyed(DestroyOutcome.UNKNOWN, f"not sent: {_NO_ID}")
        return tuple(
            outcome if outcome is not None and text == sent else invalid if read_id(text) is None else later
            for text in instance_ids
        )

    def _destroy(self, instance_id: str, limit_s: float) -> Destroyed:
        outcome = read_destroy(self._api.send(destroy_call(instance_id), self._api.limit(limit_s)))
        return replace(outcome, detail=self._api.redact_line(outcome.detail))

    def _shown(self, failed: ReadFailed) -> ReadFailed:
        return replace(failed, detail=self._api.redact_line(failed.detail))
