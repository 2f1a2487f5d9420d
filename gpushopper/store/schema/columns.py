"""Column types: how enums, offers, deadlines and JSON are stored as text and read back; the base of all tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any

import peewee

from gpushopper.core.cloud import Billing, BillingStart, OfferKind, StoppedBilling
from gpushopper.core.model.offer import Offer
from gpushopper.core.timing.deadline import Deadline

_OFFER_NAMES = tuple(f.name for f in fields(Offer))
_BILLING_DEFAULT = Billing()
_BILLING_NAMES = tuple(f.name for f in fields(Billing))
_DEADLINE_NAMES = tuple(f.name for f in fields(Deadline))


def to_json(value: Any) -> str:
    """Compact text with stable order, so that equal values are equal text."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def without_surrogates(text: str) -> str:
    """The text without lone surrogates: a provider's JSON may have them, and SQLite cannot store them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class Text(peewee.TextField):
    """Any text; lone surrogates are replaced."""

    def db_value(self, value: Any) -> Any:
        return without_surrogates(str(value)) if value is not None else None


class EnumText(peewee.TextField):
    """An enum member, stored as its value; an unknown value is an error."""

    def __init__(self, enum: type[StrEnum], **options: Any) -> None:
        super().__init__(**options)
        self.enum = enum

    def db_value(self, value: Any) -> Any:
        return None if value is None else self.enum(value).value

    def python_value(self, value: Any) -> Any:
        return None if value is None else self.enum(value)


class OfferText(peewee.TextField):
    """One offer as JSON."""

    def db_value(self, value: Any) -> Any:
        return to_json(_plain(value))

    def python_value(self, value: Any) -> Any:
        return _offer(value)


class OffersText(peewee.TextField):
    """A tuple of offers in rank order, as JSON."""

    def db_value(self, value: Any) -> Any:
        return to_json([_plain(offer) for offer in value])

    def python_value(self, value: Any) -> Any:
        return _offers(value)


class PairsText(peewee.TextField):
    """Pairs of name and value in order, as JSON."""

    def db_value(self, value: Any) -> Any:
        return to_json([list(pair) for pair in value])

    def python_value(self, value: Any) -> Any:
        return tuple((str(name), str(text)) for name, text in json.loads(value))


class SpansText(peewee.TextField):
    """Beginnings and ends of spans in order, wall µs, as JSON."""

    def db_value(self, value: Any) -> Any:
        return to_json([list(span) for span in value])

    def python_value(self, value: Any) -> Any:
        return () if value == "[]" else tuple((int(start), int(end)) for start, end in json.loads(value))


class DeadlineText(peewee.TextField):
    """A deadline with the clocks read when it was set, as JSON."""

    def db_value(self, value: Any) -> Any:
        return to_json({name: getattr(value, name) for name in _DEADLINE_NAMES})

    def python_value(self, value: Any) -> Any:
        return _deadline(value)


class JsonText(peewee.TextField):
    """A JSON object for people; one that cannot be parsed reads as empty, since nothing depends on it (F54)."""

    def db_value(self, value: Any) -> Any:
        return to_json(value)

    def python_value(self, value: Any) -> Any:
        try:
            found = json.loads(value)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


CONVERTED = (EnumText, OfferText, OffersText, PairsText, SpansText, DeadlineText, JsonText, peewee.BooleanField)
"""Columns whose values need conversion; the others come from a STRICT table as they are."""


Conversions = Sequence[tuple[int, Callable[[Any], Any]]]
"""Which columns of a select are converted, and how."""


def conversions(columns: Sequence[Any]) -> Conversions:
    """What the columns of a select need."""
    return [(i, column.python_value) for i, column in enumerate(columns) if isinstance(column, CONVERTED)]


def to_core_values(rows: list[tuple[Any, ...]], work: Conversions) -> list[tuple[Any, ...]]:
    """Rows with core values; three times as fast as Peewee, which converts every value."""
    return [_convert(row, work) for row in rows] if work else rows


def _convert(row: tuple[Any, ...], work: Conversions) -> tuple[Any, ...]:
    values = list(row)
    for i, read in work:
        values[i] = read(values[i])
    return tuple(values)


# Cached: the results are frozen, and each poll reads the same texts again.
@lru_cache(maxsize=4096)
def _offer(text: str) -> Offer:
    return _read_offer(json.loads(text))


@lru_cache(maxsize=2048)
def _offers(text: str) -> tuple[Offer, ...]:
    return tuple(_read_offer(item) for item in json.loads(text))


@lru_cache(maxsize=4096)
def _deadline(text: str) -> Deadline:
    return Deadline(**json.loads(text))


def _plain(offer: Offer) -> dict[str, Any]:
    return {name: getattr(offer, name) for name in _OFFER_NAMES} | {
        "kind": offer.kind.value,
        "billing": _plain_billing(offer.billing),
    }


def _plain_billing(billing: Billing) -> dict[str, Any]:
    """The terms that are not the usual ones."""
    values = {name: getattr(billing, name) for name in _BILLING_NAMES}
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in values.items()
        if value != getattr(_BILLING_DEFAULT, name)
    }


def _read_offer(stored: Any) -> Offer:
    """An offer; one of an older version is read with the values that its cloud, Vast, then had."""
    values = dict(stored)
    if "interruptible" in values:
        values["kind"] = OfferKind.SPOT if values.pop("interruptible") else OfferKind.ON_DEMAND
        values |= {name: None for name in _ONCE_EMPTY if not values.get(name)}
    else:
        values["kind"] = OfferKind(values["kind"])
    return Offer(**values | {"billing": _read_billing(values.get("billing", {}))})


_ONCE_EMPTY = ("host_id", "region", "driver", "reliability", "cuda", "cpu_cores", "ram_mb")
"""Fields that held 0 or an empty text where the provider did not say."""


def _read_billing(stored: dict[str, Any]) -> Billing:
    values = dict(stored)
    if "begins" in values:
        values["begins"] = BillingStart(values["begins"])
    if "stopped" in values:
        values["stopped"] = StoppedBilling(values["stopped"])
    return Billing(**values)


def optional_int() -> peewee.IntegerField:
    return peewee.IntegerField(null=True)


class Row(peewee.Model):
    """A row of a STRICT table."""

    class Meta:
        strict_tables = True
