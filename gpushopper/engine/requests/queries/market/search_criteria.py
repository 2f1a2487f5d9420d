"""Search criteria: read the filters of a search or plan strictly: which GPUs, how many, disk, price, regions."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from gpushopper import wire
from gpushopper.core.model.offer import SORTS, Offer, Requirements
from gpushopper.core.spelling.gpus import (
    GpuRequest,
    UnknownGpu,
    has_memory,
    memory_of,
    parse_gpu_request,
    resolve_gpu,
    similar_names,
)
from gpushopper.core.spelling.regions import countries_in
from gpushopper.errors import NotFound, UsageError
from gpushopper.providers.base import OfferQuery

_HOST = re.compile(r"(?:[\w-]{1,40}:)?\w[\w.-]{0,79}", re.ASCII)

Models = dict[str, set[int | None]]
"""A provider's names for the requested GPUs, each with the memory sizes in GB that were typed; None is any."""


def requirements(request: wire.SearchRequest) -> Requirements:
    """The requirements that an offer must meet.

    Raises:
        UsageError: an unknown sort, a negative number, two different numbers of GPUs, or no host's id.
    """
    if request.sort not in SORTS:
        raise UsageError(f"cannot sort by {request.sort!r}", f"one of: {', '.join(SORTS)}")
    gpus = None if request.gpu is None else read_gpus(request.gpu)
    exact = _exact_count(request, gpus)
    sizes = (request.min_vram_gb, request.disk_gb, request.cpus, request.ram_gb, request.offset)
    if min(request.min_gpus or 0, request.max_rate or 0, *sizes) < 0:
        raise UsageError("a filter must not be negative")
    return Requirements(
        gpu=None if gpus is None else ",".join(gpus.names),
        provider=request.provider,
        min_gpus=max(request.min_gpus or 1, 1),
        exact_gpus=exact,
        min_vram_mb=_least_mb(request.min_vram_gb),
        max_rate=request.max_rate,
        min_reliability=request.min_reliability,
        min_cuda=request.min_cuda,
        regions=tuple(request.regions),
        disk_gb=request.disk_gb,
        min_cpus=request.cpus,
        min_ram_mb=_least_mb(request.ram_gb),
        verified=request.verified,
        excluded_hosts=_hosts(request),
    )


def _hosts(request: wire.SearchRequest) -> frozenset[str]:
    """The hosts to leave out, each an id or `account:id`.

    Raises:
        UsageError: a text that can be neither would leave out nothing, unnoticed.
    """
    for text in request.exclude_hosts:
        if _HOST.fullmatch(text) is None:
            hint = "copy it from the column HOST of: gpu-shopper inventory -o wide; repeat the option for another"
            raise UsageError(f"{text!r} is no host's id", hint, code="bad_host")
    return frozenset(request.exclude_hosts)


def _least_mb(size_gb: float) -> int:
    """Providers call 23.99 GB "24 GB": half a per cent is tolerated."""
    return round(size_gb * 1000 * 0.995)


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
    """The search to send: what clouds can filter; the rest is filtered here, so more is fetched than shown.

    A cloud's memory filter is for the whole host, of which an offer has a share.
    """
    countries = countries_in(want.regions)
    own = (want.regions and countries is None) or want.min_ram_mb or want.excluded_hosts
    filters_here = bool(own) or any(None not in sizes for sizes in models.values())
    return OfferQuery(
        gpus=tuple(models),
        min_gpus=want.min_gpus,
        exact_gpus=want.exact_gpus,
        min_vram_mb=want.min_vram_mb,
        max_gpu_rate=want.max_rate,
        min_reliability=want.min_reliability,
        min_cuda=want.min_cuda,
        countries=countries,
        disk_gb=want.disk_gb,
        min_cpus=want.min_cpus,
        min_ram_mb=want.min_ram_mb,
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


def refuse_unknown_gpus(wanted: str, known: Collection[tuple[str, ...]], silent: Collection[str] = ()) -> None:
    """Refuse names that no cloud knows. `known` are the names of each cloud that answered, `silent` the others.

    Raises:
        NotFound: with the closest names of all of them.
    """
    for typed in read_gpus(wanted).names:
        if any(known_models(typed, names) for names in known):
            continue
        close = list(dict.fromkeys(name for names in known for name in similar_names(typed, names)))
        hint = f"did you mean {', '.join(close[:5])}?" if close else "see: gpu-shopper inventory"
        missing = f"; {', '.join(silent)} did not answer" if silent else ""
        raise NotFound(f"no market knows a GPU called {typed!r}{missing}", hint, code="gpu_not_found")


def has_requested_memory(offer: Offer, models: Models) -> bool:
    """Whether an offer has the memory that its name was typed with; no models mean any."""
    return not models or has_memory(offer.vram_mb, models.get(offer.gpu, ()))


def known_models(wanted: str, names: tuple[str, ...]) -> Models:
    """A provider's own names for what was typed; empty where it has no such GPU."""
    found: Models = {}
    for typed in read_gpus(wanted).names:
        try:
            resolved = resolve_gpu(typed, names)
        except UnknownGpu:
            continue
        for name in resolved:
            found.setdefault(name, set()).add(memory_of(typed))
    return found
