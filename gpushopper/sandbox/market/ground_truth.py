"""The ground-truth ledger (`sandbox ledger`, S25): what existed, what it cost, who destroyed it, as JSON-ready data."""

from __future__ import annotations

from typing import Any

from gpushopper.sandbox.market.market import Market
from gpushopper.sandbox.market.model import UNITS_PER_MICRO, CreateRecord, DestroyRecord, Instance, InstanceSpec, Phase
from gpushopper.sandbox.timing import SECOND, rfc3339

SCHEMA = 1
_LEDGER_STATES = {Phase.FRESH: "pending", Phase.CREATED: "pending", Phase.RELEASED: "stopped"}


def build_ledger(market: Market) -> dict[str, Any]:
    """Return the ledger as JSON-ready data, settled to the present. Fields are only ever added."""
    market.settle()
    return {
        "schema": SCHEMA,
        "at": rfc3339(market.now()),
        "instances": [_instance_row(instance) for instance in market.instances.values()],
        "creates": [_create_row(record) for record in market.creates],
        "destroys": [_destroy_row(record) for record in market.destroys],
    }


def state_of(instance: Instance) -> str:
    """Return `pending loading running stopped offline` or `gone` (S25)."""
    return _LEDGER_STATES.get(instance.phase, str(instance.phase))


def env_label(spec: InstanceSpec) -> str | None:
    """Return the second copy of the label, `GS_LABEL` in the instance's environment (S4)."""
    return dict(spec.env).get("GS_LABEL")


def _usd(units: int) -> str:
    micros = units // UNITS_PER_MICRO
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _instance_row(instance: Instance) -> dict[str, Any]:
    meter = instance.meter
    return {
        "id": instance.cloud_id,
        "provider": instance.provider,
        "label": instance.label,
        "state": state_of(instance),
        "foreign": instance.spec.foreign,
        "created_at": rfc3339(instance.created_at),
        "ended_at": None if instance.ended_at is None else rfc3339(instance.ended_at),
        "ended_by": instance.ended_by,
        "gpu_seconds": meter.gpu_us // SECOND,
        "storage_seconds": meter.storage_us // SECOND,
        "usd": _usd(meter.units),
        "gpu_usd": _usd(meter.gpu_units),
        "storage_usd": _usd(meter.storage_units),
        "traffic_usd": _usd(meter.traffic_units),
        "account": str(instance.account_id),
        "env_label": env_label(instance.spec),
        "stopped_by": instance.stopped_by,
    }


def _create_row(record: CreateRecord) -> dict[str, Any]:
    return {
        "provider": record.provider,
        "label": record.label,
        "env_label": record.env_label,
        "at": rfc3339(record.at),
        "outcome": {"effect": record.effect, "reply": record.reply},
        "ids": record.cloud_ids,
    }


def _destroy_row(record: DestroyRecord) -> dict[str, Any]:
    return {
        "provider": record.provider,
        "id": record.cloud_id,
        "at": rfc3339(record.at),
        "by": record.by,
        "outcome": {"effect": record.effect, "reply": record.reply},
    }
