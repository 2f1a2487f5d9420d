"""Read an offer row: GPU, price per hour, storage and traffic prices; a row with an invalid price is dropped.

Dropped rows are counted (vastai.md 3.2, F116).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from gpushopper.core.cloud import OfferKind
from gpushopper.core.model.money import Micros, is_sane_rate, parse_dollars
from gpushopper.core.model.offer import Offer, has_valid_price
from gpushopper.providers.kit import Flag, Line, Number, Price, Row, Time, UnknownFields, number_id
from gpushopper.providers.vast.billing import BILLING
from gpushopper.providers.vast.parsing.field_types import Id, Version
from gpushopper.providers.vast.parsing.known_fields import OFFER_FIELDS

_MOST_GPUS = 1024
_RATES = ("dph_base", "dph_total")
_OTHER_PRICES = ("storage_cost", "storage_total_cost", "inet_up_cost", "inet_down_cost", "internet_up_cost_per_tb",
                 "internet_down_cost_per_tb")  # fmt: skip


class OfferRow(Row):
    """The fields we use of an offer row; any may be missing."""

    id: Id = None
    ask_contract_id: Id = None
    machine_id: Id = None
    gpu_name: Line = None
    num_gpus: Number = None
    gpu_ram: Number = None
    dph_base: Price = None
    dph_total: Price = None
    storage_cost: Price = None
    storage_total_cost: Price = None
    inet_up_cost: Price = None
    inet_down_cost: Price = None
    internet_up_cost_per_tb: Price = None
    internet_down_cost_per_tb: Price = None
    geolocation: Line = None
    reliability: Number = None
    reliability2: Number = None
    cuda_max_good: Number = None
    driver_version: Version = None
    disk_space: Number = None
    cpu_cores: Number = None
    cpu_cores_effective: Number = None
    cpu_ram: Number = None
    verification: Line = None
    verified: Flag = None
    is_bid: Flag = None
    end_date: Time = None


def read_offer(row: object, disk_gb: float, seen_at: int, unknown: UnknownFields) -> Offer | None:
    """An offer, or None for a row that cannot be priced; `disk_gb` is the disk of the search."""
    if not isinstance(row, Mapping):
        unknown.note("offer row: not an object")
        return None
    unknown.note_fields("offer", row, OFFER_FIELDS)
    try:
        parsed = OfferRow.model_validate(dict(row), context=unknown)
    except ValidationError:
        unknown.note("offer row: unreadable")
        return None
    offer = None if _has_invalid(row, _RATES) else _offer(parsed, disk_gb, seen_at)
    if offer is None or not has_valid_price(offer, disk_gb):
        unknown.note("offer row: dropped")
        return None
    return offer


def has_invalid_price(row: object, disk_gb: float) -> bool:
    """Whether a dropped row states an invalid price: zero, negative, not a number, or far too high (F116)."""
    if not isinstance(row, Mapping) or number_id(row.get("ask_contract_id") or row.get("id")) is None:
        return False
    if _has_invalid(row, _RATES) or any(_is_invalid(row.get(name), may_be_free=True) for name in _OTHER_PRICES):
        return True
    rate, storage = parse_dollars(row.get("dph_base")), parse_dollars(row.get("storage_cost"))
    return rate is not None and storage is not None and not is_sane_rate(rate + BILLING.storage_rate(storage, disk_gb))


def _has_invalid(row: Mapping[str, object], names: Iterable[str]) -> bool:
    return any(_is_invalid(row.get(name), may_be_free=False) for name in names)


def _is_invalid(value: object, *, may_be_free: bool) -> bool:
    """Whether a stated price is not valid. One that is not stated is only unknown."""
    if value is None:
        return False
    price = parse_dollars(value)
    return not (is_sane_rate(price) or (may_be_free and price == 0))


def _offer(row: OfferRow, disk_gb: float, seen_at: int) -> Offer | None:
    offer_id = row.ask_contract_id or row.id
    storage = _storage_gb_month(row, disk_gb)
    rate = _gpu_rate(row, storage, disk_gb)
    upload = _per_gb(row.inet_up_cost, row.internet_up_cost_per_tb)
    download = _per_gb(row.inet_down_cost, row.internet_down_cost_per_tb)
    if offer_id is None or row.machine_id is None or not row.gpu_name:
        return None
    gpus, vram = int(row.num_gpus or 0), int(row.gpu_ram or 0)
    if not 0 < gpus <= _MOST_GPUS or vram <= 0:
        return None
    if rate is None or storage is None or upload is None or download is None:
        # Without all prices nothing can be reserved for it in the ledger (F116).
        return None
    return Offer(
        provider="vast",
        offer_id=offer_id,
        host_id=row.machine_id,
        gpu=row.gpu_name,
        gpu_count=gpus,
        vram_mb=vram,
        gpu_rate=rate,
        storage_gb_month=storage,
        upload_gb=upload,
        download_gb=download,
        region=read_region(row.geolocation) or None,
        reliability=_first(row.reliability2, row.reliability),
        cuda=_first(row.cuda_max_good),
        disk_gb=_first(row.disk_space) or 0.0,
        cpu_cores=_first(row.cpu_cores_effective, row.cpu_cores),
        ram_mb=_usable_ram(row),
        # The boolean may be missing, the word is always there (vastai.md 3.2).
        verified=row.verification == "verified" if row.verification else row.verified,
        kind=OfferKind.SPOT if row.is_bid else OfferKind.ON_DEMAND,
        seen_at=seen_at,
        ends_at=row.end_date,
        driver=row.driver_version or None,
        billing=BILLING,
    )


def read_region(place: str | None) -> str:
    """`Texas, US`; an unknown city leaves `, US`, of which the country remains (vastai.md 3.2)."""
    parts = [part.strip() for part in (place or "").split(",")]
    return ", ".join(part for part in parts if part)


def _storage_gb_month(row: OfferRow, disk_gb: float) -> Micros | None:
    if row.storage_cost is not None:
        return row.storage_cost
    if row.storage_total_cost is not None and disk_gb > 0:
        return round(row.storage_total_cost * BILLING.month_hours / disk_gb)
    return None


def _gpu_rate(row: OfferRow, storage: Micros | None, disk_gb: float) -> Micros | None:
    """The GPU's price; `dph_total` includes storage for the disk of the search (vastai.md 3.2)."""
    if row.dph_base is not None:
        return row.dph_base
    if row.dph_total is None or storage is None:
        return None
    left = row.dph_total - BILLING.storage_rate(storage, disk_gb)
    return left if left > 0 else None


def _per_gb(per_gb: Micros | None, per_tb: Micros | None) -> Micros | None:
    if per_gb is not None or per_tb is None:
        return per_gb
    return -(-per_tb // 1000)


def _usable_ram(row: OfferRow) -> int | None:
    """The share of the host's memory that comes with the offer's cores (vastai.md 3.2)."""
    if row.cpu_ram is None:
        return None
    if row.cpu_cores and row.cpu_cores_effective:
        return int(row.cpu_ram * min(row.cpu_cores_effective / row.cpu_cores, 1.0))
    return int(row.cpu_ram)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def price_of(row: object) -> float | None:
    """The raw `dph_total` of a row, for the next band's filter: rounding it would lose or repeat rows."""
    value = row.get("dph_total") if isinstance(row, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or parse_dollars(value) is None:
        return None
    return float(value)
