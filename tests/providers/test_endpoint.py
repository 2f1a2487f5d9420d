"""A key goes nowhere unencrypted but to this computer, at any built-in cloud (I21)."""

from __future__ import annotations

import time

import pytest

from gpushopper import clouds
from gpushopper.errors import Misconfigured
from gpushopper.providers import adapter
from tests.credentials import credential


def connect(name: str, endpoint: str) -> None:
    adapter(name)(endpoint, credential(name, "k" * 64), time.monotonic).close()


@pytest.mark.parametrize("name", clouds.BUILT_IN)
@pytest.mark.parametrize(
    "host", ["127.example.com", "localhost.example.com", "example.com", "10.0.0.7", "[2001:db8::1]"]
)
def test_http_is_refused_where_the_host_is_not_this_computer(name: str, host: str):
    with pytest.raises(Misconfigured, match="unencrypted"):
        connect(name, f"http://{host}/api/v2")


@pytest.mark.parametrize("name", clouds.BUILT_IN)
@pytest.mark.parametrize(
    "address", ["http://localhost:9", "http://127.0.0.1:9", "http://[::1]:9", "https://example.com"]
)
def test_this_computer_and_https_are_accepted(name: str, address: str):
    connect(name, address)


@pytest.mark.parametrize("name", clouds.BUILT_IN)
@pytest.mark.parametrize("address", ["", "ftp://127.0.0.1", "https://", "https://me:pw@example.com", "https://a/?x=1"])
def test_what_is_no_address_of_an_api_is_refused(name: str, address: str):
    with pytest.raises(Misconfigured, match="endpoint"):
        connect(name, address)
