"""Whether GPU time bills, by what a row shows and by the terms of the offer."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper.core.cloud import Billing, BillingStart, StoppedBilling
from gpushopper.core.lifecycle.gpu_billing import bills_gpu_time
from gpushopper.core.model.instance import StatusClass
from tests.core.samples import row

S = StatusClass
VAST = Billing()
FROM_CREATE = Billing(begins=BillingStart.CREATE)
FROM_ADDRESS = Billing(begins=BillingStart.ADDRESS)
ALL = Billing(stopped=StoppedBilling.ALL)
NOTHING = Billing(stopped=StoppedBilling.NOTHING)


@pytest.mark.parametrize(
    ("billing", "status", "bills"),
    [
        (VAST, S.PENDING, False), (VAST, S.RUNNING, True), (VAST, S.STOPPED, False), (VAST, S.OFFLINE, False),
        (VAST, S.FAILED, False), (FROM_CREATE, S.PENDING, True), (FROM_CREATE, S.RUNNING, True),
        (FROM_CREATE, S.STOPPED, False), (FROM_ADDRESS, S.PENDING, False), (FROM_ADDRESS, S.RUNNING, False),
        (ALL, S.STOPPED, True), (ALL, S.OFFLINE, True), (ALL, S.FAILED, True), (ALL, S.PENDING, False),
        (NOTHING, S.STOPPED, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("was_billed", [False, True])
def test_the_status_decides_by_the_terms(billing: Billing, status: StatusClass, bills: bool, was_billed: bool):
    if (billing, status, was_billed) != (FROM_ADDRESS, S.RUNNING, True):
        assert bills_gpu_time(row(status=status), billing, was_billed=was_billed) is bills


def test_from_its_address_on_it_bills_also_while_the_address_is_not_shown():
    there: dict[str, Any] = {"ssh_host": "192.0.2.1", "ssh_port": 22}
    assert bills_gpu_time(row(**there), FROM_ADDRESS, was_billed=False)
    assert bills_gpu_time(row(), FROM_ADDRESS, was_billed=True)


@pytest.mark.parametrize("status", [S.UNKNOWN, S.ENDING])
@pytest.mark.parametrize("was_billed", [False, True])
def test_a_word_that_says_nothing_of_money_changes_nothing(status: StatusClass, was_billed: bool):
    assert bills_gpu_time(row(status=status), VAST, was_billed=was_billed) is was_billed


@pytest.mark.parametrize("said", [False, True])
@pytest.mark.parametrize("status", S)
def test_what_the_row_says_itself_wins(said: bool, status: StatusClass):
    assert bills_gpu_time(row(status=status, bills_gpu=said), ALL, was_billed=not said) is said
