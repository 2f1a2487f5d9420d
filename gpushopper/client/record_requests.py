"""The routes about what was done: what was sent to which host, and the report of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpushopper.client.request_base import RequestBase
from gpushopper.wire.api import routes

if TYPE_CHECKING:
    from gpushopper import wire

NAMES_AT_ONCE = 500


class RecordRequests(RequestBase):
    """The part of `Client` that is about records."""

    def custody(self, *, session: str = "", host: str = "") -> wire.Custody:
        """What was sent to the hosts of a session, or to one host, or to all."""
        return self._ask(routes.CUSTODY, query=[("session", session), ("host", host)])

    def report(self, session: str) -> wire.Report:
        """Everything about one session, for a reader long after."""
        return self._ask(routes.REPORT, session)

    def record_sent(
        self, found: wire.ConnectionView, means: str, target: str, *, files: list[str], variables: list[str]
    ) -> None:
        """Record what is about to be sent to an instance; when this returns, it is on the disk."""
        for start in range(0, max(len(files), len(variables)), NAMES_AT_ONCE):
            part = slice(start, start + NAMES_AT_ONCE)
            named = {"files": files[part], "variables": variables[part]}
            body = {"attempt": found.attempt, "means": means, "target": target, **named}
            self._ask(routes.RECORD_SENT, found.session, body=body)
