"""What an adapter has beside `Provider` where its cloud tells what it has charged for each instance."""

from __future__ import annotations

from typing import Protocol, cast

from gpushopper.core.model.records.charge import ChargeList
from gpushopper.providers.base import ReadFailed, has_calls


class TellsCharges(Protocol):
    """Charges come late, by hours or a day, and are rounded; instances that are gone have theirs still."""

    def fetch_charges(self, start_at: int, end_at: int, limit_s: float) -> ChargeList | ReadFailed:
        """What was charged for instances in [start, end], wall µs. `limit_s` bounds all pages together."""
        ...


def charging(client: object) -> TellsCharges | None:
    """The client as one that tells charges; None where there is no such call."""
    return cast(TellsCharges, client) if has_calls(client, "fetch_charges") else None
