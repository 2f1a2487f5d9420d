"""Decides when a booting instance is given up: price changed, image refused, offer mismatch, boot timeout (S13)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core.lifecycle.offer_mismatch import row_mismatch
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.instance import Instance, StatusClass
from gpushopper.core.model.money import dollars
from gpushopper.core.policy import Policy
from gpushopper.core.timing.clock_snapshot import ClockSnapshot, us
from gpushopper.core.timing.deadline import DeadlineStatus, deadline_status


def boot_failure(attempt: Attempt, row: Instance, now: ClockSnapshot, policy: Policy) -> tuple[str, str] | None:
    """Reason and text for giving up an instance before it is ready, or None; failover comes next (F13, F15)."""
    limit = round(attempt.agreed_rate * (1 + policy.price_tolerance))
    if row.rate is not None and row.rate > limit:
        live, agreed = dollars(row.rate, 4), dollars(attempt.agreed_rate, 4)
        return "price_changed", f"the price is {live}/h, agreed was {agreed}/h"
    if row.status is StatusClass.FAILED and row.image_refused:
        return "image_refused", f"the registry refused the image: {row.message}"
    if row.status in (StatusClass.STOPPED, StatusClass.FAILED):
        return "boot_failed", f"the instance is {row.provider_status}: {row.message or 'it did not start'}"
    if row.status is StatusClass.ENDING:
        return "boot_failed", f"the provider is removing it: {row.message or row.provider_status}"
    mismatch = row_mismatch(attempt, row)
    if mismatch:
        return "offer_mismatch", mismatch
    is_running = row.status is StatusClass.RUNNING
    if is_running and not policy.needs_login:
        return None
    since = attempt.progress_boot
    is_stalled = since is not None and now.boot - since >= us(policy.boot_stall_timeout_s)
    # The row of a running instance shows no further progress: until ssh and guard are checked, only the timeout counts.
    is_over = boot_is_over(attempt, now, policy)
    if is_over and is_running and attempt.unreachable_since is not None:
        return "local_error", f"this computer could not log in to it: {attempt.probe_error}"
    if (is_stalled and not is_running) or is_over:
        return "boot_timeout", f"no progress: still {row.provider_status or 'created'}"
    return None


def boot_is_over(attempt: Attempt, now: ClockSnapshot, policy: Policy) -> bool:
    """Whether the boot timeout has passed: counted from the send, in every state before the instance is ready (I12)."""
    if attempt.sent_at is None or attempt.ready_at is not None:
        return False
    limit = replace(attempt.deadline, wall=attempt.sent_at + us(policy.boot_timeout_s))
    return deadline_status(limit, now) is DeadlineStatus.PASSED
