"""Read GET /locations: each GPU of each place, with its unit prices and the most of everything (tensordock.md 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from gpushopper.core.model.money import parse_dollars
from gpushopper.core.spelling.gpus import MAX_GPUS
from gpushopper.providers.kit import Flag, Line, Number, Row, UnknownFields
from gpushopper.providers.tensordock.parsing.gpu_keys import name_of, vram_mb_of
from gpushopper.providers.tensordock.parsing.ids import read_gpu_key, read_id

_UNIT_PRICES = ("per_vcpu_hr", "per_gb_ram_hr", "per_gb_storage_hr")
_LOCATION_FIELDS = frozenset({"id", "city", "stateprovince", "country", "tier", "gpus"})
_GPU_FIELDS = frozenset(
    {"v0Name", "displayName", "max_count", "price_per_hr", "resources", "pricing", "network_features"}
)
_COUNTRY_CODES = {
    "united states": "US", "united states of america": "US", "usa": "US", "canada": "CA", "united kingdom": "GB",
    "germany": "DE", "france": "FR", "netherlands": "NL", "the netherlands": "NL", "poland": "PL", "sweden": "SE",
    "norway": "NO", "finland": "FI", "spain": "ES", "italy": "IT", "portugal": "PT", "belgium": "BE", "austria": "AT",
    "switzerland": "CH", "ireland": "IE", "czech republic": "CZ", "czechia": "CZ", "romania": "RO", "bulgaria": "BG",
    "india": "IN", "japan": "JP", "singapore": "SG", "south korea": "KR", "australia": "AU", "brazil": "BR",
}  # fmt: skip
"""By which the region of an offer ends as at other clouds: `Chubbuck, Idaho, US`. Any other name stays as it is."""


_INVALID = Decimal(-1)


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """Dollars per hour for one GPU, one vCPU, one GB of memory and one of disk; exact."""

    gpu: Decimal
    vcpu: Decimal
    ram_gb: Decimal
    storage_gb: Decimal


@dataclass(frozen=True, slots=True)
class LocationGpu:
    """One GPU type at one place; sizes are the largest of one VM."""

    location_id: str
    region: str | None
    gpu_key: str
    gpu: str
    vram_mb: int
    max_count: int
    prices: UnitPrices
    max_vcpus: float
    max_ram_gb: float
    max_storage_gb: float
    has_dedicated_ip: bool


_R = TypeVar("_R", bound=Row)


class _Location(Row):
    city: Line = None
    stateprovince: Line = None
    country: Line = None


class _Gpu(Row):
    displayName: Line = None  # noqa: N815 - the wire's name
    max_count: Number = None


class _Resources(Row):
    max_vcpus: Number = None
    max_ram_gb: Number = None
    max_storage_gb: Number = None


class _Network(Row):
    dedicated_ip_available: Flag = None


def read_location(row: object, unknown: UnknownFields) -> Iterator[LocationGpu | None]:
    """Each GPU type of a place; None for one that states an invalid price (F116).

    One that cannot be read otherwise is noted and left out: it only means an offer less.
    """
    if not isinstance(row, Mapping) or (location_id := read_id(row.get("id"))) is None:
        unknown.note("location row: no id")
        return
    unknown.note_fields("location", row, _LOCATION_FIELDS)
    region = _region(_parsed(_Location, row, unknown))
    for gpu in _gpus(row.get("gpus"), unknown):
        yield from _read_gpu(location_id, region, gpu, unknown)


def _gpus(gpus: object, unknown: UnknownFields) -> list[Mapping[str, Any]]:
    """The GPU types: a list, or a map by key as one client expects it (tensordock.md 18)."""
    if isinstance(gpus, Mapping):
        return [{"v0Name": key, **value} for key, value in gpus.items() if isinstance(value, Mapping)]
    if not isinstance(gpus, list):
        unknown.note("location row: no gpus")
        return []
    return [gpu for gpu in gpus if isinstance(gpu, Mapping)]


def _read_gpu(
    location_id: str, region: str | None, row: Mapping[str, Any], unknown: UnknownFields
) -> Iterator[LocationGpu | None]:
    unknown.note_fields("location gpu", row, _GPU_FIELDS)
    prices = _prices(row)
    if prices is not None and any(price is _INVALID for price in prices):
        yield None
        return
    key = read_gpu_key(row.get("v0Name"))
    parsed, most = _parsed(_Gpu, row, unknown), _parsed(_Resources, row.get("resources"), unknown)
    network = _parsed(_Network, row.get("network_features"), unknown)
    vram = None if key is None else vram_mb_of(key, parsed.displayName or "")
    sizes = _all_known(most.max_vcpus, most.max_ram_gb, most.max_storage_gb, parsed.max_count)
    if key is None or vram is None or prices is None or sizes is None:
        unknown.note("location gpu: dropped")
        return
    vcpus, ram_gb, storage_gb, count = sizes
    yield LocationGpu(
        location_id=location_id,
        region=region,
        gpu_key=key,
        gpu=name_of(key),
        vram_mb=vram,
        max_count=min(int(count), MAX_GPUS),
        prices=UnitPrices(*prices),
        max_vcpus=vcpus,
        max_ram_gb=ram_gb,
        max_storage_gb=storage_gb,
        has_dedicated_ip=bool(network.dedicated_ip_available),
    )


def _prices(row: Mapping[str, Any]) -> list[Decimal] | None:
    """GPU, vCPU, memory and storage; `_INVALID` for what is stated and no price, None where one is not stated."""
    pricing = row.get("pricing")
    units = pricing if isinstance(pricing, Mapping) else {}
    stated = [row.get("price_per_hr"), *(units.get(name) for name in _UNIT_PRICES)]
    prices = [_exact(value) for value in stated if value is not None]
    if row.get("price_per_hr") == 0:
        prices.append(_INVALID)
    return prices if len(prices) >= len(stated) or _INVALID in prices else None


def _all_known(*values: float | None) -> list[float] | None:
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else None


def _parsed(model: type[_R], row: object, unknown: UnknownFields) -> _R:
    try:
        return model.model_validate(dict(row) if isinstance(row, Mapping) else {}, context=unknown)
    except ValidationError:
        unknown.note(f"location: unreadable {model.__name__}")
        return model()


def _exact(value: object) -> Decimal:
    """A price without rounding, for a disk costs a few micro-dollars per GB; `_INVALID` if it is none."""
    return _INVALID if parse_dollars(value) is None else Decimal(str(value).strip())


def _region(place: _Location) -> str | None:
    country = (place.country or "").strip()
    named = (place.city or "", place.stateprovince or "", _COUNTRY_CODES.get(country.lower(), country))
    return ", ".join(part.strip() for part in named if part.strip()) or None
