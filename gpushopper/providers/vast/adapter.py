"""The Vast adapter: one account's calls as typed values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

from gpushopper.core.model.guard_recipe import Recipe
from gpushopper.core.model.money import DOLLAR, Micros
from gpushopper.errors import Misconfigured
from gpushopper.providers.api import Api, Call, Failure, Gap, Limit, Reply
from gpushopper.providers.base import (
    Account,
    Created,
    CreateRequest,
    Destroyed,
    DestroyOutcome,
    Endpoint,
    ErrorKind,
    Listing,
    Log,
    Missing,
    Offers,
    Present,
    ReadFailed,
    Refusal,
    RejectedCreate,
    Search,
    Traits,
    UnknownOutcome,
)
from gpushopper.providers.vast import destroy, error_replies, instance_list
from gpushopper.providers.vast import offer_search as search
from gpushopper.providers.vast.create import create_body, read_create
from gpushopper.providers.vast.drift import Drift
from gpushopper.providers.vast.fields import read_id
from gpushopper.providers.vast.guard_recipe import self_destroy
from gpushopper.providers.vast.instance_rows import read_instance
from gpushopper.providers.vast.logs import fetch_log

TRAITS = Traits(
    name="vast",
    guard_kind="self_destroy",
    bulk_destroy=destroy.MOST,
    # Public, on Docker Hub, about 90 MB packed: CUDA's runtime loader and a shell, and sshd comes from Vast itself.
    # 12.4 runs on every driver from 550 on; a newer one fails on hosts that overstate theirs (vastai.md 3.2).
    default_image="nvidia/cuda:12.4.1-base-ubuntu22.04",
    console="https://cloud.vast.ai/instances/",
    key_variables=("VAST_API_KEY", "VASTAI_API_KEY"),
    takes_image_login=True,
    end_pace_s=3.2,
)

_NAMES = "names"
# A little above what the provider documents, because two requests do not travel equally long (vastai.md 13, 19.7).
GAPS: Mapping[str, Gap] = {
    Endpoint.SEARCH.value: Gap(6.0, most=86_400.0),  # the daily quota ends at midnight UTC
    Endpoint.CREATE.value: Gap(5.0, penalty=12.0),
    Endpoint.DESTROY.value: Gap(3.2),
    Endpoint.GET.value: Gap(2.2),
    Endpoint.LIST.value: Gap(1.1),
    Endpoint.LABEL.value: Gap(1.1),
    Endpoint.ACCOUNT.value: Gap(1.1),
    Endpoint.KEYS.value: Gap(1.1),
    Endpoint.LOGS.value: Gap(1.1),
    _NAMES: Gap(1.1),
}


def connect(
    endpoint: str,
    key: str,
    monotonic: Callable[[], float],
    transport: httpx.BaseTransport | None = None,
    wait: Callable[[float], object] | None = None,
) -> Vast:
    """An account at Vast. Sends nothing yet.

    `monotonic` gives awake seconds. A `transport` handed in gets `request.extensions["total_limit"]`, seconds.
    `wait` pauses between the requests of one read (pages, bands, a repeat); by default `close` ends the pause.

    Raises:
        Misconfigured: the endpoint is no address, would carry the key in the clear, or the key is no key.
    """
    _check_endpoint(endpoint, own_transport=transport is None)
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Misconfigured("the Vast key is empty or has characters no key has", "gpu-shopper keys set vast")
    urgent = frozenset({Endpoint.DESTROY.value})
    return Vast(Api(endpoint, key, GAPS, monotonic, transport, wait, urgent), self_destroy(endpoint))


def _check_endpoint(endpoint: str, *, own_transport: bool) -> None:
    try:
        url = httpx.URL(endpoint)
    except (httpx.InvalidURL, TypeError) as error:
        raise Misconfigured("the Vast endpoint is not an address") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.userinfo:
        raise Misconfigured("the Vast endpoint must be https://HOST")
    local = url.host in ("localhost", "::1") or url.host.startswith("127.")
    if own_transport and url.scheme == "http" and not local:
        raise Misconfigured("the Vast endpoint must be https: http would show the key to everybody between")


class Vast:
    """One account at Vast (vastai.md); implements `Provider`."""

    traits = TRAITS

    def __init__(self, api: Api, recipe: Recipe) -> None:
        self._api = api
        self.recipe: Recipe | None = recipe
        self._drift = Drift()
        self._bulk_works = True
        self._rows: int | None = None
        """How long the list was when it was last read."""

    @property
    def drift(self) -> Mapping[str, int]:
        return self._drift.counts()

    def free_at(self, endpoint: Endpoint) -> float:
        return self._api.pace.free_at(endpoint.value)

    def add_redactions(self, texts: Iterable[str]) -> None:
        """Take these secrets out of everything that is heard from now on (I21)."""
        self._api.add_redactions(texts)

    def close(self) -> None:
        self._api.close()

    def fetch_account(self, limit_s: float) -> Account | ReadFailed:
        """Who the key is, and `credit`: `balance` stays near zero on prepaid accounts (vastai.md 10)."""
        # Without a final slash, as the official client: a redirect would not be followed.
        answer = self._read(Endpoint.ACCOUNT, "/api/v0/users/current", self._api.limit(limit_s))
        body = error_replies.payload(answer)
        if isinstance(body, ReadFailed):
            return self._shown(body)
        account_id = read_id(body.get("id"))
        if account_id is None:
            self._drift.note("account: no id")
            return ReadFailed(ErrorKind.SHAPE, "an account without an id")
        return Account(account_id, _read_balance(body.get("credit")), _date(answer))

    def fetch_instances(self, limit_s: float) -> Listing | ReadFailed:
        """All pages of the v1 list; the old v0 list answers 410 or nothing (vastai.md 5.1)."""
        whole = self._api.limit(self.list_limit_s(limit_s))
        order = json.dumps([{"col": "id", "dir": "asc"}], separators=(",", ":"))

        def fetch(token: str | None, wait: bool) -> Reply | Failure:
            query = {"limit": str(instance_list.PAGE), "order_by": order, **({"after_token": token} if token else {})}
            own = limit_s + GAPS[Endpoint.LIST.value].seconds if wait else limit_s
            limit = self._api.limit(min(own, whole.left()))
            return self._read(Endpoint.LIST, "/api/v1/instances/", limit, query, wait=wait)

        found = instance_list.read_pages(fetch, self._drift)
        if isinstance(found, ReadFailed):
            return self._shown(found)
        if found.total is not None:
            self._rows = found.total
        return replace(found, detail=self._api.redact_line(found.detail))

    def list_limit_s(self, limit_s: float) -> float:
        """The most seconds for the whole list, by how long it was last time."""
        return instance_list.whole_limit_s(limit_s, GAPS[Endpoint.LIST.value].seconds, self._rows)

    def fetch_instance(self, instance_id: str, limit_s: float) -> Present | Missing | ReadFailed:
        """One by id. Missing is Vast's `{"instances": null}` or `no_such_instance`, and proves little alone."""
        if read_id(instance_id) is None:
            return ReadFailed(ErrorKind.SHAPE, "not an instance id of Vast")
        path = f"/api/v0/instances/{instance_id}/"
        answer = self._read(Endpoint.GET, path, self._api.limit(limit_s), {"owner": "me"})
        if isinstance(answer, Reply) and error_replies.is_no_such_instance(answer):
            return Missing(answer.date)
        body = error_replies.payload(answer)
        if isinstance(body, ReadFailed):
            return self._shown(body)
        if "instances" in body and body["instances"] is None:
            return Missing(_date(answer))
        instance = read_instance(body.get("instances"), self._drift)
        if instance is None or instance.instance_id != instance_id:
            return ReadFailed(ErrorKind.SHAPE, "a reply that is not about the instance asked for")
        return Present(instance, _date(answer))

    def search(self, wanted: Search, limit_s: float) -> Offers | ReadFailed:
        """Cheapest first; more than 64 take a request each 6 s, as far as the limit reaches (S17)."""
        limit = self._api.limit(limit_s)

        def fetch(body: dict[str, Any], wait: bool) -> Reply | Failure:
            call = Call(Endpoint.SEARCH.value, "POST", "/api/v0/bundles/", body=body)
            return self._api.read(call, limit, wait=wait)

        found = search.read_bands(fetch, wanted, self._drift)
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed:
        """The market's GPU names, sorted; from an unfiltered search where the list of names is missing."""
        limit = self._api.limit(limit_s)
        body = error_replies.payload(self._api.read(Call(_NAMES, "GET", "/api/v0/gpu_names/unique/"), limit))
        names = body.get("gpu_names") if isinstance(body, dict) else None
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return tuple(sorted({self._api.redact_line(name) for name in names}))
        if isinstance(body, ReadFailed) and body.error_kind is not ErrorKind.SHAPE:
            return self._shown(body)
        self._drift.note("gpu_names: no names")
        found = self.search(Search(), limit.left())
        if isinstance(found, ReadFailed):
            return found
        return tuple(sorted({offer.gpu for offer in found.offers}))

    def create(self, request: CreateRequest, limit_s: float) -> Created | RejectedCreate | UnknownOutcome:
        """Rent once: no repeat, no second offer, whatever happens (I2)."""
        if read_id(request.offer.offer_id) is None:
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
        if read_id(instance_id) is None:
            return False
        call = Call(Endpoint.LABEL.value, "PUT", f"/api/v0/instances/{instance_id}/", body={"label": label})
        answer = self._api.send(call, self._api.limit(limit_s))
        return isinstance(answer, Reply) and error_replies.is_success(answer)

    def attach_key(self, instance_id: str, public_key: str, limit_s: float) -> bool:
        """Whether Vast took the key; it takes 10-15 s to act (vastai.md 8)."""
        if read_id(instance_id) is None:
            return False
        path = f"/api/v0/instances/{instance_id}/ssh/"
        call = Call(Endpoint.KEYS.value, "POST", path, body={"ssh_key": public_key})
        answer = self._api.send(call, self._api.limit(limit_s))
        return isinstance(answer, Reply) and error_replies.is_success(answer)

    def fetch_log(self, instance_id: str, tail: int, limit_s: float) -> Log | Missing | ReadFailed:
        """What the container has printed; the host uploads it after we asked, mostly within seconds."""
        if read_id(instance_id) is None:
            return ReadFailed(ErrorKind.SHAPE, "not an instance id of Vast")
        found = fetch_log(self._api, instance_id, tail, self._api.limit(limit_s))
        return self._shown(found) if isinstance(found, ReadFailed) else found

    def destroy(self, instance_ids: tuple[str, ...], limit_s: float) -> tuple[Destroyed, ...]:
        """One call for up to 64 ids; an outcome for each, in order.

        Ids beyond what one call takes are answered `REFUSED_FOR_NOW` and not sent. IdempotencyKey Vast has refused
        the bulk
        endpoint itself, calls carry one id (F79).
        """
        valid = list(dict.fromkeys(text for text in instance_ids if read_id(text) is not None))
        sent = valid[: destroy.MOST if self._bulk_works else 1]
        outcome = self._destroy(sent, self._api.limit(limit_s)) if sent else None
        later = Destroyed(DestroyOutcome.REFUSED_FOR_NOW, "not sent: one call at a time", GAPS["destroy"].seconds)
        strange = Destroyed(DestroyOutcome.UNKNOWN, "not sent: not an instance id of Vast")
        return tuple(
            outcome if outcome is not None and text in sent else later if text in valid else strange
            for text in instance_ids
        )

    def _destroy(self, ids: list[str], limit: Limit) -> Destroyed:
        bulk = len(ids) > 1
        if bulk:
            body: dict[str, Any] = {"instance_ids": [int(text) for text in ids]}
            call = Call(Endpoint.DESTROY.value, "DELETE", "/api/v0/instances/", body=body)
        else:
            call = Call(Endpoint.DESTROY.value, "DELETE", f"/api/v0/instances/{ids[0]}/", body={})
        answer = self._api.send(call, limit)
        if bulk and destroy.is_bulk_broken(answer):
            self._drift.note("destroy: bulk refused")
            self._bulk_works = False
        outcome = destroy.read_destroy(answer, bulk=bulk)
        return replace(outcome, detail=self._api.redact_line(outcome.detail))

    def _read(
        self, endpoint: Endpoint, path: str, limit: Limit, query: Mapping[str, str] | None = None, *, wait: bool = False
    ) -> Reply | Failure:
        return self._api.read(Call(endpoint.value, "GET", path, query or {}), limit, wait=wait)

    def _shown(self, failed: ReadFailed) -> ReadFailed:
        return replace(failed, detail=self._api.redact_line(failed.detail))


def _date(answer: Reply | Failure) -> int | None:
    return answer.date if isinstance(answer, Reply) else None


def _read_balance(credit: object) -> Micros | None:
    """Dollars to micro-dollars; may be below zero (F82), unlike a price."""
    if isinstance(credit, bool) or not isinstance(credit, (int, float, str)):
        return None
    try:
        amount = Decimal(str(credit).strip())
    except InvalidOperation:
        return None
    return int(amount * DOLLAR) if amount.is_finite() and abs(amount) < 10**9 else None
