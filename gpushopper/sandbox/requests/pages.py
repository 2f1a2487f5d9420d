"""Pages that stand between a client and any cloud: a broken gateway's, a captive portal's."""

from __future__ import annotations

from flask import Response

CAPTIVE_PORTAL = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Welcome</body></html>"
GATEWAY_ERROR = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


def html(text: str, status: int) -> Response:
    """Answer with a page, as gateways and captive portals do."""
    return Response(text, status, content_type="text/html")


def gateway_error(status: int = 500) -> Response:
    """Answer as a broken gateway does: with a page, not JSON."""
    return html(GATEWAY_ERROR.replace("502 Bad Gateway", f"{status} Error"), status)
