"""Types of the fields in rows: number, price, time, id, text; an unreadable field becomes None, not an error.

It is counted as unknown, and its row stays visible (F81, S31).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapValidator
from pydantic_core import core_schema

from gpushopper.core.model.money import MAX_RATE, Micros, parse_dollars
from gpushopper.providers.api import plain, redact_line
from gpushopper.providers.kit.unknown_fields import UnknownFields

_LARGEST = 1e12


class Row(BaseModel):
    """A row whose unknown fields are ignored; validate with `context=UnknownFields()`."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, coerce_numbers_to_str=False, frozen=True)


def _note(info: core_schema.ValidationInfo) -> None:
    if isinstance(info.context, UnknownFields):
        info.context.note(f"unreadable field: {getattr(info, 'field_name', '')}")


def _or_none(value: Any, handler: core_schema.ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo) -> Any:
    try:
        return handler(value)
    except ValidationError:
        _note(info)
        return None


def _amount(
    value: Any, handler: core_schema.ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo
) -> float | None:
    """A number of things, bytes or hours; None when negative (-1 is often "not known") or too large."""
    number = _or_none(value, handler, info)
    return float(number) if number is not None and 0 <= number <= _LARGEST else None


def _price(value: Any, info: core_schema.ValidationInfo) -> Micros | None:
    """Dollars to micro-dollars; None when negative, not finite or above the highest plausible rate (F116)."""
    amount = parse_dollars(value)
    if amount is not None and amount > MAX_RATE:
        amount = None
    if amount is None and value is not None:
        _note(info)
    return amount


def _wall(value: Any, info: core_schema.ValidationInfo) -> int | None:
    """Unix seconds to wall µs."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 0 < value < 1e11:
        return round(value * 1_000_000)
    _note(info)
    return None


def id_field(read: Callable[[object], str | None]) -> BeforeValidator:
    """For a field that holds an id, by the function that checks one."""

    def identity(value: Any, info: core_schema.ValidationInfo) -> str | None:
        found = read(value)
        if found is None and value is not None:
            _note(info)
        return found

    return BeforeValidator(identity)


def _exact(value: Any) -> Any:
    """Text that is compared, such as a label: nothing is removed, so that no foreign label becomes ours (I3)."""
    return plain(value) if isinstance(value, str) else value


def one_line(value: Any, info: core_schema.ValidationInfo) -> Any:
    """Text for people, on one line and without what looks like a key: messages and addresses may end in new lines."""
    if not isinstance(value, str):
        return value
    return info.context.line(value) if isinstance(info.context, UnknownFields) else redact_line(value)


Number = Annotated[float | None, WrapValidator(_amount)]
Flag = Annotated[bool | None, WrapValidator(_or_none)]
Text = Annotated[str | None, WrapValidator(_or_none), BeforeValidator(_exact)]
Line = Annotated[str | None, WrapValidator(_or_none), BeforeValidator(one_line)]
Price = Annotated[int | None, BeforeValidator(_price)]
Time = Annotated[int | None, BeforeValidator(_wall)]
