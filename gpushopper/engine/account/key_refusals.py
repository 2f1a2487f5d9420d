"""Whether a refusal of the key is one: clouds also answer a burst of calls with 401 or 403 (F32, F75).

TensorDock answers 401 for a valid key when it is called too often, and gateways in front of a cloud answer 403.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us


@dataclass(slots=True)
class KeyRefusals:
    """When the key was last accepted, and since when each kind of call has been refused; µs of the boot clock.

    By kind of call, because a key may be good for lists and not for creates: those must not end each other's refusals.
    """

    source: str = ""
    """Where the key is from, as its source names itself."""
    _accepted_boot: int | None = None
    _since: dict[str, int] = field(default_factory=dict)
    _latest: dict[str, int] = field(default_factory=dict)
    _rejected: set[str] = field(default_factory=set)

    def accepted(self, kind: str, now: ClockSnapshot) -> None:
        """A call of this kind got an answer that needs a good key."""
        self._accepted_boot = now.boot
        self.answered(kind)

    def answered(self, kind: str) -> None:
        """A call of this kind got an answer that may need no key, as a search."""
        self._since.pop(kind, None)
        self._rejected.discard(kind)

    @property
    def has_rejected(self) -> bool:
        """Whether the key counts as rejected for some kind of call, by the latest answer to it."""
        return bool(self._rejected)

    def is_refusing(self, now: ClockSnapshot, policy: Policy) -> bool:
        """Whether the key is refused now, by some kind of call: a user should know before it counts as a rejection."""
        recent = us(policy.key_trusted_s)
        return any(now.boot - self._latest.get(kind, since) < recent for kind, since in self._since.items())

    def is_rejected(self, kind: str, now: ClockSnapshot, policy: Policy, *, is_own_form: bool = True) -> bool:
        """Note a refusal. Whether the key is rejected; otherwise the refusal counts as throttling.

        At once only in the cloud's own form, and where the key has not been accepted of late; else once it lasts.
        """
        latest = self._latest.get(kind)
        if latest is not None and now.boot - latest >= us(policy.key_trusted_s):
            self._since.pop(kind, None)  # a refusal of long ago, whose call was not made again, is another one
        self._latest[kind] = now.boot
        lasts = now.boot - self._since.setdefault(kind, now.boot) >= us(policy.throttled_max_s)
        accepted = self._accepted_boot
        is_trusted = accepted is not None and now.boot - accepted < us(policy.key_trusted_s)
        if lasts or (is_own_form and not is_trusted):
            self._rejected.add(kind)
            return True
        return False
