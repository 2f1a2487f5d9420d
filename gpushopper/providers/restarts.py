"""What an adapter has beside `Provider` where its cloud has a call that restarts an instance in place."""

from __future__ import annotations

from typing import Protocol, cast

from gpushopper.providers.base import has_calls


class Restarts(Protocol):
    """Disk, label, address and guard stay; what runs there ends."""

    def restart(self, instance_id: str, limit_s: float) -> bool:
        """Whether the cloud has confirmed that it restarts the instance."""
        ...


def restarting(client: object) -> Restarts | None:
    """The client as one that restarts instances; None where there is no such call."""
    return cast(Restarts, client) if has_calls(client, "restart") else None
