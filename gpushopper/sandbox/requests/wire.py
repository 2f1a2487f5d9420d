"""How a dialect reads the requests of its cloud and refuses them: what the kernel asks it about every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Response

from gpushopper.sandbox.rate_limits import Bucket
from gpushopper.sandbox.requests.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a request is about, as its dialect reads it.

    `call` is the fault call, which may differ from its endpoint's (one address may start, stop and label).
    `label` and `env_label` are the two copies of the label in a create (S4), `ids` the instances that a body names;
    the one in the address is known without it, by the name `instance_id` in the route.
    """

    call: str
    label: str | None = None
    env_label: str | None = None
    ids: tuple[str, ...] = ()


class Refusals(Protocol):
    """The error replies of a cloud; a module of functions will do."""

    def no_key(self) -> Response:
        """Answer a request that carries no key."""

    def bad_key(self, status: int | None = None) -> Response:
        """Answer a key that is not known, with the cloud's own status or the one that a fault asks for."""

    def revoked_key(self) -> Response:
        """Answer a key that was deleted."""

    def not_its_own(self) -> Response:
        """Answer an instance's own key that is used for anything but this instance."""

    def lacks_permission(self, scope: str | None) -> Response:
        """Answer a key without the permission; None for an instance's own key."""

    def by_status(self, status: int, path: str) -> Response:
        """Answer with this HTTP status (fault `status`); from 500 on as a gateway would, which is not JSON."""

    def not_json(self) -> Response:
        """Answer a body that is not JSON."""

    def unknown_route(self, status: int, name: str) -> Response:
        """Answer an address or method that does not exist; `name` is what HTTP calls the status."""

    def too_many_requests(self, form: str, gap_s: float, retry_after: int | None, reset_at: int) -> Response:
        """Answer 429 in one of `rate_limits.FORMS`, or in the cloud's only form; `reset_at` in UTC seconds."""

    def error_of(self, status: int, body: Any) -> str | None:
        """Return the error that a JSON reply names, for the ledger; None for a success."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The wire format of a cloud, as far as every request needs it.

    `endpoints` has an entry for each name of a route; `read_request` is given that name, its endpoint and the body;
    `read_secret` returns the secret that the request at hand carries. `bucket` limits the calls of an account where
    the cloud limits them over all endpoints.
    """

    endpoints: Mapping[str, Endpoint]
    read_request: Callable[[str, Endpoint, dict[str, Any]], RequestFacts]
    read_secret: Callable[[], str | None]
    refusals: Refusals
    bucket: Bucket | None = None
