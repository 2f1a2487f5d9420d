"""Field types for rows: one odd field is unknown and counted, it never hides the row (F81, S31)."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapValidator
from pydantic_core import core_schema

from gpushopper.core.model.money import MAX_RATE, Micros, parse_dollars
from gpushopper.providers.api import plain, redact_line
from gpushopper.providers.vast.drift import Drift
from gpushopper.providers.vast.fields import read_id

_ABSURD = 1e12


class Row(BaseModel):
    """A row whose unknown fields are ignored; validate with `context=Drift`."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, coerce_numbers_to_str=False, frozen=True)


def _note(info: core_schema.ValidationInfo) -> None:
    if isinstance(info.context, Drift):
        info.context.note(f"unreadable field: {getattr(info, 'field_name', '')}")


def _or_unknown(
    value: Any, handler: core_schema.ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo
) -> Any:
    try:
        return handler(value)
    except ValidationError:
        _note(info)
        return None


def _amount(
    value: Any, handler: core_schema.ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo
) -> float | None:
    """A number of things, bytes or hours; below zero or absurd is unknown (-1 is Vast's own `not known`)."""
    number = _or_unknown(value, handler, info)
    return float(number) if number is not None and 0 <= number <= _ABSURD else None


def _price(value: Any, info: core_schema.ValidationInfo) -> Micros | None:
    """Dollars to micro-dollars; below zero, not finite or absurd is unknown (F116)."""
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


def _identity(value: Any, info: core_schema.ValidationInfo) -> str | None:
    found = read_id(value)
    if found is None and value is not None:
        _note(info)
    return found


def _exact(value: Any) -> Any:
    """Text that is compared: nothing removed, so that nothing strange becomes ours (I3)."""
    return plain(value) if isinstance(value, str) else value


def _line(value: Any) -> Any:
    """Text for people: Vast's messages and addresses end in new lines (vastai.md 5.3)."""
    return redact_line(value) if isinstance(value, str) else value


def _version(value: Any) -> Any:
    """`535.86.5`, also where it is a number with three digits for each part (vastai.md 3.2)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1_000_000:
        return f"{value // 1_000_000}.{value // 1000 % 1000}.{value % 1000}"
    return _line(value)


Number = Annotated[float | None, WrapValidator(_amount)]
Flag = Annotated[bool | None, WrapValidator(_or_unknown)]
Text = Annotated[str | None, WrapValidator(_or_unknown), BeforeValidator(_exact)]
Line = Annotated[str | None, WrapValidator(_or_unknown), BeforeValidator(_line)]
Version = Annotated[str | None, WrapValidator(_or_unknown), BeforeValidator(_version)]
Price = Annotated[int | None, BeforeValidator(_price)]
Time = Annotated[int | None, BeforeValidator(_wall)]
Id = Annotated[str | None, BeforeValidator(_identity)]
