"""Credentials of clouds that ask for one key, for tests."""

from __future__ import annotations

from gpushopper import clouds
from gpushopper.core.secret import Credential

VAST = clouds.get("vast")


def api_key(text: str) -> Credential:
    """An API key, as Vast's adapter takes it."""
    return Credential.of([("api_key", text)])
