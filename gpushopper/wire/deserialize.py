"""Build a wire dataclass from decoded JSON, standard library only."""

from __future__ import annotations

import types
import typing
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def from_json(cls: type[T], data: Any) -> T:
    """Build a dataclass from decoded JSON, ignoring unknown fields; values are not validated.

    Raises:
        TypeError: a required field is missing.
    """
    hints = typing.get_type_hints(cls)
    known = {f.name: _value_from_json(hints[f.name], data[f.name]) for f in fields(cls) if f.name in data}  # type: ignore[arg-type]
    return cls(**known)


def _value_from_json(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(kind)
    if origin is list:
        (inner,) = typing.get_args(kind)
        return [_value_from_json(inner, item) for item in value]
    if origin is types.UnionType:
        inner = next(arm for arm in typing.get_args(kind) if arm is not type(None))
        return _value_from_json(inner, value)
    if isinstance(kind, type) and is_dataclass(kind):
        return from_json(kind, value)
    return value
