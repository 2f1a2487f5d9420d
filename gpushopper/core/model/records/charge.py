"""Charges: what a cloud says that it has billed for one instance, as its billing pages tell it."""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.model.money import Micros


@dataclass(frozen=True, slots=True)
class Charge:
    """The charges for one instance up to `until_at` (wall µs; None: the cloud does not say), micro-dollars.

    `other` is what the cloud names otherwise, or not at all; it may be negative where the parts are rounded.
    """

    instance_id: str
    gpu: Micros = 0
    storage: Micros = 0
    traffic: Micros = 0
    other: Micros = 0
    until_at: int | None = None

    @property
    def total(self) -> Micros:
        """Everything billed."""
        return self.gpu + self.storage + self.traffic + self.other

    def plus(self, more: Charge) -> Charge:
        """Both together: a cloud may tell several lines of one instance."""
        ends = [each for each in (self.until_at, more.until_at) if each is not None]
        return Charge(
            self.instance_id,
            self.gpu + more.gpu,
            self.storage + more.storage,
            self.traffic + more.traffic,
            self.other + more.other,
            max(ends, default=None),
        )


@dataclass(frozen=True, slots=True)
class ChargeList:
    """The charges of an account over a time, one for each instance.

    Only a complete list says by its silence that an instance was not billed.
    """

    charges: tuple[Charge, ...]
    complete: bool
    detail: str = ""
