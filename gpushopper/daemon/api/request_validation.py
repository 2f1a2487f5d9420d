"""Where API requests are validated: JSON body, query, session name, idempotency key, limits of values (S31, I18, I22).

Unknown fields are refused. What is valid here may still be refused by the engine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, ClassVar, TypeVar, get_origin, get_type_hints
from urllib.parse import unquote

from flask import request
from pydantic import TypeAdapter, ValidationError

from gpushopper.engine.requests.commands.idempotency import IdempotencyKey
from gpushopper.errors import UsageError
from gpushopper.wire import IDEMPOTENCY_HEADER

MAX_BODY_BYTES = 1_000_000
MAX_NUMBER = 2**53
"""Larger integers are read differently by different JSON readers; no time or amount comes near."""
MAX_TEXT_LENGTH = 2000
SIGNED = frozenset({"add_us"})
"""The only number that may be negative: an extension can shorten. All others are sizes, prices, times and counts."""

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{8,128}")

T = TypeVar("T")


class Malformed(UsageError):
    """The request does not have the form that this API takes."""

    code = "bad_request"


@dataclass(frozen=True, slots=True)
class Nothing:
    """The query or body of a route that takes none."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    """The pydantic validator of a class, built when first needed: building takes longer than most requests."""
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def receive_body() -> None:
    """Read the whole body before anything acts: closing the connection over unread data would lose the response (F98).

    Raises:
        Malformed: it was cut on the way. What is left could read as a smaller request: an empty one ends every session.
    """
    if request.content_length is not None and len(request.get_data()) != request.content_length:
        raise Malformed("the body is shorter than announced", code="cut_short")


def read_body(cls: type[T]) -> T:
    """The JSON body as an instance of this request class; an empty body is an empty object.

    Raises:
        Malformed: not JSON, a field unknown, missing or of the wrong type, or a value out of range.
    """
    text = request.get_data()
    if text and request.mimetype != "application/json":
        raise Malformed("the body must be application/json", code="not_json")
    try:
        # pydantic parses too: its depth is limited, and no Python object is built from what is refused. Strict: else
        # the alarm `false` would be read as number 0.
        return _check_limits(_adapter(cls).validate_json(text or b"{}", strict=True))
    except ValidationError as error:
        raise _malformed(error) from error


def read_query(cls: type[T]) -> T:
    """The query parameters as an instance of this request class; lists are given by repeating a name.

    Raises:
        Malformed: a parameter is unknown, repeated, or of the wrong type.
    """
    hints = get_type_hints(cls)
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        is_list = get_origin(hints.get(name)) is list
        if len(values) > 1 and not is_list:
            raise Malformed(f"{name} is given more than once")
        given[name] = values if is_list else values[0]
    try:
        return _check_limits(_adapter(cls).validate_python(given))
    except ValidationError as error:
        raise _malformed(error) from error


def read_idempotency_key(body: object = None) -> IdempotencyKey | None:
    """The request's idempotency key with a digest of its method, path and body; None when it has none (I22)."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Malformed(f"{IDEMPOTENCY_HEADER} must have 8 to 128 printable characters without spaces")
    text = json.dumps(asdict(body), sort_keys=True) if is_dataclass(body) and not isinstance(body, type) else ""
    return IdempotencyKey(
        key=key, method=request.method, path=request.path, digest=hashlib.sha256(text.encode()).hexdigest()
    )


def parts_as_sent(path: str, decoded: Mapping[str, str]) -> dict[str, str]:
    """The parts of the request's path that a route names in braces, as they were sent, percent-decoded once.

    The server leaves an encoded slash as it is, so that `a%2Fb` does not become two parts; therefore what the router
    `decoded` counts only where the path that was sent has another number of parts.
    """
    names = path.split("/")
    sent = request.environ.get("REQUEST_URI", "").partition("?")[0].rstrip("/").split("/")[-len(names) + 1 :]
    if len(sent) != len(names) - 1:
        return dict(decoded)
    found = {name[1:-1]: unquote(part) for name, part in zip(names[1:], sent, strict=True) if name.startswith("{")}
    return found if _is_at(names[1:], sent) else dict(decoded)


def _is_at(names: list[str], sent: list[str]) -> bool:
    """Whether what was sent has the words of the route in their places."""
    return all(name.startswith("{") or name == part for name, part in zip(names, sent, strict=True))


def _malformed(error: ValidationError) -> Malformed:
    """Names and reasons only: a value in an error text might be a secret."""
    found = error.errors(include_input=False, include_url=False)
    problems = [f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in found]
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return Malformed("; ".join(problems[:3])[:500] + more)


def _check_limits(body: T) -> T:
    """The request, after a check of every number and text in it."""
    for name, value in _scalars(asdict(body), ""):  # type: ignore[call-overload]
        if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:  # "not <=": also refuses NaN
            raise Malformed(f"{name}: the number is too large")
        if isinstance(value, int | float) and value < 0 and name not in SIGNED:
            raise Malformed(f"{name}: must not be negative")
        if isinstance(value, str) and (len(value) > MAX_TEXT_LENGTH or not value.isprintable()):
            raise Malformed(f"{name}: too long, or with characters that are not printable")
    return body


def _scalars(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every number, text or flag in nested JSON, with its dotted name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scalars(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _scalars(inner, f"{name}.{number}")
    else:
        yield name, value
