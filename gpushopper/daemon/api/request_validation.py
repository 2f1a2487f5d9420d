"""The edge of the local API: strict requests in, plain JSON out, every error in one form (S31, I18)."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar, get_origin, get_type_hints
from urllib.parse import unquote

from flask import Response, request
from pydantic import TypeAdapter, ValidationError

from gpushopper.daemon.api.service import Busy, Service
from gpushopper.engine.commands.provision import IdempotencyKey
from gpushopper.errors import ShopperError, UsageError
from gpushopper.wire import IDEMPOTENCY_HEADER

MAX_BODY_BYTES = 1_000_000
MAX_NUMBER = 2**53
"""Beyond it JSON readers disagree, and SQLite is not far: no time or amount of ours comes near."""
MAX_TEXT_LENGTH = 2000
SIGNED = frozenset({"add_us"})
"""The only number that may be negative: an extension can shorten. All others are sizes, prices, times and counts."""

_KEY = re.compile(r"[\x21-\x7e]{8,128}")

T = TypeVar("T")


class Malformed(UsageError):
    """The request is not one this API knows."""

    code = "bad_request"


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    """The checker of a class, built when first needed: building takes longer than most requests."""
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def receive_body() -> None:
    """Take in the whole body before anything acts: a connection closed over an unread one loses the response (F98).

    Raises:
        Malformed: it was cut on the way. What is left could read as a smaller request: an empty one ends every session.
    """
    if request.content_length is not None and len(request.get_data()) != request.content_length:
        raise Malformed("the body is shorter than announced", code="cut_short")


def read_body(cls: type[T]) -> T:
    """The request's JSON body as a request of this class; an empty body is an empty object.

    Raises:
        Malformed: not JSON, a field unknown, missing or of the wrong form, or a value beyond all bounds.
    """
    text = request.get_data()
    if text and request.mimetype != "application/json":
        raise Malformed("the body must be application/json", code="not_json")
    try:
        # pydantic parses too: its depth is limited, and no Python object is built from what is refused.
        return _checked(_adapter(cls).validate_json(text or b"{}"))
    except ValidationError as error:
        raise _malformed(error) from error


def read_query(cls: type[T]) -> T:
    """The request's query parameters as a request of this class; lists are given by repeating a name.

    Raises:
        Malformed: a parameter is unknown, repeated, or of the wrong form.
    """
    hints = get_type_hints(cls)
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        is_list = get_origin(hints.get(name)) is list
        if len(values) > 1 and not is_list:
            raise Malformed(f"{name} is given more than once")
        given[name] = values if is_list else values[0]
    try:
        return _checked(_adapter(cls).validate_python(given))
    except ValidationError as error:
        raise _malformed(error) from error


def read_idempotency_key(asked: object = None) -> IdempotencyKey | None:
    """The idempotency key of this request, bound to what it asks; None when it has none (I22)."""
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Malformed(f"{IDEMPOTENCY_HEADER} must have 8 to 128 printable characters without spaces")
    text = json.dumps(asdict(asked), sort_keys=True) if is_dataclass(asked) and not isinstance(asked, type) else ""
    return IdempotencyKey(
        key=key, method=request.method, path=request.path, digest=hashlib.sha256(text.encode()).hexdigest()
    )


def read_session_ref(part: str) -> str:
    """The name of a session in the request's path as it was sent, undoing its quoting once.

    The server leaves a quoted slash as it is, lest `a%2Fb` become two parts; so `part`, the router's word, will not do.
    """
    sent = request.environ.get("REQUEST_URI", "").partition("?")[0].partition("/sessions/")[2]
    return unquote(sent.partition("/")[0]) or part


def json_response(view: Any, status: int = 200) -> Response:
    """A wire dataclass, or a mapping of plain values, as a JSON response."""
    plain = asdict(view) if is_dataclass(view) and not isinstance(view, type) else view
    return Response(json.dumps(plain), status=status, content_type="application/json")


def search_slot(service: Service) -> AbstractContextManager[None]:
    """Wait for a provider without ever taking the last threads of the API (I17).

    Raises:
        Busy: all slots are taken.
    """
    return _one_of(service.slow, "too many searches at once")


def login_slot(service: Service) -> AbstractContextManager[None]:
    """Wait for a keyring, likewise, and beside those who search.

    Raises:
        Busy: all slots are taken.
    """
    return _one_of(service.logins, "too many rentals wait for a login at once")


@contextmanager
def _one_of(limit: threading.BoundedSemaphore, refusal_text: str) -> Iterator[None]:
    if not limit.acquire(blocking=False):
        raise Busy(refusal_text, "Try again in a few seconds.")
    try:
        yield
    finally:
        limit.release()


_STATUS = {2: 400, 3: 404, 4: 424, 5: 503, 6: 409, 7: 502, 8: 504}
_STATUS_OF_CODE = {
    "account_not_ready": 503,
    "busy": 503,
    "no_offer": 404,
    "idempotency_mismatch": 422,
    "disk_full": 507,
    "not_yours": 403,
}


def error_response(error: ShopperError, request_id: str) -> Response:
    """An expected failure in the one form that all have."""
    status = _STATUS_OF_CODE.get(error.code, _STATUS.get(error.exit_code, 500))
    return error_body(error.code, error.message, error.hint, request_id, error.exit_code, status)


def error_body(code: str, message: str, hint: str, request_id: str, exit_code: int, status: int) -> Response:
    """`{"error": {code, message, hint, request_id, exit}}`."""
    fields: Mapping[str, object] = {
        "code": code,
        "message": message,
        "hint": hint,
        "request_id": request_id,
        "exit": exit_code,
    }
    return json_response({"error": fields}, status)


def _malformed(error: ValidationError) -> Malformed:
    """Names and reasons only: a value in an error text might be a secret."""
    found = error.errors(include_input=False, include_url=False)
    faults = [f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in found]
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return Malformed("; ".join(faults[:3])[:500] + more)


def _checked(asked: T) -> T:
    for name, value in _leaves(asdict(asked), ""):  # type: ignore[call-overload]
        if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:  # "not <=": also refuses NaN
            raise Malformed(f"{name}: the number is too large")
        if isinstance(value, int | float) and value < 0 and name not in SIGNED:
            raise Malformed(f"{name}: must not be negative")
        if isinstance(value, str) and (len(value) > MAX_TEXT_LENGTH or not value.isprintable()):
            raise Malformed(f"{name}: too long, or with characters that are not printable")
    return asked


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{number}")
    else:
        yield name, value
