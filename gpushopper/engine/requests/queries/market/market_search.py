"""Search offers on every account at once, from the cache or from the clouds, under one deadline (S17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from gpushopper import wire
from gpushopper.core.cloud import Billing
from gpushopper.core.model.offer import (
    Offer,
    Requirements,
    fits_as_far_as_stated,
    has_valid_price,
    unstated,
)
from gpushopper.core.spelling.gpus import canonical
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.context import Context
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.engine.requests.queries.market.account_search import AccountAnswer, Search, search_accounts
from gpushopper.engine.requests.queries.market.search_criteria import has_requested_memory, refuse_unknown_gpus
from gpushopper.engine.requests.refusals import keyless, unanswered, why_unread
from gpushopper.engine.requests.watched_accounts import first_problem
from gpushopper.errors import Misconfigured, NotFound
from gpushopper.providers.base import ErrorKind, ReadFailed
from gpushopper.secrets.refused_key import remedy


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The offers that fit, unordered, and what is missing from them."""

    offers: list[Offer] = field(default_factory=list)
    cut: tuple[str, ...] = ()
    """Accounts that have more offers than were read."""
    failed: dict[str, ReadFailed] = field(default_factory=dict)
    """Why an account gave no usable answer now; old offers of it may be among the others."""
    ages: dict[str, int] = field(default_factory=dict)
    """By account, how old its offers are, µs."""
    invalid_prices: int = 0
    """Offers left out because their price is absurd."""
    unstated: dict[str, int] = field(default_factory=dict)
    """Offers left out because their cloud does not say what is required, by that."""


def search_market(handle: EngineHandle, search: Search, leave_out: Collection[str] = ()) -> SearchResult:
    """Offers that fit, of all accounts with a key except those left out.

    Raises:
        NotFound: no provider knows such a GPU, or there is no such provider.
        Misconfigured: there is no account with a key.
        KeyRejected, ProviderFailed: no provider answered.
    """
    accounts = connected_accounts(handle, search.want.provider, leave_out)
    # It may have been a cloud's name, and offers have their account's.
    search = replace(search, want=replace(search.want, provider=None))
    answers = search_accounts(handle, accounts, search)
    failed = {name: each.failed for name, each in answers.items() if each.failed is not None}
    if failed and all(each.failed is not None and not each.offers.offers for each in answers.values()):
        raise unanswered(handle.ctx, failed)
    if search.want.gpu is not None:
        known = [each.names for each in answers.values() if each.names is not None]
        refuse_unknown_gpus(search.want.gpu, known, failed)
    return _collect(answers, search.want, failed)


def _collect(answers: Mapping[str, AccountAnswer], want: Requirements, failed: dict[str, ReadFailed]) -> SearchResult:
    offers: list[Offer] = []
    invalid_prices, unknown = 0, Counter[str]()
    for answer in answers.values():
        models = answer.models or {}
        names = tuple(models)
        invalid_prices += answer.offers.invalid_prices
        for offer in answer.offers.offers:
            if not fits_as_far_as_stated(offer, want, names) or not has_requested_memory(offer, models):
                continue
            silent = unstated(offer, want)
            if silent:
                unknown.update(silent)
            elif has_valid_price(offer, want.disk_gb):
                offers.append(offer)
            else:
                invalid_prices += 1
    cut = tuple(name for name, each in answers.items() if not each.offers.complete)
    ages = {name: each.age_us for name, each in answers.items() if each.failed is None or each.offers.offers}
    return SearchResult(offers, cut, failed, ages, invalid_prices, dict(unknown))


def missing_accounts(ctx: Context, result: SearchResult, now_wall: int) -> list[wire.MissingAccount]:
    """The accounts that gave no answer now, and until when their clouds refuse to be asked."""
    return [
        wire.MissingAccount(
            name,
            state="throttled" if why.error_kind is ErrorKind.THROTTLED else "failed",
            reason=why_unread(name, why, ctx.key_source(name)),
            hint=remedy(name, ctx.key_source(name)) if why.error_kind is ErrorKind.AUTH else "",
            until_at=None if why.retry_after_s is None else now_wall + us(why.retry_after_s),
            age_us=result.ages.get(name),
        )
        for name, why in result.failed.items()
    ]


def connected_accounts(
    handle: EngineHandle, provider: str | None, leave_out: Collection[str] = ()
) -> dict[str, AccountReconciler]:
    """The accounts to search: with a key and not left out, one of each cloud or of this cloud, or the one so named.

    Raises:
        NotFound: there is no such provider.
        Misconfigured: no account in question has a key.
    """
    found = keyed_accounts(handle, provider)
    kept = {name: each for name, each in found.items() if name not in leave_out}
    return {provider: kept[provider]} if provider in kept else _one_of_each_cloud(kept)


def keyed_accounts(handle: EngineHandle, provider: str | None) -> dict[str, AccountReconciler]:
    """All accounts with a key, or those of this cloud, or the one of this name.

    Raises:
        NotFound: there is no such provider.
        Misconfigured: no account in question has a key.
    """
    known = handle.reconcilers
    clouds = {each.setup.cloud_name for each in known.values()}
    if provider is not None and provider not in {*known, *clouds}:
        text = f"no cloud or account is called {provider!r}"
        raise NotFound(text, f"known: {', '.join(known)}", code="provider_not_found")
    if not known:
        raise Misconfigured("every provider is disabled in the configuration", "set providers.NAME.enabled")
    asked = {name: each for name, each in known.items() if provider in (None, name, each.setup.cloud_name)}
    found = {name: each for name, each in asked.items() if each.client is not None}
    if not found:
        raise keyless(first_problem({name: each.setup for name, each in asked.items()}))
    return {provider: found[provider]} if provider in found else found


def _one_of_each_cloud(found: Mapping[str, AccountReconciler]) -> dict[str, AccountReconciler]:
    """Accounts of one cloud see the same offers: the first that is ready is searched, the others when named."""
    chosen: dict[str, AccountReconciler] = {}
    for reconciler in sorted(found.values(), key=lambda each: not each.is_ready):
        chosen.setdefault(reconciler.setup.cloud_name, reconciler)
    return {name: each for name, each in found.items() if each in chosen.values()}


def offer_view(found: Offer, disk_gb: float, now_wall: int, age_us: int) -> wire.OfferView:
    """An offer as the API shows it, with its rates for this much disk; `age_us` is how old the cloud's answer is.

    It was seen by our clock: the cloud's date may be missing, and decides nothing here.
    """
    card = canonical(found.gpu, found.vram_mb)
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
        kind=found.kind.value,
        seen_at=now_wall - age_us,
        ends_at=found.ends_at,
        driver=found.driver,
        is_single=found.is_single,
        stock=found.stock,
        billing=_billing_view(found.billing),
        reference=found.reference,
        age_us=age_us,
        gpu_model=card.model,
        gpu_form=card.form,
        gpu_vram_gb=card.vram_gb,
    )


def _billing_view(terms: Billing) -> wire.BillingView:
    return wire.BillingView(
        begins=terms.begins.value,
        granularity_s=terms.granularity_s,
        minimum_s=terms.minimum_s,
        stopped=terms.stopped.value,
        storage_minimum_gb=terms.storage_minimum_gb,
        storage_step_gb=terms.storage_step_gb,
        storage_included_gb=terms.storage_included_gb,
        month_hours=terms.month_hours,
    )
