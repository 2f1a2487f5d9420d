"""What an adapter has beside `Provider` where its cloud has a call that restarts an instance in place."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Restarts(Protocol):
    """Disk, label, address and guard stay; what runs there ends."""

    def restart(self, instance_id: str, limit_s: float) -> bool:
        """Whether the cloud has confirmed that it restarts the instance."""
        ...


def restarting(client: object) -> Restarts | None:
    """The client as one that restarts instances; None where there is no such call."""
    return client if isinstance(client, Restarts) else None
