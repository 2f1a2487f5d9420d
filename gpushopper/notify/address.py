"""May an alert be sent to this address: https, or http on this computer."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

LONGEST = 2000


def check_address(text: str) -> str:
    """The address without surrounding blanks.

    Raises:
        ValueError: nothing is sent there; the text says why, without the address, which may hold a secret.
    """
    address = text.strip()
    if not address.isascii() or not address.isprintable() or " " in address or len(address) > LONGEST:
        raise ValueError("an address is one line of at most 2,000 ASCII characters, without blanks")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("the address has a host or a port that cannot be one") from None
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("an address begins with https:// and a host")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("http is for this computer alone (127.0.0.1); elsewhere use https")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("an address has no user, password or fragment")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
