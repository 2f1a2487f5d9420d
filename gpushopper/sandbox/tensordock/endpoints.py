"""The table of endpoints, and what is common to TensorDock's requests: token, fault call, name (tensordock.md 2, 3).

No endpoint has a gap of its own: the organization's calls are limited together.
"""

from __future__ import annotations

from typing import Any

from flask import request

from gpushopper.sandbox.rate_limits import Bucket, Gap
from gpushopper.sandbox.requests.endpoint import Endpoint
from gpushopper.sandbox.requests.wire import RequestFacts

BASE = "/api/v2"
BUCKET = Bucket(100, 60)
_FREE = Gap(0)

ENDPOINTS = {
    "list_locations": Endpoint("search", "misc", _FREE, public=True),
    "list_hostnodes": Endpoint("other", "misc", _FREE),
    "get_hostnode": Endpoint("other", "misc", _FREE),
    "create_instance": Endpoint("create", "misc", _FREE),
    "list_instances": Endpoint("list", "misc", _FREE),
    "get_instance": Endpoint("get", "misc", _FREE),
    "start_instance": Endpoint("other", "misc", _FREE),
    "stop_instance": Endpoint("stop", "misc", _FREE),
    "modify_instance": Endpoint("other", "misc", _FREE),
    "delete_instance": Endpoint("destroy", "misc", _FREE),
    "list_secrets": Endpoint("other", "misc", _FREE),
    "create_secret": Endpoint("other", "misc", _FREE),
    "get_secret": Endpoint("other", "misc", _FREE),
    "delete_secret": Endpoint("other", "misc", _FREE),
}


def read_secret() -> str | None:
    """Return the Bearer token. Credentials in the query are good for nothing but `/locations`, which needs none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def attributes_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return `data.attributes` of a body, empty where it is none."""
    data = body.get("data")
    found = data.get("attributes") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def read_request(name: str, endpoint: Endpoint, body: dict[str, Any]) -> RequestFacts:
    """Return what a request is about: a create carries our label as its name, and nowhere else."""
    named = attributes_of(body).get("name") if endpoint.call == "create" else None
    return RequestFacts(endpoint.call, None if named is None else str(named))
