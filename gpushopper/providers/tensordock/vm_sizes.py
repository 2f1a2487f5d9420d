"""The sizes TensorDock accepts of a VM: vCPU, memory and disk go in steps (tensordock.md 5)."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import ceil

VCPUS_PER_GPU = 4
RAM_GB_PER_GPU = 16
"""What other clients rent with each GPU where nobody asks for more (tensordock.md 18)."""
STORAGE_MINIMUM_GB = 100
STORAGE_STEP_GB = 50
_RAM_STEPS_GB = (2, 4, 6, 8, 10, *range(16, 257, 16), 512)


@dataclass(frozen=True, slots=True)
class VmSize:
    """What is rented beside the GPUs and the disk."""

    vcpus: int
    ram_gb: int


def size_for(gpus: int, min_cpus: float = 0, min_ram_mb: int = 0) -> VmSize | None:
    """The size for so many GPUs, vCPU and MB, rounded up to TensorDock's steps; None where it does not sell that much.

    Never less than what is rented with each GPU where nobody asks for more.
    """
    vcpus, ram = max(VCPUS_PER_GPU * gpus, ceil(min_cpus)), max(RAM_GB_PER_GPU * gpus, ceil(min_ram_mb / 1024))
    step = bisect_left(_RAM_STEPS_GB, ram)
    if step == len(_RAM_STEPS_GB):
        return None
    return VmSize(vcpus + vcpus % 2, _RAM_STEPS_GB[step])


def storage_gb(asked: float) -> int:
    """The disk that is rented, and billed, for the one asked for."""
    steps = -(-max(asked, STORAGE_MINIMUM_GB) // STORAGE_STEP_GB)
    return int(steps) * STORAGE_STEP_GB
