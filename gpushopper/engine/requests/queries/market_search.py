"""Search offers on every account at once, from the cache or from the providers; on the caller's thread (S17)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from gpushopper.core.model.offer import Offer, Requirements, fits_as_far_as_stated, unstated
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.search_criteria import Models, has_requested_memory, provider_search
from gpushopper.engine.requests.refusals import unanswered
from gpushopper.errors import NotFound
from gpushopper.providers.base import ReadFailed

SEARCH_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The offers that fit, unordered, and what is missing from them."""

    offers: list[Offer]
    has_more: bool
    failed: dict[str, str]
    """Why a provider gave no usable answer."""
    invalid_prices: int
    """Offers left out because their price is absurd."""
    unstated: dict[str, int]
    """Offers left out because their cloud does not say what is required, by that."""


def search_market(handle: EngineHandle, want: Requirements, limit: int | None) -> SearchResult:
    """Offers of all accounts that fit.

    Raises:
        NotFound: no provider knows such a GPU, or there is no such provider.
        Misconfigured: there is no account with a key.
        KeyRejected, ProviderFailed: no provider answered.
    """
    searched = connected_accounts(handle, want.provider)
    want = replace(want, provider=None)  # which may have been a cloud's name, and offers have their account's
    gpus, failed = resolve_gpus(handle, want.gpu, searched)
    offers: list[Offer] = []
    has_more, invalid_prices, unknown = False, 0, Counter[str]()
    for name, reconciler in searched.items():
        models = gpus.get(name, {})
        if name in failed or (want.gpu is not None and not models):
            continue
        answer = search_account(handle, reconciler, provider_search(want, models, limit))
        if isinstance(answer, ReadFailed):
            failed[name] = answer
            continue
        has_more = has_more or not answer.complete
        invalid_prices += answer.invalid_prices
        fitting = [o for o in answer.offers if _may_fit(o, want, models)]
        unknown.update(name for offer in fitting for name in unstated(offer, want))
        offers += [offer for offer in fitting if not unstated(offer, want)]
    if failed and len(failed) == len(searched):
        raise unanswered(failed)
    why = {name: each.detail for name, each in failed.items()}
    return SearchResult(offers, has_more, why, invalid_prices, dict(unknown))


def _may_fit(offer: Offer, want: Requirements, models: Models) -> bool:
    return fits_as_far_as_stated(offer, want, tuple(models)) and has_requested_memory(offer, models)


def connected_accounts(handle: EngineHandle, provider: str | None) -> dict[str, AccountReconciler]:
    """The accounts with a key: one of each cloud, or of this cloud, or the account of this name.

    Raises:
        NotFound: there is no such provider.
        Misconfigured: no account in question has a key.
    """
    known = handle.reconcilers
    clouds = {each.setup.cloud_name for each in known.values()}
    if provider is not None and provider not in {*known, *clouds}:
        raise NotFound(f"no provider is called {provider!r}", f"known: {', '.join(known)}", code="provider_not_found")
