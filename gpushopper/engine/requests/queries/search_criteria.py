"""Search criteria: read the filters of a search or plan strictly: which GPUs, how many, disk, price, regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gpushopper import wire
from gpushopper.core.model.gpus import (
    GpuRequest,
    UnknownGpu,
    has_memory,
    memory_of,
    parse_gpu_request,
    resolve_gpu,
)
from gpushopper.core.model.offer import SORTS, Offer, Requirements
from gpushopper.errors import NotFound, UsageError
from gpushopper.providers.base import OfferQuery

Models = dict[str, set[int | None]]
"""A provider's names for the requested GPUs, each with the memory sizes in GB that were typed; None is any."""


def requirements(request: wire.SearchRequest) -> Requirements:
    """The requirements that an offer must meet.

    Raises:
        UsageError: an unknown sort, a negative number, or two different numbers of GPUs.
    """
    if request.sort not in SORTS:
        raise UsageError(f"cannot sort by {request.sort!r}", f"one of: {', '.join(SORTS)}")
    gpus = None if request.gpu is None else read_gpus(request.gpu)
    exact = _exact_count(request, gpus)
    if min(request.min_gpus or 0, request.min_vram_gb, request.disk_gb, request.max_rate or 0) < 0:
        raise UsageError("a filter must not be negative")
    return Requirements(
        gpu=None if gpus is None else ",".join(gpus.names),
        provider=request.provider,
        min_gpus=max(request.min_gpus or 1, 1),
        exact_gpus=exact,
        # Providers call 23.99 GB "24 GB": half a per cent is tolerated.
        min_vram_mb=round(request.min_vram_gb * 1000 * 0.995),
        max_rate=request.max_rate,
        min_reliability=request.min_reliability,
        min_cuda=request.min_cuda,
        regions=tuple(request.regions),
        disk_gb=request.disk_gb,
    )


def _exact_count(request: wire.SearchRequest, gpus: GpuRequest | None) -> int | None:
    """The number of GPUs that an instance must have; None where a least number, or none, was named."""
    written = gpus.count if gpus else None
    given = [count for count in (request.exact_gpus, written) if count is not None]
    if len(set(given)) > 1:
        text = f"{request.gpu} means {written} GPUs, but --gpus says {request.exact_gpus}"
        raise UsageError(text, "give one number")
    if given and request.min_gpus is not None:
        raise UsageError("--gpus and --min-gpus exclude each other", "give one of them")
    return given[0] if given else None


def to_rent(request: wire.PlanRequest) -> Requirements:
    """The requirements of a plan: a named GPU, and one of it where no number was given (for an offer, its own).

    Raises:
        UsageError: no GPU was named.
    """
    want = requirements(request.search)
    if request.offer is not None:
        return want
    if want.gpu is None:
        raise UsageError("name the GPU: --gpu", "see: gpu-shopper inventory", code="gpu_missing")
    has_count = want.exact_gpus is not None or request.search.min_gpus is not None
    return want if has_count else replace(want, exact_gpus=1)


def provider_search(want: Requirements, models: Models, limit: int | None) -> OfferQuery:
    """The search to send: what the provider can filter; the rest is filtered here, so more is fetched than shown."""
    filters_here = bool(want.regions or want.min_cuda) or any(None not in sizes for sizes in models.values())
    return OfferQuery(
        gpus=tuple(models),
        min_gpus=want.min_gpus,
        exact_gpus=want.exact_gpus,
        min_vram_mb=want.min_vram_mb,
        max_gpu_rate=want.max_rate,
        min_reliability=want.min_reliability,
        disk_gb=want.disk_gb,
        limit=None if limit is None or filters_here or limit > 64 else 64,
    )


def read_gpus(text: str) -> GpuRequest:
    """The GPUs that a request names.

    Raises:
        UsageError: a name is empty, or a number none.
    """
    try:
        return parse_gpu_request(text)
    except ValueError as error:
        raise UsageError(str(error), "for instance: --gpu 'RTX 4090', --gpu a100,h100, --gpu A100:2") from None


def _names_of(typed: str, providers: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """By provider, its names for one name that was typed.

    Raises:
        NotFound: none has one; with the closest names of all of them.
    """
    found: dict[str, tuple[str, ...]] = {}
    close: list[str] = []
    for provider, known in providers.items():
        try:
            found[provider] = resolve_gpu(typed, known)
        except UnknownGpu as unknown:
            close += unknown.similar
    if not found:
        hint = f"did you mean {', '.join(close[:5])}?" if close else "see: gpu-shopper inventory"
        raise NotFound(f"no market knows a GPU called {typed!r}", hint, code="gpu_not_found")
    return found


def has_requested_memory(offer: Offer, models: Models) -> bool:
    """Whether an offer has the memory that its name was typed with; no models mean any."""
    return not models or has_memory(offer.vram_mb, models.get(offer.gpu, ()))


def models_of(wanted: str, providers: Mapping[str, tuple[str, ...]]) -> dict[str, Models]:
    """By provider, its own names for what was typed; a provider without such a GPU is left out.

    Raises:
        NotFound: one of the names is known to none of them.
    """
    found: dict[str, Models] = {}
    for typed in read_gpus(wanted).names:
        for provider, names in _names_of(typed, providers).items():
            for name in names:
                found.setdefault(provider, {}).setdefault(name, set()).add(memory_of(typed))
    return found
