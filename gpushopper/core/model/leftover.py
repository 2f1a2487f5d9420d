"""Leftovers: what a create made beside the instance: keys, scripts, templates, disks, as the account shows them."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.cloud import Leftover
from gpushopper.core.model.label import Label, find_label


@dataclass(frozen=True, slots=True)
class LeftoverItem:
    """One thing of the account that is no instance. `item_id` is unique within its kind.

    `name` proves whose it is, by our label in it. `used_by` is the id of the instance that it belongs to now, None
    where it belongs to none or the cloud does not say.
    """

    kind: Leftover
    item_id: str
    name: str
    used_by: str | None = None

    def owner(self) -> Label | None:
        """Whose create made it, by the label in its name."""
        return find_label(self.name)

    @property
    def text(self) -> str:
        """What it is, for people: `disk vol-81`."""
        return f"{self.kind.value} {self.item_id}"


@dataclass(frozen=True, slots=True)
class ObservedLeftovers:
    """A whole list of them. `requested_boot`: when it was requested, µs of the boot clock."""

    items: tuple[LeftoverItem, ...]
    requested_boot: int
