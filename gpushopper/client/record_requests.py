"""The routes about what was done: what was sent to which host, and the report of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from gpushopper.client.request_base import RequestBase

if TYPE_CHECKING:
    from gpushopper import wire

NAMES_AT_ONCE = 500


class RecordRequests(RequestBase):
    """The part of `Client` that is about records."""

    def custody(self, *, session: str = "", host: str = "") -> wire.Custody:
        """What was sent to the hosts of a session, or to one host, or to all."""
        return cast("wire.Custody", self._request("GET", "custody", query=[("session", session), ("host", host)]))

    def report(self, session: str) -> wire.Report:
        """Everything about one session, for a reader long after."""
        return cast("wire.Report", self._request("GET", f"sessions/{quote(session, safe='')}/report"))

    def record_sent(
        self, found: wire.ConnectionView, means: str, target: str, *, files: list[str], variables: list[str]
    ) -> None:
        """Record what is about to be sent to an instance; when this returns, it is on the disk."""
        path = f"sessions/{quote(found.session, safe='')}/sent"
        for start in range(0, max(len(files), len(variables)), NAMES_AT_ONCE):
            part = slice(start, start + NAMES_AT_ONCE)
            named = {"files": files[part], "variables": variables[part]}
            self._request("POST", path, body={"attempt": found.attempt, "means": means, "target": target, **named})
