"""Has the provider add our ssh key to booting instances: a second way, for hosts that lose the boot script's key."""

from __future__ import annotations

from typing import Any

from gpushopper.core.lifecycle.guard_renewal import NONE, NOT_APPLICABLE
from gpushopper.core.model.attempt import Attempt, State
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.engine.account.calls.provider_calls import ATTACH
from gpushopper.engine.account.part_interface import Account
from gpushopper.providers.base import Endpoint

RETRY_S = 5.0


class KeyAttachment:
    """The reconciler's part that asks the provider to attach keys, until it has accepted each once."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._attached: set[str] = set()
        self._next: dict[str, int] = {}
        """When each attempt's key is attached next, in µs of the boot clock."""

    def forget(self, attempt_id: str) -> None:
        """The key was attached by a wrong instance id: attach it anew once the right one is known."""
        self._attached.discard(attempt_id)
        self._next.pop(attempt_id, None)

    def _waiting(self) -> list[Attempt]:
        """Only instances that have been listed with our label: a foreign one must not be given our key (I28)."""
        if self.account.ctx.remote is None or not self.account.policy.needs_login:
            return []
        if self.account.client is None or not self.account.client.traits.planting.attaches_keys:
            return []
        done, listed = self._attached | self.account.calls.subjects(ATTACH), self.account.observed.listed
        return [
            a
            for a in self.account.open_attempts()
            if a.state is State.BOOTING
            and a.is_wanted
            and a.guard_state not in (NONE, NOT_APPLICABLE)
            and a.last_seen_at is not None
            and a.id not in done
            and listed.get(a.instance_id or "")
        ]

    def dues(self, now: ClockSnapshot) -> list[int]:
        """When each waiting key can be attached, in µs of the boot clock."""
        waiting = self._waiting()
        if not waiting:
            return []
        free = self.account.calls.free_boot(Endpoint.KEYS, now)
        return [max(self._next.get(a.id, now.boot), free) for a in waiting]

    def send(self, now: ClockSnapshot) -> None:
        """Start at most one call that is due."""
        self._forget_closed()
        client, remote = self.account.client, self.account.ctx.remote
        if client is None or remote is None or not self.account.calls.is_free(Endpoint.KEYS, now):
            return
        due = [a for a in self._waiting() if self._next.get(a.id, now.boot) <= now.boot]
        if not due or due[0].instance_id is None:
            return
        attempt, limit = due[0], self.account.policy.read_timeout_s
        self._next[attempt.id] = now.boot + us(RETRY_S)

        def attach(instance_id: str = due[0].instance_id) -> bool:
            return client.attach_key(instance_id, remote.public_key(attempt.session_id), limit)

        self.account.calls.submit((ATTACH, attempt.id), attach, limit, now)

    def on_result(self, attempt_id: str, value: Any) -> None:
        """Tried again unless the provider accepted the key."""
        if value is True:
            self._attached.add(attempt_id)

    def _forget_closed(self) -> None:
        still_open = {attempt.id for attempt in self.account.open_attempts()}
        for attempt_id in self._next.keys() - still_open:
            del self._next[attempt_id]
        self._attached &= still_open
