"""One inventory over all accounts, and plans in money (S17, S18, S19)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpushopper import wire
from gpushopper.core.lifecycle.reachability import NOT_APPLICABLE
from gpushopper.core.model.money import dollars
from gpushopper.core.model.offer import (
    Offer,
    Requirements,
    fits,
    is_rentable,
    max_cost_of,
    rank,
)
from gpushopper.core.policy import HARD_MAXIMUM_S
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.commands.provision import DEFAULT_LIFE_S, refuse_short
from gpushopper.engine.context import Context
from gpushopper.engine.image_checks import refuse_impossible, refuse_unreadable_login
from gpushopper.engine.queries import views
from gpushopper.engine.queries.blocking_reads import blocking_read
from gpushopper.engine.queries.search_criteria import Models, is_one, models_of, narrow, requirements, to_rent
from gpushopper.engine.refusals import keyless, no_guard, unanswered
from gpushopper.engine.transaction import Transaction
from gpushopper.errors import Misconfigured, NoOffer, NotFound, UsageError
from gpushopper.providers.base import Endpoint, Offers, Provider, ReadFailed, Search
from gpushopper.store.sessions import offers_attempted_since

if TYPE_CHECKING:
    from gpushopper.engine.account.reconciler import AccountReconciler

SEARCH_LIMIT_S = 30.0
OFFERS_FRESH_S = 60.0
NAMES_FRESH_S = 3600.0
SPARE_OFFERS = 4
"""Offers on the shortlist beyond the first and its retries: some are gone by the time they are asked for."""
READY_LIMIT_S = 20.0
"""A plan for a rental that is to follow waits this long for the account's first complete look (S18)."""
READY_PAUSE_S = 0.05
HEADROOM = 1.5
"""Without a cap of the user's, no offer on the shortlist costs more than this many times its cheapest."""


@dataclass(frozen=True, slots=True)
class _Kept:
    boot: int
    offers: Offers


