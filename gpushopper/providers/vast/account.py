"""Read Vast's reply about the account: its id, and the balance in micro-dollars."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from gpushopper.core.model.money import DOLLAR, Micros
from gpushopper.providers.api import Failure, Reply
from gpushopper.providers.base import Account, ErrorKind, ReadFailed
from gpushopper.providers.kit import UnknownFields, number_id
from gpushopper.providers.vast.parsing import error_replies


def read_account(answer: Reply | Failure, unknown: UnknownFields) -> Account | ReadFailed:
    """The account. Its balance is `credit`: the field `balance` stays near zero on prepaid accounts (vastai.md 10)."""
    body = error_replies.payload(answer)
    if isinstance(body, ReadFailed):
        return body
    account_id = number_id(body.get("id"))
    if account_id is None:
        unknown.note("account: no id")
        return ReadFailed(ErrorKind.SHAPE, "an account without an id")
    return Account(account_id, _read_balance(body.get("credit")), answer.date if isinstance(answer, Reply) else None)


def _read_balance(credit: object) -> Micros | None:
    """Dollars to micro-dollars; may be negative (F82), unlike a price."""
    if isinstance(credit, bool) or not isinstance(credit, (int, float, str)):
        return None
    try:
        amount = Decimal(str(credit).strip())
    except InvalidOperation:
        return None
    return int(amount * DOLLAR) if amount.is_finite() and abs(amount) < 10**9 else None
