"""Checks the address of an API before a key is ever sent there: encrypted, or on this computer."""

from __future__ import annotations

import ipaddress

import httpx

from gpushopper.errors import Misconfigured


def check_endpoint(endpoint: str, title: str, form: str, *, own_transport: bool) -> None:
    """Refuse an address that is none, or to which the key would go unencrypted.

    `title` is the cloud's name for people, `form` what its address looks like. A transport that was passed in
    (`own_transport` false) sends nothing over a network.

    Raises:
        Misconfigured: the reason.
    """
    try:
        url = httpx.URL(endpoint)
    except (httpx.InvalidURL, TypeError) as error:
        raise Misconfigured(f"the {title} endpoint is not an address") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.userinfo:
        raise Misconfigured(f"the {title} endpoint must be {form}")
    if own_transport and url.scheme == "http" and not _is_this_computer(url.host):
        raise Misconfigured(f"the {title} endpoint must be https: http would send the key unencrypted")


def _is_this_computer(host: str) -> bool:
    """Whether it is `localhost` or a literal loopback address; `127.example.com` is neither."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
