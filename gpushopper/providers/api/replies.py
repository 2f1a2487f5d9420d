"""Read an HTTP reply: size limit, gzip, JSON, Date and Retry-After headers (F77, F78)."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from gpushopper.providers.api.text import REDACTED
from gpushopper.providers.base import ErrorKind

LARGEST = 10 * 1024 * 1024
"""Bytes of one body, packed or unpacked (F77); the largest true one, a page of offers, has 0.3 MB."""
_HEAD = 2000
_PLAUSIBLE = range(1_577_836_800, 7_258_118_400)
"""Seconds from 2020 to 2200: a Date outside shows a broken clock, not the time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply. `body` is decoded JSON where `is_json`; `date` is its Date header, wall µs.

    `head` is the start of the text, for bodies that are not JSON. `retry_after_s` is set for 429 only, our own
    back-off included. Neither `head` nor `body` may be stored or shown raw.
    """

    status: int
    is_json: bool
    body: Any = field(repr=False)
    head: str = field(repr=False)
    date: int | None
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable reply. `sent` is False only if certainly no byte of the request left this computer."""

    kind: ErrorKind
    detail: str
    retry_after_s: float | None = None
    sent: bool = True
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that was fetched: text from outside, without our secrets."""

    status: int
    text: str = field(repr=False)


class UnusableReply(Exception):
    """A reply we stop reading or cannot read."""

    def __init__(self, text: str, *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out


def read_reply(response: httpx.Response, secrets: Iterable[str], left: Callable[[], float]) -> Reply:
    """Read a response to its end; `left` gives the seconds that remain.

    Raises:
        UnusableReply: too large, too slow, or packed in a way we did not offer.
    """
    raw = _collect(response, left)
    # Before anything is decoded, so that a key that the server repeats is in no value we return (F103).
    text = raw
    for secret in secrets:
        text = text.replace(secret.encode(), REDACTED.encode()) if secret else text
    is_json, body = _decoded(response.headers.get("content-type", ""), text)
    date = _date(response.headers.get("date"))
    wait = _retry_after(response.headers, date) if response.status_code == 429 else None
    return Reply(response.status_code, is_json, body, text[:_HEAD].decode(errors="replace"), date, wait)


def read_text(response: httpx.Response, left: Callable[[], float], most: int) -> str:
    """Read a response that is no JSON to its end; raises UnusableReply as `read_reply`, and above `most` bytes."""
    return _collect(response, left, most).decode(errors="replace")


def _collect(response: httpx.Response, left: Callable[[], float], most: int = LARGEST) -> bytes:
    """Read a body, bounded in bytes, unpacked bytes and time; raises UnusableReply."""
    parts, size = [], 0
    # The stream itself: httpx would unpack without a bound.
    for part in cast(httpx.SyncByteStream, response.stream):
        size += len(part)
        if size > most:
            raise UnusableReply(f"the reply is larger than {most // 1024**2} MB")
        # A transport that was passed in may have no limit of its own.
        if left() <= 0:
            raise UnusableReply("the reply did not end within the time limit", timed_out=True)
        parts.append(part)
    raw = b"".join(parts)
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("", "identity"):
        return raw
    if packing != "gzip":
        raise UnusableReply("the reply is packed in a way we did not offer")
    return _unpacked(raw, most)


def _unpacked(raw: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(raw, most)
    except zlib.error as error:
        raise UnusableReply("the reply cannot be unpacked") from error
    if not unpacker.eof:
        raise UnusableReply("the reply is too large or cut off")
    return text


def _decoded(kind: str, text: bytes) -> tuple[bool, Any]:
    """Whether the reply is JSON by its content type and by its text, and the decoded value (F78)."""
    if not re.match(r"application/([\w.-]+\+)?json\b", kind.strip().lower()):
        return False, None
    try:
        # NaN and Infinity are no JSON; as null they are at least no number.
        return True, json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return False, None


def _date(header: str | None) -> int | None:
    """The Date header as wall µs (D10)."""
    if not header:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    return seconds * 1_000_000 if seconds in _PLAUSIBLE else None


def _retry_after(headers: httpx.Headers, date: int | None) -> float | None:
    """Seconds to wait, from Retry-After (number or date) or X-RateLimit-Reset (Unix seconds, vastai.md 1)."""
    header = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", header):
        return float(header)
    until = _date(header)
    reset = headers.get("x-ratelimit-reset", "").strip()
    if until is None and re.fullmatch(r"[0-9]{9,11}", reset):
        until = int(reset) * 1_000_000
    # Both are the provider's clock; without its Date we do not know how far away that is.
    return max((until - date) / 1_000_000, 0.0) if until is not None and date is not None else None
