"""Reply bodies and errors of the Vast API: refusals, wrong keys, 429 in five forms (vastai.md 13)."""

from __future__ import annotations

from typing import Any

from flask import Response, json

from gpushopper.sandbox.requests.pages import gateway_error


def reply(body: Any, status: int = 200) -> Response:
    """Answer with JSON, without a charset: the official client refuses a search that names one (vastai.md 3.2)."""
    return Response(json.dumps(body), status, content_type="application/json")


def refuse(status: int, error: str, msg: str, **more: Any) -> Response:
    """Answer with Vast's usual error body."""
    return reply({"success": False, "error": error, "msg": msg, **more}, status)


def no_such_ask(offer_id: int) -> Response:
    """Answer that the offer is gone: HTTP 400, two blanks before `Instance` (seen live, vastai.md 4.4)."""
    text = f"error 404/3603: no_such_ask  Instance type by id {offer_id} is not available."
    return refuse(400, "invalid_args", text, ask_id=offer_id)


def refusal(code: str, offer_id: int) -> Response:
    """Answer a create with a named refusal or a bare status (`reject(code)`)."""
    match code:
        case "no_such_ask":
            return no_such_ask(offer_id)
        case "gone_while_starting":
            text = f"error 410/3907: no_such_ask Instance type {offer_id} is no longer available."
            return refuse(410, "no_such_ask", text)
        case "insufficient_credit":
            return refuse(400, code, "Your account lacks credit; see the billing page.")
        case "host_only":
            return refuse(403, "invalid_args", "error 403/3586: offer is reserved to its host.")
        case _ if code.isdecimal() and int(code) >= 500:
            return gateway_error(int(code))
        case _ if code.isdecimal():
            return refuse(int(code), "invalid_args", "error 400/3467: The request was refused.")
        case _:
            return refuse(400, code, f"error 400/3467: {code}.")


def no_such_instance(instance_id: int) -> Response:
    """Answer a change to an instance that does not exist."""
    return refuse(404, "no_such_instance", f"Instance {instance_id} not found.")


def no_key() -> Response:
    """Answer a request without a key."""
    return refuse(403, "auth_error", "This action requires login.")


def bad_key(status: int | None = None) -> Response:
    """Answer a wrong key: 404, which is not 'instance gone' (F32)."""
    return refuse(status or 404, "auth_error", "Invalid user key")


def revoked_key() -> Response:
    """Answer a deleted key."""
    return bad_key(401)


def not_its_own() -> Response:
    """Answer an instance's own key that is used for anything else (vastai.md 14)."""
    return refuse(401, "not_authorized", "This key is limited to its own instance.")


def lacks_permission(scope: str | None) -> Response:
    """Answer a key without the permission: 401 to an instance's own, 403 to an account's (vastai.md 11, 14)."""
    if scope is None:
        return refuse(401, "not_authorized", "This key lacks the permission.")
    return refuse(403, "not_authorized", f"This key lacks the permission {scope}.")


def by_status(status: int, path: str) -> Response:
    """Answer with a status that a fault asks for."""
    if status >= 500:
        return gateway_error(status)
    code = {410: "deprecated_endpoint", 404: "not_found"}.get(status, "invalid_request")
    return refuse(status, code, f"{path} is not available.")


def not_json() -> Response:
    """Answer a body that is not JSON."""
    return refuse(400, "invalid_request", "Invalid json body")


def unknown_route(status: int, name: str) -> Response:
    """Answer an address that does not exist."""
    return refuse(status, name.lower().replace(" ", "_"), f"{name}.")


def error_of(status: int, body: Any) -> str | None:
    """Return the error word of a reply; None for a success."""
    return body.get("error") if status >= 400 else None


def too_many_requests(form: str, gap_s: float, retry_after: int | None = None, reset_at: int = 0) -> Response:
    """Answer 429 in one of the five forms of vastai.md 13; `gap_s` is the endpoint's minimum gap."""
    text = f"API requests too frequent: endpoint threshold={gap_s:g}"
    match form:
        case "plain":
            answer = Response(text, 429, content_type="text/plain")
        case "detail":
            answer = reply({"detail": text.replace(": endpoint", " endpoint")}, 429)
        case "success_false":
            answer = refuse(429, "rate_limit_exceeded", text.replace(": endpoint", " endpoint"))
        case "search_quota":
            answer = refuse(429, "search_quota_exceeded", "Daily search quota exceeded.")
            answer.headers["X-RateLimit-Reset"] = str(reset_at)
        case _:
            message = "The action could not be performed because there were too many requests by the client."
            answer = reply({"message": f"{message}\n\n{text}*1.0\n\n", "code": "429 Too Many Requests"}, 429)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer
