"""Moves the provider's own timer for `extend`: confirmed there before anything here says that it lasts longer."""

from __future__ import annotations

from gpushopper.core.cloud import EndingKind
from gpushopper.core.model.attempt import Attempt
from gpushopper.engine.account.reconciler import AccountReconciler
from gpushopper.engine.requests.engine_handle import EngineHandle
from gpushopper.errors import ProviderFailed, Refused
from gpushopper.providers.base import Endpoint, moving_end

MOVE_LIMIT_S = 20.0


def move_timer(handle: EngineHandle, attempt: Attempt, wall: int) -> bool:
    """Whether the provider's timer was moved to a later end, wall µs.

    False where there is nothing to move yet: no timer, an earlier end, which the daemon keeps and tells the cloud
    afterwards, or no instance, whose timer is set right once it is listed. On the caller's own thread.

    Raises:
        Refused: the cloud has no call for it.
        ProviderFailed: the cloud did not confirm it; nothing was changed.
    """
    is_timed = handle.ctx.ending_of(attempt.provider).kind is EndingKind.SERVER_TIMER
    if not is_timed or attempt.instance_id is None or wall <= attempt.deadline.wall:
        return False
    reconciler = handle.reconcilers.get(attempt.provider)
    client = None if reconciler is None else reconciler.client
    able = moving_end(client)
    if client is None or able is None:
        text = f"{attempt.provider} ends the instance at the time it was told with the create, which cannot be moved"
        raise Refused(text, "rent another one before that", code="timer_fixed")
    if not is_ours_for_sure(reconciler, attempt):
        text = f"{attempt.provider} does not show that {attempt.instance_id} is this session's instance"
        raise ProviderFailed(text, "try again; the deadline is as before", code="timer_not_moved")
    clock = handle.ctx.clock
    wait_s = client.available_at(Endpoint.TIMER) - clock.monotonic()
    if 0 < wait_s < MOVE_LIMIT_S:
        handle.ctx.pause(wait_s)
    if not able.set_end(attempt.instance_id, wall, MOVE_LIMIT_S):
        text = f"{attempt.provider} has not confirmed a later end of its own timer; nothing was changed"
        raise ProviderFailed(text, "try again; the deadline is as before", code="timer_not_moved")
    return True


def is_ours_for_sure(reconciler: AccountReconciler | None, attempt: Attempt) -> bool:
    """Whether the key is of the attempt's account, and the id has been seen with our label, or was ready (I28)."""
    if reconciler is None or reconciler.health.wrong_account:
        return False
    return attempt.ready_at is not None or reconciler.observed.listed.get(attempt.instance_id or "", False)
