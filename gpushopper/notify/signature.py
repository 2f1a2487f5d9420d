"""Signatures of webhooks by the specification Standard Webhooks (standardwebhooks.com, version 1, symmetric)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
KEY_BYTES = 32
LEAST_BYTES, MOST_BYTES = 24, 64
"""The specification's bounds of a key."""


def new_key() -> str:
    """A random key, as the receiver is given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def check_key(text: str) -> str:
    """The key as it is stored.

    Raises:
        ValueError: it is none; the text does not quote it.
    """
    _bytes_of(text.strip())
    return text.strip()


def headers_of(key: str, message_id: str, sent_s: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed message; `sent_s` is in seconds since 1970."""
    signed = f"{message_id}.{sent_s}.".encode() + body
    digest = hmac.new(_bytes_of(key), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _bytes_of(text: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not LEAST_BYTES <= len(found) <= MOST_BYTES:
        raise ValueError("a signing key is whsec_ and 24 to 64 bytes in base64") from None
    return found
