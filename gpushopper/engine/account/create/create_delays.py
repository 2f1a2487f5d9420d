"""When the next create may be tried: pauses of the whole account, and deferred creates of single sessions (backoff)."""

from __future__ import annotations


class CreateDelays:
    """Kept in memory only: after a restart a create may be tried at once. All times in µs of the boot clock."""

    def __init__(self) -> None:
        self.not_before = 0
        """No create of the account before this."""
        self._deferred: dict[str, int] = {}
        """Sessions whose own create waits, and until when: creates of other sessions do not wait with them."""

    def pause(self, until: int) -> None:
        """Create nothing on this account before then."""
        self.not_before = until

    def defer(self, session_id: str, until: int, now_boot: int) -> None:
        """Create nothing for this session before then."""
        self._deferred = {session: boot for session, boot in self._deferred.items() if boot > now_boot}
        self._deferred[session_id] = until

    def deferred_until(self, session_id: str) -> int:
        """When the session's create may be tried, as far as that depends on the session; 0 where it does not wait."""
        return self._deferred.get(session_id, 0)
