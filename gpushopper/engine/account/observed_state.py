"""What an account has shown since this process started: last list, listed ids, ids to read, the provider's date."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.model.leftover import ObservedLeftovers
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, ProviderDate
from gpushopper.engine.account.account_health import AccountHealth
from gpushopper.providers.base import Account, InstanceList


@dataclass
class ObservedState:
    """Kept in memory only; written and read by the parts of one reconciler, all on the engine's thread."""

    health: AccountHealth
    last_list: ObservedList | None = None
    listed: dict[str, bool] = field(default_factory=dict)
    """Every instance id listed so far, true where the row had our label: no later create can have made it."""
    pending_reads: dict[str, str] = field(default_factory=dict)
    """Instances that the last list lacks and that are to be read by id: attempt id by instance id."""
    provider_date: ProviderDate | None = None
    leftovers: ObservedLeftovers | None = None
    """The last whole list of what the account holds beside instances."""

    def note_provider_date(self, value: Any, now: ClockSnapshot) -> None:
        """Keep the date of a response as a third clock; only authenticated responses count (D10)."""
        if isinstance(value, (Account, InstanceList)) and value.date is not None:
            self.provider_date = ProviderDate(value.date, now.boot, now.boot_id)

    def at(self, now: ClockSnapshot) -> ClockSnapshot:
        """This snapshot with the provider's date added as third clock (D10)."""
        date = None if self.provider_date is None else self.provider_date.at(now)
        provider_answered = self.health.complete_list_boot is not None
        return ClockSnapshot(now.wall, now.boot, now.boot_id, date, provider_answered=provider_answered)
