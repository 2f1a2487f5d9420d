"""HTTP responses of the local API: JSON bodies, and which HTTP status an error becomes (by code, else by exit code)."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any

from flask import Response

from gpushopper.errors import ShopperError
from gpushopper.wire import ErrorAnswer, ErrorView

STATUS_BY_EXIT_CODE = {2: 400, 3: 404, 4: 424, 5: 503, 6: 409, 7: 502, 8: 504}
"""Any other exit code is 500."""
STATUS_BY_CODE = {
    "account_not_ready": 503,
    "busy": 503,
    "no_offer": 404,
    "cap_too_low": 404,
    "offer_gone": 404,
    "offer_differs": 409,
    "plan_too_old": 409,
    "idempotency_mismatch": 422,
    "disk_full": 507,
    "not_yours": 403,
    "not_a_member": 403,
    "owner_only": 403,
}
"""Exceptions to the table above, by `error.code`."""


def json_response(view: Any, status: int = 200) -> Response:
    """A wire dataclass, or a mapping of plain values, as a JSON response."""
    plain = asdict(view) if is_dataclass(view) and not isinstance(view, type) else view
    return Response(json.dumps(plain), status=status, content_type="application/json")


def error_response(error: ShopperError, request_id: str) -> Response:
    """An expected failure, with the status from the tables above."""
    status = STATUS_BY_CODE.get(error.code, STATUS_BY_EXIT_CODE.get(error.exit_code, 500))
    return error_body(error.code, error.message, error.hint, request_id, error.exit_code, status)


def error_body(code: str, message: str, hint: str, request_id: str, exit_code: int, status: int) -> Response:
    """The one form of every error."""
    return json_response(ErrorAnswer(ErrorView(code, message, hint, request_id, exit_code)), status)
