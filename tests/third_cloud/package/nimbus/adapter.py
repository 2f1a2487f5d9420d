"""One organisation at Nimbus: which request each method sends, and what its reply means. Implements `Provider`."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from gpushopper.core.cloud import Leftover
from gpushopper.core.model.guard_recipe import ServerTimer
from gpushopper.core.model.money import parse_dollars
from gpushopper.providers import base
from gpushopper.providers.api import ApiClient, Call, ClientCredentials, Failure, RateLimit, Reply
from gpushopper.providers.base import DestroyOutcome, Endpoint, ErrorKind, ReadFailed, Refusal
from gpushopper.providers.kit import UnknownFields, json_object, unanswered_create, unanswered_destroy
from nimbus.rows import read_instance, read_leftover, read_offer
from nimbus.traits import TRAITS

_ID = re.compile(r"[a-z]+-[0-9]+")
_PATHS = {Leftover.KEY: "keys", Leftover.DISK: "volumes"}
_REFUSALS = {"sold_out": Refusal.OFFER_GONE, "invalid": Refusal.BAD_REQUEST, "no_credit": Refusal.NO_CREDIT}
_LIMITS = {each.value: RateLimit(0.5) for each in Endpoint}


def connect(endpoint, credential, monotonic, transport=None, wait=None):
    """An organisation; sends nothing yet. The token is fetched with the first call."""
    identity, secret = credential.reveal("client_id"), credential.reveal("client_secret")
    auth = ClientCredentials("/oauth2/token", identity, secret, monotonic)
    urgent = frozenset({Endpoint.DESTROY.value, Endpoint.LEFTOVERS.value})
    return Nimbus(ApiClient(endpoint, auth, _LIMITS, monotonic, transport, wait, urgent, TRAITS.pace), monotonic)


def _word(reply: Reply) -> str:
    found = reply.body.get("error") if isinstance(reply.body, dict) else None
    return found if isinstance(found, str) else ""


_object = partial(json_object, is_key_refused=lambda reply: reply.status == 401 and bool(_word(reply)), message=_word)


class Nimbus:
    """The calls of one organisation."""

    traits = TRAITS
    guard_recipe = ServerTimer()

    def __init__(self, api: ApiClient, monotonic: Callable[[], float]) -> None:
        self._api = api
        self._monotonic = monotonic
        self._unknown = UnknownFields(TRAITS.key_pattern)
        self.add_redactions, self.close = api.add_redactions, api.close

    @property
    def unknown_fields(self) -> dict[str, int]:
        return self._unknown.counts()

    def available_at(self, endpoint: Endpoint) -> float:
        return self._api.rate_limiter.available_at(endpoint.value)

    def list_limit_s(self, limit_s: float) -> float:
        return 4 * limit_s

    def _read(self, endpoint: Endpoint, path: str, limit_s: float) -> tuple[Any, int | None]:
        answer = self._api.read(Call(endpoint.value, "GET", path), self._api.limit(limit_s))
        return _object(answer), answer.date if isinstance(answer, Reply) else None

    def _send(self, endpoint: Endpoint, method: str, path: str, limit_s: float, body: Any = None) -> Reply | Failure:
        return self._api.send(Call(endpoint.value, method, path, body=body), self._api.limit(limit_s))

    def fetch_account(self, limit_s: float) -> base.Account | ReadFailed:
        body, date = self._read(Endpoint.ACCOUNT, "/v1/organisation", limit_s)
        if isinstance(body, ReadFailed):
            return body
        if not isinstance(body.get("id"), str):
            return ReadFailed(ErrorKind.SHAPE, "an organisation without an id")
        return base.Account(body["id"], parse_dollars(body.get("credit")), date)

    def _pages(self, endpoint: Endpoint, what: str, limit_s: float) -> tuple[list[Any], int | None, str] | ReadFailed:
        """All rows; the text says why they are not all of them, empty where they are: the last page says so itself."""
        rows: list[Any] = []
        limit, cursor, date = self._api.limit(self.list_limit_s(limit_s)), "", None
        for page in range(100):
            call = Call(endpoint.value, "GET", f"/v1/{what}", {"cursor": cursor} if cursor else {})
            answer = self._api.read(call, limit, wait=page > 0)
            body = _object(answer)
            if isinstance(body, ReadFailed) or not isinstance(body.get(what), list) or "next" not in body:
                failed = body if isinstance(body, ReadFailed) else ReadFailed(ErrorKind.SHAPE, f"a page without {what}")
                return (rows, date, failed.detail) if rows else failed
            rows, date, cursor = rows + body[what], answer.date, body["next"]  # type: ignore[union-attr]
            if cursor is None:
                return rows, date, ""
        return rows, date, "too many pages"

    def fetch_instances(self, limit_s: float) -> base.InstanceList | ReadFailed:
        found = self._pages(Endpoint.LIST, "machines", limit_s)
        if isinstance(found, ReadFailed):
            return found
        rows, date, why = found
        read = [read_instance(row, self._unknown) for row in rows]
        why = why or ("" if all(read) else "a machine without an id")
        return base.InstanceList(tuple(one for one in read if one), not why, date, why)

    def fetch_instance(
        self, instance_id: str, limit_s: float
    ) -> base.InstanceFound | base.InstanceNotFound | ReadFailed:
        if not _ID.fullmatch(instance_id):
            return ReadFailed(ErrorKind.SHAPE, "no id of Nimbus")
        call = Call(Endpoint.GET.value, "GET", f"/v1/machines/{instance_id}")
        answer = self._api.read(call, self._api.limit(limit_s))
        if isinstance(answer, Reply) and answer.status == 404 and _word(answer) == "not_found":
            return base.InstanceNotFound(answer.date)
        body = _object(answer)
        row = body if isinstance(body, ReadFailed) else read_instance(body, self._unknown)
        if isinstance(row, ReadFailed) or row is None:
            return row or ReadFailed(ErrorKind.SHAPE, "a machine without an id")
        return base.InstanceFound(row, answer.date)  # type: ignore[union-attr]

    def _types(self, limit_s: float) -> tuple[list[Any], int | None] | ReadFailed:
        body, date = self._read(Endpoint.SEARCH, "/v1/types", limit_s)
        if isinstance(body, ReadFailed):
            return body
        types = body.get("types")
        return (types, date) if isinstance(types, list) else ReadFailed(ErrorKind.SHAPE, "no types")

    def search(self, search: base.OfferQuery, limit_s: float) -> base.OfferList | ReadFailed:
        found = self._types(limit_s)
        if isinstance(found, ReadFailed):
            return found
        read = [read_offer(row, found[1] or 0, self._unknown) for row in found[0]]
        offers = [one for one in read if one and one.disk_gb >= search.disk_gb]
        if search.offer_ids:
            offers = [one for one in offers if one.offer_id in search.offer_ids]
        elif search.gpus:
            offers = [one for one in offers if one.gpu in search.gpus]
        return base.OfferList(tuple(sorted(offers, key=lambda one: one.gpu_rate)), True, found[1])

    def gpu_names(self, limit_s: float) -> tuple[str, ...] | ReadFailed:
        found = self._types(limit_s)
        if isinstance(found, ReadFailed):
            return found
        read = [read_offer(row, 0, self._unknown) for row in found[0]]
        return tuple(sorted({one.gpu for one in read if one}))

    def create(
        self, request: base.CreateRequest, limit_s: float
    ) -> base.Created | base.RejectedCreate | base.UnknownOutcome:
        body = {
            "type": request.offer.offer_id, "image": request.image, "disk_gb": request.disk_gb,
            "tags": {"owner": request.label}, "volume_name": f"{request.label}-disk", "key": request.key_id,
            "token": request.token,
            "ends": None if request.ends_at is None else request.ends_at / 1_000_000,
        }  # fmt: skip
        answer = self._send(Endpoint.CREATE, "POST", "/v1/machines", limit_s, body)
        if isinstance(answer, Failure):
            return unanswered_create(answer)
        made = answer.body.get("id") if isinstance(answer.body, dict) else None
        if isinstance(made, str) and _ID.fullmatch(made):
            return base.Created(made, answer.status == 201, answer.date)
        detail = f"{answer.status} {_word(answer)}"
        if answer.status == 429:
            return base.RejectedCreate(Refusal.THROTTLED, detail, answer.retry_after_s, answer.date)
        if answer.status == 422 and _word(answer) in _REFUSALS:
            return base.RejectedCreate(_REFUSALS[_word(answer)], detail, date=answer.date)
        return base.UnknownOutcome(detail)

    def destroy(self, instance_ids: tuple[str, ...], limit_s: float) -> tuple[base.Destroyed, ...]:
        first = self._delete(Endpoint.DESTROY, "machines", instance_ids[0], limit_s)
        later = base.Destroyed(DestroyOutcome.RETRY_LATER, "one call at a time", 1.0)
        return (first, *(later for _ in instance_ids[1:]))

    def _delete(self, endpoint: Endpoint, what: str, item_id: str, limit_s: float) -> base.Destroyed:
        if not _ID.fullmatch(item_id):
            return base.Destroyed(DestroyOutcome.UNKNOWN, "no id of Nimbus")
        answer = self._send(endpoint, "DELETE", f"/v1/{what}/{item_id}", limit_s)
        if isinstance(answer, Failure):
            return unanswered_destroy(answer)
        detail = f"{answer.status} {_word(answer)}"
        if answer.status == 204:
            return base.Destroyed(DestroyOutcome.ACKNOWLEDGED, detail, date=answer.date)
        if answer.status == 404 and _word(answer) == "not_found":
            return base.Destroyed(DestroyOutcome.NOT_FOUND, detail, date=answer.date)
        outcome = {429: DestroyOutcome.RETRY_LATER, 401: DestroyOutcome.KEY_REJECTED}.get(answer.status)
        return base.Destroyed(outcome or DestroyOutcome.UNKNOWN, detail, answer.retry_after_s)

    def set_label(self, instance_id: str, label: str, limit_s: float) -> bool:
        return self._patch(Endpoint.LABEL, instance_id, {"tags": {"owner": label}}, limit_s)

    def _patch(self, endpoint: Endpoint, instance_id: str, body: Any, limit_s: float) -> bool:
        answer = self._send(endpoint, "PATCH", f"/v1/machines/{instance_id}", limit_s, body)
        return isinstance(answer, Reply) and answer.status == 200

    def set_end(self, instance_id: str, ends_at: int, limit_s: float) -> bool:
        return self._patch(Endpoint.TIMER, instance_id, {"ends": ends_at / 1_000_000}, limit_s)

    def attach_key(self, instance_id: str, public_key: str, limit_s: float) -> bool:
        return False

    def fetch_log(self, instance_id: str, tail: int, limit_s: float) -> ReadFailed:
        return ReadFailed(ErrorKind.SHAPE, "Nimbus gives no log of a machine")

    def register_key(self, name: str, public_key: str, limit_s: float) -> str | ReadFailed:
        body = {"name": name, "public_key": public_key}
        answer = self._send(Endpoint.KEYS, "POST", "/v1/keys", limit_s, body)
        found = answer.body.get("id") if isinstance(answer, Reply) and isinstance(answer.body, dict) else None
        if isinstance(found, str) and _ID.fullmatch(found):
            return found
        detail = answer.detail if isinstance(answer, Failure) else f"{answer.status} {_word(answer)}"
        return ReadFailed(ErrorKind.NETWORK, detail)

    def fetch_leftovers(self, limit_s: float) -> base.LeftoverList | ReadFailed:
        items, is_complete = [], True
        for kind, what in _PATHS.items():
            found = self._pages(Endpoint.LEFTOVERS, what, limit_s)
            if isinstance(found, ReadFailed):
                return found
            read = [read_leftover(kind, row) for row in found[0]]
            items += [one for one in read if one]
            is_complete = is_complete and not found[2] and all(read)
        return base.LeftoverList(tuple(items), is_complete)

    def remove_leftover(self, item: Any, limit_s: float) -> base.Destroyed:
        return self._delete(Endpoint.LEFTOVERS, _PATHS[item.kind], item.item_id, limit_s)
