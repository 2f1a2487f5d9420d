"""TensorDock's ids: of instances and locations as it sends them, and of offers as we make them.

It has no id for an offer. Ours says all that a create needs: `LOCATION.GPUKEY.COUNT`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gpushopper.core.spelling.gpus import MAX_GPUS

_ID = re.compile(r"(?=[^-]+-)[0-9A-Za-z](?:[0-9A-Za-z-]{6,62})[0-9A-Za-z]")
"""All ids that were seen are UUIDs (tensordock.md 4, 5). A word without a hyphen is none: the list of the Getting
Started page has the id `instances` itself (tensordock.md 6)."""
_GPU_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}(?:\.[0-9A-Za-z_-]{1,40})*")
_OFFER = re.compile(r"([0-9A-Za-z-]{8,64})\.([0-9A-Za-z._-]{1,160})\.([1-9][0-9]?)")


@dataclass(frozen=True, slots=True)
class OfferId:
    """A place, a GPU as TensorDock's key names it, and how many of them."""

    location_id: str
    gpu_key: str
    count: int

    def __str__(self) -> str:
        return f"{self.location_id}.{self.gpu_key}.{self.count}"


def read_id(value: object) -> str | None:
    """The id of an instance or location; None for what cannot be one, or must not stand in a path (F83)."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def read_gpu_key(value: object) -> str | None:
    """A `v0Name`, which is opaque: sent back as it came, never built from a GPU's name (tensordock.md 4)."""
    return value if isinstance(value, str) and len(value) <= 160 and _GPU_KEY.fullmatch(value) else None


def read_offer_id(text: str) -> OfferId | None:
    """What an offer id of ours says; None for any other text."""
    found = _OFFER.fullmatch(text)
    if found is None or read_id(found[1]) is None or read_gpu_key(found[2]) is None or int(found[3]) > MAX_GPUS:
        return None
    return OfferId(found[1], found[2], int(found[3]))
