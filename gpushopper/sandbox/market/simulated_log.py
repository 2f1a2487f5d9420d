"""The log of a simulated instance: what its container would have printed."""

from __future__ import annotations

from collections.abc import Callable

from gpushopper.sandbox.market.model import Instance, Phase
from gpushopper.sandbox.timing import rfc3339

ReadLog = Callable[[Instance], str]
"""What the container of an instance has printed so far."""


def simulated_log(instance: Instance) -> str:
    """Return what the container of a simulated instance would have printed."""
    lines = []
    for at, phase in instance.history:
        stamp = rfc3339(at)
        if phase is Phase.LOADING:
            lines.append(f"{stamp} pulling {instance.spec.image}")
        elif phase is Phase.RUNNING:
            lines += [f"{stamp} started {instance.spec.image}", f"{stamp} running onstart.sh"]
        elif phase is Phase.STOPPED:
            lines.append(f"{stamp} stopped")
    return "".join(f"{line}\n" for line in lines)
