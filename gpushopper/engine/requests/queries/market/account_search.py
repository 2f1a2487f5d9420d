"""Search accounts at the same time, each on a thread of its own, under one deadline (I17, S17).

An account that has not answered by then is left out and named; its search goes on, and the next request joins it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from gpushopper.core.model.offer import Requirements, with_minimum
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.requests.blocking_reads import blocking_read
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.offer_cache import OFFERS_FRESH_S, OFFERS_KEPT_S, CachedOffers
from gpushopper.engine.requests.queries.market.search_criteria import Models, known_models, provider_search
from gpushopper.engine.requests.side_by_side import SPARE_S, ask_all
from gpushopper.providers.base import Endpoint, ErrorKind, OfferList, OfferQuery, Provider, ReadFailed

INVENTORY_LIMIT_S = 8.0
PLAN_LIMIT_S = 15.0
NOTHING = OfferList((), True, None)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What one account answered. `names` are its GPU names, `models` those of them that were asked for.

    `failed` is set where it gave no answer. Offers may stand beside it: the last ones from before, `age_us` old.
    """

    names: tuple[str, ...] | None = None
    models: Models | None = None
    offers: OfferList = NOTHING
    age_us: int = 0
    failed: ReadFailed | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """One search of every account in question. `limit`: how many offers of each to read, None for all.

    `shows_old`: an account that limits our searches is shown with its last answer, up to five minutes old. Never for a
    plan: an offer older than a minute is not rented.
    """

    want: Requirements
    limit: int | None
    limit_s: float
    shows_old: bool = False

    def query(self, names: tuple[str, ...]) -> tuple[Models, OfferQuery | None]:
        """What to ask of an account that knows these names; nothing where it has no such GPU."""
        models = {} if self.want.gpu is None else known_models(self.want.gpu, names)
        is_unknown = self.want.gpu is not None and not models
        return models, None if is_unknown else provider_search(self.want, models, self.limit)

    @property
    def key(self) -> Hashable:
        """The same for all requests that one call can answer."""
        return "search", self.want.gpu, provider_search(self.want, {}, self.limit)


def search_accounts(
    handle: EngineHandle, accounts: Mapping[str, AccountReconciler], search: Search
) -> dict[str, AccountAnswer]:
    """Every account's answer, by name: fresh from the cache, or asked now."""
    answers = {name: _from_cache(handle, name, search, OFFERS_FRESH_S) for name in accounts}
    clients = {
        name: client for name, each in accounts.items() if answers[name] is None and (client := each.client) is not None
    }
    asked = _ask(handle, clients, search) if clients else {}
    return {
        name: answers[name] or asked.get(name) or AccountAnswer(failed=ReadFailed(ErrorKind.AUTH, "no key"))
        for name in accounts
    }


def _ask(handle: EngineHandle, clients: Mapping[str, Provider], search: Search) -> dict[str, AccountAnswer]:
    calls = {
        name: partial(_search_account, handle, name, client, search, search.limit_s - SPARE_S)
        for name, client in clients.items()
    }
    answers: dict[str, AccountAnswer] = {}
    for name, answer in ask_accounts(handle, calls, search.key, search.limit_s).items():
        found = AccountAnswer(failed=answer) if isinstance(answer, ReadFailed) else answer
        if search.shows_old and found.failed is not None and found.failed.error_kind is ErrorKind.THROTTLED:
            old = _from_cache(handle, name, search, OFFERS_KEPT_S)
            found = found if old is None else replace(old, failed=found.failed)
        answers[name] = found
    return answers


def ask_accounts(
    handle: EngineHandle, calls: Mapping[str, Callable[[], T | ReadFailed]], key: Hashable, limit_s: float
) -> dict[str, T | ReadFailed]:
    """Make these calls, by account, at the same time, or join those with this key that are under way."""
    asked = {(name, key): call for name, call in calls.items()}
    answers = ask_all(handle.calls, handle.ctx.clock, asked, limit_s, _has_failed)
    return {name: answer for (name, _), answer in answers.items()}


def _has_failed(answer: object) -> bool:
    return isinstance(answer, ReadFailed) or (isinstance(answer, AccountAnswer) and answer.failed is not None)


def _from_cache(handle: EngineHandle, name: str, search: Search, max_age_s: float) -> AccountAnswer | None:
    """The answer to the same search of before, if it is not too old."""
    now_boot = handle.ctx.clock.now().boot
    names = handle.offers.load_gpu_names(name, now_boot)
    if names is None and search.want.gpu is not None:
        return None
    models, query = search.query(names or ())
    if query is None:
        return AccountAnswer(names, models)
    found = handle.offers.load_offers(name, query, now_boot, max_age_s)
    return None if found is None else AccountAnswer(names, models, found.offers, found.age_us(now_boot))


def _search_account(handle: EngineHandle, name: str, client: Provider, search: Search, limit_s: float) -> AccountAnswer:
    """On the account's own thread: its GPU names where they are needed, then its offers."""
    ends_at = handle.ctx.clock.monotonic() + limit_s
    names = () if search.want.gpu is None else read_gpu_names(handle, name, client, limit_s)
    if isinstance(names, ReadFailed):
        return AccountAnswer(failed=names)
    models, query = search.query(names)
    if query is None:
        return AccountAnswer(names, models)
    left_s = ends_at - handle.ctx.clock.monotonic()
    found = read_offers(handle, name, client, query, left_s)
    if isinstance(found, ReadFailed):
        return AccountAnswer(names, models, failed=found)
    return AccountAnswer(names, models, found.offers, found.age_us(handle.ctx.clock.now().boot))


def read_gpu_names(handle: EngineHandle, name: str, client: Provider, limit_s: float) -> tuple[str, ...] | ReadFailed:
    """An account's names of GPUs, from the cache or else from its cloud; on a thread that may wait."""
    cached = handle.offers.load_gpu_names(name, handle.ctx.clock.now().boot)
    if cached is not None:
        return cached
    found = _read(handle.ctx, client, partial(client.gpu_names, limit_s), limit_s)
    if not isinstance(found, ReadFailed):
        handle.offers.store_gpu_names(name, found, handle.ctx.clock.now().boot)
    return found


def read_offers(
    handle: EngineHandle, name: str, client: Provider, query: OfferQuery, limit_s: float
) -> CachedOffers | ReadFailed:
    """One search at one account, answered from the cache for a minute; on a thread that may wait."""
    began = handle.ctx.clock.now().boot
    cached = handle.offers.load_offers(name, query, began)
    if cached is not None:
        return cached
    ends_at = handle.ctx.clock.monotonic() + limit_s
    answer = _read(handle.ctx, client, lambda: client.search(query, ends_at - handle.ctx.clock.monotonic()), limit_s)
    if isinstance(answer, ReadFailed):
        return answer
    # An adapter knows its cloud: what is rented by this offer is rented on this account.
    own = [offer for offer in answer.offers if offer.provider == client.traits.name]
    offers = own if client.traits.name == name else [replace(offer, provider=name) for offer in own]
    if rental_s := client.traits.ending.minimum_rental_s:
        offers = [with_minimum(offer, rental_s) for offer in offers]
    # As old as its first page.
    return handle.offers.store_offers(name, query, replace(answer, offers=tuple(offers)), began)


def _read(ctx: Context, client: Provider, call: Callable[[], T | ReadFailed], limit_s: float) -> T | ReadFailed:
    return blocking_read(ctx, client, Endpoint.SEARCH, call, limit_s)
