"""A GPU's name and memory, read from TensorDock's key for it: `geforcertx4090-pcie-24gb` is an RTX 4090 with 24 GB.

Instances carry only the key (tensordock.md 6), so an offer's name is taken from it, too: the two must agree.
"""

from __future__ import annotations

from gpushopper.core.spelling.gpus import canonical, memory_of

_MB_OF_GB = 1024


def name_of(key: str) -> str:
    """The name for people; a key that is not understood is its own."""
    return canonical(key).name


def vram_mb_of(key: str, shown: str = "") -> int | None:
    """The memory of one GPU in MB: from the key, else from the name that is shown (tensordock.md 4)."""
    gb = memory_of(key) or memory_of(shown)
    return gb * _MB_OF_GB if gb else None
