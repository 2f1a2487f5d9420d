"""Types of fields that only Vast's rows have: its ids, and driver versions as numbers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import core_schema

from gpushopper.providers.kit import Line, id_field, number_id, one_line


def _version(value: Any, info: core_schema.ValidationInfo) -> Any:
    """`535.86.5`, also where it is a number with three digits for each part (vastai.md 3.2)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1_000_000:
        return f"{value // 1_000_000}.{value // 1000 % 1000}.{value % 1000}"
    return one_line(value, info)


Version = Annotated[Line, BeforeValidator(_version)]
Id = Annotated[str | None, id_field(number_id)]