class OfferSearch:
    """Searches on the caller's thread, keeping what was found for a minute. Thread-safe."""

    def __init__(self, ctx: Context, reconcilers: Mapping[str, AccountReconciler]) -> None:
        self.ctx = ctx
        self.reconcilers = reconcilers
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, Search], _Kept] = {}
        self._names: dict[str, tuple[int, tuple[str, ...]]] = {}

    # ---- inventory

    def inventory(self, request: wire.SearchRequest) -> wire.Inventory:
        """Offers that fit, best first.

        Raises:
            NotFound: no market knows such a GPU; close names in the hint.
            ProviderFailed: no market answered.
        """
        want = requirements(request)
        found, more, failed, invalid_prices = self._gather(want, request.limit if request.sort == "price" else None)
        fitting = rank(found, want.disk_gb, request.sort)
        shown = fitting[: request.limit] if request.limit > 0 else fitting
        rows = [views.offer(o, want.disk_gb) for o in shown]
        return wire.Inventory(rows, total=len(fitting), more=more, unavailable=failed, invalid_prices=invalid_prices)

    def _gather(self, want: Requirements, limit: int | None) -> tuple[list[Offer], bool, dict[str, str], int]:
        """Offers that fit, whether there are more, who did not answer, and how many had no price to believe."""
        reconcilers = self._lanes(want.provider)
        gpus, failed = self._resolve(want.gpu, reconcilers)
        found: list[Offer] = []
        more, invalid_prices = False, 0
        for name, reconciler in reconcilers.items():
            if name in failed or (want.gpu is not None and not gpus.get(name)):
                continue
            models = gpus.get(name, {})
            answer = self._search(reconciler, narrow(want, models, limit))
            if isinstance(answer, ReadFailed):
                failed[name] = answer
                continue
            more = more or not answer.complete
            invalid_prices += answer.invalid_prices
            found += [o for o in answer.offers if fits(o, want, tuple(models)) and is_one(o, models)]
        if failed and len(failed) == len(reconcilers):
            raise unanswered(failed)
        return found, more, {name: answer.detail for name, answer in failed.items()}, invalid_prices

    def _lanes(self, provider: str | None) -> dict[str, AccountReconciler]:
        if provider is not None and provider not in self.reconcilers:
            known = ", ".join(self.reconcilers)
            raise NotFound(f"no provider is called {provider!r}", f"known: {known}", code="provider_not_found")
        reconcilers = {
            n: reconciler
            for n, reconciler in self.reconcilers.items()
            if provider in (None, n) and reconciler.connection is not None
        }
        if not reconcilers:
            if not self.reconcilers:
                raise Misconfigured("every provider is disabled in the configuration", "set providers.NAME.enabled")
            raise keyless(self.reconcilers[provider or next(iter(self.reconcilers))].setup)
        return reconcilers

    def _resolve(
        self, wanted: str | None, reconcilers: Mapping[str, AccountReconciler]
    ) -> tuple[dict[str, Models], dict[str, ReadFailed]]:
        """Each market's own names for what was typed; a market without such a GPU is left out.

        Raises:
            NotFound: one of the names is known to no market that answers.
        """
        if wanted is None:
            return {}, {}
        answers = {name: self._gpu_names(reconciler) for name, reconciler in reconcilers.items()}
        failed = {name: known for name, known in answers.items() if isinstance(known, ReadFailed)}
        markets = {name: known for name, known in answers.items() if not isinstance(known, ReadFailed)}
        return models_of(wanted, markets) if markets else {}, failed

    def _gpu_names(self, reconciler: AccountReconciler) -> tuple[str, ...] | ReadFailed:
        now = self.ctx.clock.now().boot
        with self._lock:
            kept = self._names.get(reconciler.name)
        if kept is not None and now - kept[0] < us(NAMES_FRESH_S):
            return kept[1]
        connection = _connected(reconciler)
        names: tuple[str, ...] | ReadFailed = blocking_read(
            self.ctx, connection, Endpoint.SEARCH, lambda: connection.gpu_names(SEARCH_LIMIT_S), SEARCH_LIMIT_S
        )
        if not isinstance(names, ReadFailed):
            with self._lock:
                self._names[reconciler.name] = (now, names)
        return names

    def _search(self, reconciler: AccountReconciler, search: Search) -> Offers | ReadFailed:
        now = self.ctx.clock.now().boot
        with self._lock:
            kept = self._kept.get((reconciler.name, search))
        if kept is not None and now - kept.boot < us(OFFERS_FRESH_S):
            return kept.offers
        connection = _connected(reconciler)
        answer: Offers | ReadFailed = blocking_read(
            self.ctx, connection, Endpoint.SEARCH, lambda: connection.search(search, SEARCH_LIMIT_S), SEARCH_LIMIT_S
        )
        if isinstance(answer, Offers):
            with self._lock:
                self._kept = {k: v for k, v in self._kept.items() if now - v.boot < us(OFFERS_FRESH_S)}
                self._kept[reconciler.name, search] = _Kept(now, answer)
        return answer

    # ---- plan

    def plan(self, request: wire.PlanRequest) -> wire.Plan:
        """The shortlist, and the most it can cost: what `provision` then asks for word by word.

        Raises:
            NoOffer: nothing fits; the cheapest that was seen is named.
            Refused: a rental is to follow, and nothing could be rented there, whatever it costs.
            UsageError, Misconfigured: it would be refused for its image, or for the login that it is to carry.
        """
        refuse_impossible(request.image)
        if request.to_rent:
            self._refuse_unguarded(request)
        now = self.ctx.clock.now()
        span, until = _span(request, now)
        want = replace(to_rent(request), min_life_us=span)
        offers = self._chosen(request, want, now)
        cap = request.search.max_rate or round(offers[0].rate(want.disk_gb) * HEADROOM)
        shortlist = [o for o in offers if o.provider == offers[0].provider and o.rate(want.disk_gb) <= cap]
        shortlist = shortlist[: 1 + max(request.retries, 0) + SPARE_OFFERS]
        reconciler = self.reconcilers[offers[0].provider]
        image = request.image or (
            reconciler.connection.traits.default_image if reconciler.connection is not None else ""
        )
        max_cost = max(max_cost_of(o, want.disk_gb, span) for o in shortlist)
        if request.image_login:
            refuse_unreadable_login(self.ctx, reconciler, request.image)
        if request.to_rent:
            self._await_ready(reconciler)
        return wire.Plan(
            offers=[views.offer(o, want.disk_gb) for o in shortlist],
            max_cost=max_cost,
            deadline_at=until,
            duration_us=None if request.deadline_at is not None else span,
            image=image,
            disk_gb=want.disk_gb,
            max_rate=cap,
            guard_kind=self._guard_of(reconciler),
            retries=request.retries,
            refusal=self._too_long(request, span)
            or self._refusal(shortlist[0], shortlist[0].rate(want.disk_gb), max_cost),
        )

    def _guard_of(self, reconciler: AccountReconciler) -> str:
        """What will end the instance without us."""
        if not self.ctx.policy.needs_login:
            return NOT_APPLICABLE
        return reconciler.connection.traits.guard_kind if reconciler.connection is not None else ""

    def _chosen(self, request: wire.PlanRequest, want: Requirements, now: ClockSnapshot) -> list[Offer]:
        if request.offer is not None:
            return [self._by_offer_key(request.offer, want, now)]
        found, _, _, _ = self._gather(replace(want, max_rate=None), limit=64)
        tried = offers_attempted_since(self.ctx.store, now.wall - us(2 * OFFERS_FRESH_S))
        rentable = [o for o in found if is_rentable(o, want, now.wall) and not _is_used_up(o, tried)]
        ranked = rank(rentable, want.disk_gb)
        within = [o for o in ranked if want.max_rate is None or o.rate(want.disk_gb) <= want.max_rate]
        if within:
            return within
        if ranked:
            cheapest = ranked[0]
            text = (
                f"nothing within the cap; the cheapest is {dollars(cheapest.rate(want.disk_gb), 4)}/h ({cheapest.key})"
            )
            raise NoOffer(text, "raise --max-price", code="cap_too_low")
        raise NoOffer("no offer fits", "loosen the filters, or see: gpu-shopper inventory")

    def _refuse_unguarded(self, request: wire.PlanRequest) -> None:
        """Say so before the market is asked, where no account in question may be rented on (S16)."""
        name = request.search.provider if request.offer is None else request.offer.partition(":")[0]
        reconcilers = self._lanes(name if name in self.reconcilers else request.search.provider)
        if not any(reconciler.can_rent for reconciler in reconcilers.values()):
            raise no_guard(next(iter(reconcilers.values())).setup)

    def _await_ready(self, reconciler: AccountReconciler) -> None:
        """Give a daemon that has just started the time to look at the account once: renting waits for that (S18)."""
        clock = self.ctx.clock
        ends_at = clock.monotonic() + READY_LIMIT_S
        while not reconciler.is_ready and clock.monotonic() < ends_at:
            self.ctx.pause(READY_PAUSE_S)

    def _by_offer_key(self, key: str, want: Requirements, now: ClockSnapshot) -> Offer:
        """An offer named by its key: from what was listed lately, else from the market itself."""
        found = self._kept_offer(key, now)
        if found is None:
            name, _, offer_id = key.partition(":")
            reconciler = self.reconcilers.get(name)
            if not offer_id or reconciler is None or reconciler.connection is None:
                raise NotFound(
                    f"no offer is called {key!r}", "copy the id from: gpu-shopper inventory", code="offer_not_found"
                )
            answer = self._search(reconciler, Search(offer_ids=(offer_id,), disk_gb=want.disk_gb))
            if isinstance(answer, ReadFailed):
                raise unanswered({name: answer})
            found = next((o for o in answer.offers if o.key == key), None)
        if found is None:
            raise NoOffer(f"offer {key} is not on the market", "see: gpu-shopper inventory", code="offer_gone")
        if not is_rentable(found, want, now.wall):
            raise NoOffer(f"offer {key} cannot be rented for that long, or not on demand")
        self._refuse_other(found, want)
        return found

    def _refuse_other(self, found: Offer, want: Requirements) -> None:
        """Refuse an offer that is not of the GPU, number or price that was asked for beside its id."""
        models = self._resolve(want.gpu, {found.provider: self.reconcilers[found.provider]})[0].get(found.provider, {})
        asked = Requirements(
            min_gpus=want.min_gpus, exact_gpus=want.exact_gpus, max_rate=want.max_rate, disk_gb=want.disk_gb
        )
        if not fits(found, asked, tuple(models)) or not is_one(found, models):
            what = f"{found.gpu_count}x {found.gpu} at {dollars(found.rate(want.disk_gb), 3)} an hour"
            text = f"offer {found.key} is {what}, with {found.disk_gb:g} GB of disk at most: not what was asked for"
            raise NoOffer(text, "leave the other options out, or the offer", code="offer_differs")

    def _kept_offer(self, key: str, now: ClockSnapshot) -> Offer | None:
        """An offer among what was found within the last minute."""
        with self._lock:
            fresh = [kept.offers for kept in self._kept.values() if now.boot - kept.boot < us(OFFERS_FRESH_S)]
        return next((offer for offers in fresh for offer in offers.offers if offer.key == key), None)

    @staticmethod
    def _too_long(request: wire.PlanRequest, span: int) -> str:
        """What a rental of that length would be told (I9)."""
        if span <= us(HARD_MAXIMUM_S) or request.max_duration_us is not None:
            return ""
        return "no session lives longer than 12 h without --hard-max"

    def _refusal(self, cheapest: Offer, rate: int, max_cost: int) -> str:
        """The brake or balance this would meet, so that a plan says so before anybody agrees to it."""
        books = Transaction(self.ctx, self.ctx.clock.now())
        denial = books.denied(cheapest.provider, rate, max_cost, new_session=True)
        return "" if denial is None else f"{denial.text} ({denial.rule})"


def _is_used_up(offer: Offer, tried: Mapping[str, int]) -> bool:
    """Whether we asked for this offer after it was seen: what was kept of the search is out of date there (F8)."""
    return offer.key in tried and tried[offer.key] >= offer.seen_at


def _connected(reconciler: AccountReconciler) -> Provider:
    if reconciler.connection is None:
        raise keyless(reconciler.setup)
    return reconciler.connection


def _span(request: wire.PlanRequest, now: ClockSnapshot) -> tuple[int, int]:
    if request.deadline_at is not None:
        if request.deadline_at <= now.wall:
            raise UsageError("the end is in the past")
        refuse_short(request.deadline_at - now.wall)
        return request.deadline_at - now.wall, request.deadline_at
    span = request.duration_us if request.duration_us is not None else us(DEFAULT_LIFE_S)
    refuse_short(span)
    return span, now.wall + span
