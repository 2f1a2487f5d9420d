"""One account's calls at Vast: which request each method sends, and which module reads its reply.

Implements `Provider` (providers/base.py). Rate limits are in rate_limits.py, errors in parsing/error_replies.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gpushopper.core.model.guard_recipe import GuardRecipe
from gpushopper.core.model.records.charge import ChargeList
from gpushopper.providers.api import ApiClient, Call, Failure, Reply, TimeLimit
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
    OfferList,
    OfferQuery,
    ReadFailed,
    Refusal,
    RejectedCreate,
    UnknownOutcome,
)
from gpushopper.providers.kit import UnknownFields, number_id
from gpushopper.providers.vast import charges, destroy, instance_list, offer_search
from gpushopper.providers.vast.account import read_account
from gpushopper.providers.vast.create import create_body, read_create
from gpushopper.providers.vast.logs import fetch_log
from gpushopper.providers.vast.parsing import error_replies
from gpushopper.providers.vast.parsing.instance_rows import read_instance
from gpushopper.providers.vast.rate_limits import GPU_NAMES, RATE_LIMITS
from gpushopper.providers.vast.traits import TRAITS


class Vast:
    """One account at Vast; implements `Provider`."""

    traits = TRAITS

    def __init__(self, api: ApiClient, recipe: GuardRecipe) -> None:
        self._api = api
        self.guard_recipe: GuardRecipe | None = recipe
        self._unknown = UnknownFields(TRAITS.key_pattern)
        self._bulk_works = True
        self._rows: int | None = None
        """The number of instances in the last list; None before the first."""

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
        """The key's account and its balance."""
        # No final slash, as in the official client: a redirect would not be followed.
        answer = self._get(Endpoint.ACCOUNT, "/api/v0/users/current", self._api.limit(limit_s))
        found = read_account(answer, self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def fetch_instances(self, limit_s: float) -> InstanceList | ReadFailed:
        """All pages of the v1 list; the old v0 list answers 410 or nothing (vastai.md 5.1)."""
        all_pages = self._api.limit(self.list_limit_s(limit_s))
        order = json.dumps([{"col": "id", "dir": "asc"}], separators=(",", ":"))

        def fetch(token: str | None, wait: bool) -> Reply | Failure:
            query = {"limit": str(instance_list.PAGE), "order_by": order, **({"after_token": token} if token else {})}
            page_s = limit_s + RATE_LIMITS[Endpoint.LIST.value].interval_s if wait else limit_s
            limit = self._api.limit(min(page_s, all_pages.left()))
            return self._get(Endpoint.LIST, "/api/v1/instances/", limit, query, wait=wait)

        found = instance_list.read_pages(fetch, self._unknown)
        if isinstance(found, ReadFailed):
            return self._shown(found)
        if found.total is not None:
            self._rows = found.total
        return replace(found, detail=self._api.redact_line(found.detail))

    def list_limit_s(self, limit_s: float) -> float:
        """The most seconds for the whole list, by the number of instances in the last one."""
        return instance_list.list_limit_s(limit_s, RATE_LIMITS[Endpoint.LIST.value].interval_s, self._rows)

    def fetch_instance(self, instance_id: str, limit_s: float) -> InstanceFound | InstanceNotFound | ReadFailed:
        """One instance by id. Not found is `{"instances": null}` or `no_such_instance`, and proves little alone."""
        if number_id(instance_id) is None:
            return ReadFailed(ErrorKind.SHAPE, "not an instance id of Vast")
        path = f"/api/v0/instances/{instance_id}/"
        answer = self._get(Endpoint.GET, path, self._api.limit(limit_s), {"owner": "me"})
        if isinstance(answer, Reply) and error_replies.is_no_such_instance(answer):
            return InstanceNotFound(answer.date)
        body = error_replies.payload(answer)
        if isinstance(body, ReadFailed):
            return self._shown(body)
        if "instances" in body and body["instances"] is None:
            return InstanceNotFound(_date(answer))
        instance = read_instance(body.get("instances"), self._unknown)
        if instance is None or instance.instance_id != instance_id:
            return ReadFailed(ErrorKind.SHAPE, "a reply that is not about the requested instance")
        return InstanceFound(instance, _date(answer))

    def search(self, query: OfferQuery, limit_s: float) -> OfferList | ReadFailed:
        """Offers, the cheapest first; more than 64 take a request each 6 s, until the time limit (S17)."""
        limit = self._api.limit(limit_s)

        def fetch(body: dict[str, Any], wait: bool) -> Reply | Failure:
            call = Call(Endpoint.SEARCH.value, "POST", "/api/v0/bundles/", body=body)
            return self._api.read(call, limit, wait=wait)

        found = offer_search.read_bands(fetch, query, self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed:
        """All GPU names, sorted; taken from an unfiltered search where the list of names is missing."""
        limit = self._api.limit(limit_s)
        body = error_replies.payload(self._api.read(Call(GPU_NAMES, "GET", "/api/v0/gpu_names/unique/"), limit))
        names = body.get("gpu_names") if isinstance(body, dict) else None
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return tuple(sorted({self._api.redact_line(name) for name in names}))
        if isinstance(body, ReadFailed) and body.error_kind is not ErrorKind.SHAPE:
            return self._shown(body)
        self._unknown.note("gpu_names: no names")
        found = self.search(OfferQuery(), limit.left())
        if isinstance(found, ReadFailed):
            return found
        return tuple(sorted({offer.gpu for offer in found.offers}))

    def create(self, request: CreateRequest, limit_s: float) -> Created | RejectedCreate | UnknownOutcome:
        """Send one create: no retry and no second offer, whatever happens (I2)."""
        if number_id(request.offer.offer_id) is None:
            return RejectedCreate(Refusal.BAD_REQUEST, "not an offer id of Vast")
        if request.image_login is not None:
            self.add_redactions(request.image_login.redactions())
        path = f"/api/v0/asks/{request.offer.offer_id}/"
        call = Call(Endpoint.CREATE.value, "PUT", path, body=create_body(request))
        outcome = read_create(self._api.send(call, self._api.limit(limit_s)))
        if isinstance(outcome, Created):
            return outcome
        return replace(outcome, detail=self._api.redact_line(outcome.detail))

    def set_label(self, instance_id: str, label: str, limit_s: float) -> bool:
        """Whether Vast said that the label is set."""
        if number_id(instance_id) is None:
            return False
        call = Call(Endpoint.LABEL.value, "PUT", f"/api/v0/instances/{instance_id}/", body={"label": label})
        answer = self._api.send(call, self._api.limit(limit_s))
        return isinstance(answer, Reply) and error_replies.is_success(answer)

    def restart(self, instance_id: str, limit_s: float) -> bool:
        """Whether Vast said that it restarts the container: same host, disk and ports (vastai.md 6)."""
        if number_id(instance_id) is None:
            return False
        call = Call(Endpoint.RESTART.value, "PUT", f"/api/v0/instances/reboot/{instance_id}/", body={})
        answer = self._api.send(call, self._api.limit(limit_s))
        return isinstance(answer, Reply) and error_replies.is_success(answer)

    def attach_key(self, instance_id: str, public_key: str, limit_s: float) -> bool:
        """Whether Vast accepted the ssh key; it works 10-15 s later (vastai.md 8)."""
        if number_id(instance_id) is None:
            return False
        path = f"/api/v0/instances/{instance_id}/ssh/"
        call = Call(Endpoint.KEYS.value, "POST", path, body={"ssh_key": public_key})
        answer = self._api.send(call, self._api.limit(limit_s))
        return isinstance(answer, Reply) and error_replies.is_success(answer)

    def fetch_log(self, instance_id: str, tail: int, limit_s: float) -> Log | InstanceNotFound | ReadFailed:
        """What the container has printed; the host uploads it on request, mostly within seconds."""
        if number_id(instance_id) is None:
            return ReadFailed(ErrorKind.SHAPE, "not an instance id of Vast")
        found = fetch_log(self._api, instance_id, tail, self._api.limit(limit_s))
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def fetch_charges(self, start_at: int, end_at: int, limit_s: float) -> ChargeList | ReadFailed:
        """What was charged for each instance; the key must be allowed to read the billing (vastai.md 10)."""
        limit = self._api.limit(limit_s)

        def fetch(token: str | None) -> Reply | Failure:
            return self._get(Endpoint.CHARGES, charges.PATH, limit, charges.query(start_at, end_at, token), wait=True)

        found = charges.read_pages(fetch, self._unknown)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def destroy(self, instance_ids: tuple[str, ...], limit_s: float) -> tuple[Destroyed, ...]:
        """One call for up to 64 ids; an outcome for each, in order.

        Ids beyond what one call takes are answered `RETRY_LATER` and not sent. Once Vast has refused the bulk endpoint
        itself, each call carries one id (F79).
        """
        valid = list(dict.fromkeys(text for text in instance_ids if number_id(text) is not None))
        sent = valid[: destroy.MOST if self._bulk_works else 1]
        outcome = self._destroy(sent, self._api.limit(limit_s)) if sent else None
        later = Destroyed(
            DestroyOutcome.RETRY_LATER, "not sent: one call at a time", RATE_LIMITS[Endpoint.DESTROY.value].interval_s
        )
        invalid = Destroyed(DestroyOutcome.UNKNOWN, "not sent: not an instance id of Vast")
        return tuple(
            outcome if outcome is not None and text in sent else later if text in valid else invalid
            for text in instance_ids
        )

    def _destroy(self, ids: list[str], limit: TimeLimit) -> Destroyed:
        bulk = len(ids) > 1
        answer = self._api.send(destroy.destroy_call(ids), limit)
        if bulk and destroy.is_bulk_broken(answer):
            self._unknown.note("destroy: bulk refused")
            self._bulk_works = False
        outcome = destroy.read_destroy(answer, bulk=bulk)
        return replace(outcome, detail=self._api.redact_line(outcome.detail))

    def _get(
        self,
        endpoint: Endpoint,
        path: str,
        limit: TimeLimit,
        query: Mapping[str, str] | None = None,
        *,
        wait: bool = False,
    ) -> Reply | Failure:
        return self._api.read(Call(endpoint.value, "GET", path, query or {}), limit, wait=wait)

    def _shown(self, failed: ReadFailed) -> ReadFailed:
        return replace(failed, detail=self._api.redact_line(failed.detail))


def _date(answer: Reply | Failure) -> int | None:
    return answer.date if isinstance(answer, Reply) else None
