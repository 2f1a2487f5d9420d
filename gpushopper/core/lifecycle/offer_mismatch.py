"""Decides whether an instance is worse than its offer: GPU model and count, GPU memory, disk, driver, CUDA (F15)."""

from __future__ import annotations

import re

from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.heartbeat import Hardware
from gpushopper.core.model.instance import Instance
from gpushopper.core.model.offer import Offer
from gpushopper.core.spelling.gpus import is_same_gpu, is_same_spelled

VRAM_SHARE = 0.95
"""Share of the offered GPU memory that must be shown: tools count in MiB and leave out what the driver keeps."""
CUDA_SLACK = 0.05
"""Half a step of CUDA's version numbers, which are compared as floats."""
DISK_SHARE = 0.85
"""Share of the requested disk that must be shown: a file system keeps some for itself."""


def row_mismatch(attempt: Attempt, row: Instance) -> str:
    """How the provider's row falls short of the offer, empty if it does not; a value not shown counts as met."""
    offer = attempt.offer
    if row.gpu is not None and not is_same_spelled(row.gpu, offer.gpu):
        return f"it has {row.gpu}, the offer said {offer.gpu}"
    if row.gpu_count is not None and row.gpu_count < offer.gpu_count:
        return f"it has {row.gpu_count} GPUs, the offer said {offer.gpu_count}"
    if row.vram_mb is not None and row.vram_mb < offer.vram_mb * VRAM_SHARE:
        return f"it has {row.vram_mb} MB of GPU memory, the offer said {offer.vram_mb}"
    if row.disk_gb is not None and row.disk_gb < attempt.disk_gb - 1:
        return f"it has {row.disk_gb:g} GB of disk, {attempt.disk_gb:g} were requested"
    return ""


def hardware_mismatch(offer: Offer, disk_gb: float, found: Hardware) -> str:
    """How the hardware that a heartbeat reports falls short of the offer, empty if it does not."""
    if not all(is_same_gpu(name, offer.gpu) for name in found.gpus):
        return f"it has {found.gpus[0]}, the offer said {offer.gpu}"
    if found.gpus and len(found.gpus) < offer.gpu_count:
        return f"it has {len(found.gpus)} GPUs, the offer said {offer.gpu_count}"
    if found.vram_mb is not None and found.vram_mb < offer.vram_mb * VRAM_SHARE:
        return f"it has {found.vram_mb} MB of GPU memory, the offer said {offer.vram_mb}"
    if 0 < _branch(found.driver) < _branch(offer.driver or ""):
        return f"it has driver {found.driver}, the offer said {offer.driver}"
    if found.cuda and offer.cuda is not None and float(found.cuda) < offer.cuda - CUDA_SLACK:
        return f"its driver takes CUDA {found.cuda}, the offer said {offer.cuda:g}"
    if found.disk_gb is not None and found.disk_gb < disk_gb * DISK_SHARE - 1:
        return f"it has {found.disk_gb:g} GB of disk, {disk_gb:g} were requested"
    return ""


def _branch(driver: str) -> int:
    """The major number of a driver's version, which decides what it can run; 0 where there is none."""
    number = re.match(r"\d{1,5}(?=\.|$)", driver)
    return int(number[0]) if number else 0
