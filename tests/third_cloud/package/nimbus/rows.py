"""The rows of Nimbus's replies as values."""

from collections.abc import Mapping

from gpushopper.core.cloud import Carrier, Leftover
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.leftover import LeftoverItem
from gpushopper.core.model.offer import Offer
from gpushopper.providers.kit import Line, Number, Price, Row, Text, Time, UnknownFields
from nimbus.traits import TRAITS

_STATUS = {"starting": StatusClass.PENDING, "up": StatusClass.RUNNING, "leaving": StatusClass.ENDING}


class _Machine(Row):
    id: Text = None
    state: Line = None
    type: Line = None
    image: Line = None
    price_hour: Price = None
    created: Time = None
    ends: Time = None
    host: Line = None
    disk_gb: Number = None


class _Type(Row):
    id: Text = None
    gpu: Line = None
    gpus: Number = None
    vram_gb: Number = None
    price_hour: Price = None
    storage_gb_month: Price = None
    stock: Number = None
    disk_max_gb: Number = None


def read_instance(row: object, unknown: UnknownFields) -> Instance | None:
    """The instance of a row; None if it has no id."""
    if not isinstance(row, Mapping) or not (found := _Machine.model_validate(dict(row), context=unknown)).id:
        unknown.note("machine: no id")
        return None
    tags = row.get("tags")
    tag = tags.get("owner") if isinstance(tags, Mapping) else None
    return Instance(
        instance_id=found.id, carriers=((Carrier.TAG, tag if isinstance(tag, str) else None),),
        status=_STATUS.get(found.state or "", StatusClass.UNKNOWN), provider_status=found.state or "", message="",
        progress=found.state or "", rate=None, gpu_rate=found.price_hour, storage_rate=None, created_at=found.created,
        ends_at=found.ends, host_id=None, image=found.image, gpu=None, gpu_count=None, vram_mb=None,
        disk_gb=found.disk_gb, ssh_host=found.host, ssh_port=22 if found.host else None,
    )  # fmt: skip


def read_offer(row: object, seen_at: int, unknown: UnknownFields) -> Offer | None:
    """The offer of a type; None for one without a valid price or stock."""
    if not isinstance(row, Mapping):
        return None
    found = _Type.model_validate(dict(row), context=unknown)
    if not found.id or not found.gpu or not found.price_hour or found.storage_gb_month is None or not found.stock:
        return None
    return Offer(
        provider=TRAITS.name, offer_id=found.id, gpu=found.gpu, gpu_count=int(found.gpus or 0),
        vram_mb=int(found.vram_gb or 0) * 1024, gpu_rate=found.price_hour, storage_gb_month=found.storage_gb_month,
        upload_gb=0, download_gb=0, disk_gb=found.disk_max_gb or 0, seen_at=seen_at, is_single=False,
        stock=int(found.stock), billing=TRAITS.billing,
    )  # fmt: skip


def read_leftover(kind: Leftover, row: object) -> LeftoverItem | None:
    """A key or volume; None if it has no id."""
    if not isinstance(row, Mapping) or not isinstance(row.get("id"), str) or not isinstance(row.get("name"), str):
        return None
    return LeftoverItem(kind, row["id"], row["name"], row.get("machine"))
