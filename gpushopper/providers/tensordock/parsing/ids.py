"""TensorDock's ids: of instances and locations as it sends them, and of offers as we make them.

It has no id for an offer. Its reference says all that a create needs, `LOCATION.GPUKEY.COUNT`; the id that users see
and type is a short digest of that.
"""

from __future__ import annotations

import re
from base64 import b32encode
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from gpushopper.core.spelling.gpus import MAX_GPUS

_ID = re.compile(r"(?=[^-]+-)[0-9A-Za-z](?:[0-9A-Za-z-]{6,62})[0-9A-Za-z]")
"""All ids that were seen are UUIDs (tensordock.md 4, 5). A word without a hyphen is none: the list of the Getting
Started page has the id `instances` itself (tensordock.md 6)."""
_GPU_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}(?:\.[0-9A-Za-z_-]{1,40})*")
_OFFER = re.compile(r"([0-9A-Za-z-]{8,64})\.([0-9A-Za-z._-]{1,160})\.([1-9][0-9]?)")


_DIGEST_LENGTH = 7
"""Letters and digits of a short id: 35 bits, so that two of a thousand types have the same one in 70,000 lists."""


@dataclass(frozen=True)
class OfferId:
    """A place, a GPU as TensorDock's key names it, and how many of them."""

    location_id: str
    gpu_key: str
    count: int

    def __str__(self) -> str:
        return f"{self.location_id}.{self.gpu_key}.{self.count}"

    @cached_property
    def short(self) -> str:
        """The same in every search, and short enough to type: `k3f9a2x-1`, of which the last number is the count.

        It only finds an offer: what is rented is named by the reference, so that a digest that two types share rents
        neither for the other.
        """
        digest = sha256(f"{self.location_id}.{self.gpu_key}".encode()).digest()
        return f"{b32encode(digest).decode().lower()[:_DIGEST_LENGTH]}-{self.count}"


def read_id(value: object) -> str | None:
    """The id of an instance or location; None for what cannot be one, or must not stand in a path (F83)."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def read_gpu_key(value: object) -> str | None:
    """A `v0Name`, which is opaque: sent back as it came, never built from a GPU's name (tensordock.md 4)."""
    return value if isinstance(value, str) and len(value) <= 160 and _GPU_KEY.fullmatch(value) else None


def read_offer_id(text: str) -> OfferId | None:
    """What a reference says, or an offer id of before there were short ones; None for any other text."""
    found = _OFFER.fullmatch(text)
    if found is None or read_id(found[1]) is None or read_gpu_key(found[2]) is None or int(found[3]) > MAX_GPUS:
        return None
    return OfferId(found[1], found[2], int(found[3]))
