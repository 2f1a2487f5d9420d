"""Search offers on every account at once, from the cache or from the providers; on the caller's thread (S17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpushopper import wire
from gpushopper.core.model.offer import Offer, Requirements, fits
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.blocking_reads import blocking_read
from gpushopper.engine.requests.queries.search_criteria import Models, has_requested_memory, models_of, provider_search
from gpushopper.engine.requests.refusals import keyless, unanswered
from gpushopper.engine.requests.watched_accounts import first_problem
from gpushopper.errors import Misconfigured, NotFound
from gpushopper.providers.base import Endpoint, OfferList, OfferQuery, Provider, ReadFailed

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


def search_market(handle: EngineHandle, want: Requirements, limit: int | None) -> SearchResult:
    """Offers of all accounts that fit.

    Raises:
        NotFound: no provider knows such a GPU, or there is no such provider.
        Misconfigured: there is no account with a key.
        KeyRejected, ProviderFailed: no provider answered.
    """
    searched = connected_accounts(handle, want.provider)
    gpus, failed = resolve_gpus(handle, want.gpu, searched)
    offers: list[Offer] = []
    has_more, invalid_prices = False, 0
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
        offers += [o for o in answer.offers if fits(o, want, tuple(models)) and has_requested_memory(o, models)]
    if failed and len(failed) == len(searched):
        raise unanswered(failed)
    return SearchResult(offers, has_more, {name: why.detail for name, why in failed.items()}, invalid_prices)


def connected_accounts(handle: EngineHandle, provider: str | None) -> dict[str, AccountReconciler]:
    """The accounts with a key: all, or this provider's.

    Raises:
        NotFound: there is no such provider.
        Misconfigured: no account in question has a key.
    """
    known = handle.reconcilers
    if provider is not None and provider not in known:
        raise NotFound(f"no provider is called {provider!r}", f"known: {', '.join(known)}", code="provider_not_found")
    if not known:
        raise Misconfigured("every provider is disabled in the configuration", "set providers.NAME.enabled")
    found = {
        name: reconciler
        for name, reconciler in known.items()
        if provider in (None, name) and reconciler.client is not None
    }
    if not found:
        lacking = {name: reconciler.setup for name, reconciler in known.items() if provider in (None, name)}
        raise keyless(first_problem(lacking))
    return found


def resolve_gpus(
    handle: EngineHandle, wanted: str | None, searched: Mapping[str, AccountReconciler]
) -> tuple[dict[str, Models], dict[str, ReadFailed]]:
    """Each provider's own names for the GPUs that were typed, and which providers did not answer.

    Raises:
        NotFound: one of the names is known to no provider that answers.
    """
    if wanted is None:
        return {}, {}
    answers = {name: _gpu_names(handle, reconciler) for name, reconciler in searched.items()}
    failed = {name: names for name, names in answers.items() if isinstance(names, ReadFailed)}
    known = {name: names for name, names in answers.items() if not isinstance(names, ReadFailed)}
    return models_of(wanted, known) if known else {}, failed


def _gpu_names(handle: EngineHandle, reconciler: AccountReconciler) -> tuple[str, ...] | ReadFailed:
    now_boot = handle.ctx.clock.now().boot
    cached = handle.offers.load_gpu_names(reconciler.name, now_boot)
    if cached is not None:
        return cached
    client = _client(reconciler)
    names: tuple[str, ...] | ReadFailed = blocking_read(
        handle.ctx, client, Endpoint.SEARCH, lambda: client.gpu_names(SEARCH_LIMIT_S), SEARCH_LIMIT_S
    )
    if not isinstance(names, ReadFailed):
        handle.offers.store_gpu_names(reconciler.name, names, now_boot)
    return names


def search_account(handle: EngineHandle, reconciler: AccountReconciler, search: OfferQuery) -> OfferList | ReadFailed:
    """One search at one provider; the same search is answered from the cache for a minute."""
    now_boot = handle.ctx.clock.now().boot
    cached = handle.offers.load_offers(reconciler.name, search, now_boot)
    if cached is not None:
        return cached
    client = _client(reconciler)
    answer: OfferList | ReadFailed = blocking_read(
        handle.ctx, client, Endpoint.SEARCH, lambda: client.search(search, SEARCH_LIMIT_S), SEARCH_LIMIT_S
    )
    if isinstance(answer, OfferList):
        handle.offers.store_offers(reconciler.name, search, answer, now_boot)
    return answer


def _client(reconciler: AccountReconciler) -> Provider:
    if reconciler.client is None:
        raise keyless(reconciler.setup)
    return reconciler.client


def offer_view(found: Offer, disk_gb: float) -> wire.OfferView:
    """An offer as the API shows it, with its rates for this much disk."""
    return wire.OfferView(
        key=found.key,
        provider=found.provider,
        offer_id=found.offer_id,
        host_id=found.host_id,
        gpu=found.gpu,
        gpu_count=found.gpu_count,
        vram_mb=found.vram_mb,
        rate=found.rate(disk_gb),
        gpu_rate=found.gpu_rate,
        storage_rate=found.storage_rate(disk_gb),
        storage_gb_month=found.storage_gb_month,
        upload_gb=found.upload_gb,
        download_gb=found.download_gb,
        region=found.region,
        reliability=found.reliability,
        cuda=found.cuda,
        disk_gb=found.disk_gb,
        cpu_cores=found.cpu_cores,
        ram_mb=found.ram_mb,
        verified=found.verified,
        interruptible=found.interruptible,
        seen_at=found.seen_at,
        ends_at=found.ends_at,
        driver=found.driver,
    )
