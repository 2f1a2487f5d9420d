"""Reply bodies and errors of TensorDock: failures with status 200, arrays of validation problems (tensordock.md 13)."""

from __future__ import annotations

from typing import Any

from flask import Response, json

from gpushopper.sandbox.requests.pages import gateway_error

NO_NODES = "No available nodes found"
NO_PUBLIC_IP = "No available public IPs on hostnode"
_FAILURES = {
    "no_nodes": NO_NODES,
    "no_public_ip": NO_PUBLIC_IP,
    "hostnode_unavailable": "Hostnode unavailable",
    "deployment_error": "An unexpected error during deployment occurred",
    "low_balance": "You need at least $1 in your account to deploy an instance",
}


def reply(body: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(body), status, content_type="application/json")


def error(status: int, text: str) -> Response:
    """Answer an error with its own HTTP status."""
    return reply({"error": text}, status)


def failure(text: str, http_status: int = 200) -> Response:
    """Answer a create that failed: HTTP 200, the number of the error in the body."""
    return reply({"status": 400, "error": text}, http_status)


def problems(*found: tuple[str, str]) -> Response:
    """Answer validation problems, of a path such as `attributes.port_forwards` and a message each: an array."""
    rows = [
        {"code": "custom", "message": text, "path": ["data", *(path.split(".") if path else [])]}
        for path, text in found
    ]
    return reply(rows, 400)


def refusal(arg: str) -> Response:
    """Answer a create with a named failure or a bare status (`reject`): `CODE`, or `CODE,HTTP status`."""
    code, _, status = (part.strip() for part in arg.partition(","))
    if code == "validation":
        return problems(("attributes", "Invalid request"))
    if code.isdecimal():
        return by_status(int(code), "")
    return failure(_FAILURES.get(code, code), int(status or 200))


def no_such_instance() -> Response:
    """Answer what concerns an instance that does not exist."""
    return error(404, "Instance not found")


def no_key() -> Response:
    """Answer a request without a Bearer token."""
    return error(401, "Unauthorized")


def bad_key(status: int | None = None) -> Response:
    """Answer a token that is not known."""
    return error(status or 401, "Unauthorized")


def revoked_key() -> Response:
    """Answer a token that was deleted."""
    return no_key()


def not_its_own() -> Response:
    """Refuse an instance's own key: this cloud gives none out."""
    return no_key()


def lacks_permission(scope: str | None) -> Response:
    """Refuse a narrow key: tokens of this cloud can do everything (tensordock.md 2)."""
    return error(403, "Forbidden")


def by_status(status: int, path: str) -> Response:
    """Answer with a status that a fault asks for: 502 as a gateway does, everything else as JSON."""
    if status == 502:
        return gateway_error(status)
    texts = {401: "Unauthorized", 403: "Forbidden", 404: "Not found", 409: "Conflict"}
    return error(status, texts.get(status, "Internal server error" if status >= 500 else "Bad request"))


def not_json() -> Response:
    """Answer a body that is not JSON."""
    return error(400, "Invalid JSON body")


def unknown_route(status: int, name: str) -> Response:
    """Answer an address or method that does not exist."""
    return error(status, name)


def too_many_requests(form: str, gap_s: float, retry_after: int | None = None, reset_at: int = 0) -> Response:
    """Answer 429, whose body is unspecified, or the 401 that may have been one in a burst (tensordock.md 13)."""
    text = "Too many requests"
    if form == "masked_401":
        return no_key()
    answer = Response(text, 429, content_type="text/plain") if form == "plain" else error(429, text)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def error_of(status: int, body: Any) -> str | None:
    """Return the error that a reply names, whatever its HTTP status; None for a success."""
    if isinstance(body, list):
        return str(body[0].get("message")) if body and status >= 400 else None
    return body.get("error") if isinstance(body, dict) else None
