"""Credentials and addresses of simulated clouds, for tests."""

from __future__ import annotations

from urllib.parse import urlsplit

from gpushopper import clouds
from gpushopper.core.secret import Credential

VAST = clouds.get("vast")


def api_key(text: str) -> Credential:
    """An API key, as Vast's adapter takes it."""
    return Credential.of([("api_key", text)])


def credential(cloud: str, key: str) -> Credential:
    """A key of a cloud's simulated account, as its adapter takes it."""
    (part,) = (part.name for part in clouds.get(cloud).credential if part.is_needed)
    return Credential.of([(part, key)])


def address(cloud: str, port: int = 9) -> str:
    """Where a simulated cloud is, with the path of its real address."""
    return f"http://127.0.0.1:{port}{urlsplit(clouds.get(cloud).endpoint).path}"
