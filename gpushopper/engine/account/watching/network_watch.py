"""Notes what answers and what does not, to tell this computer's own lost network apart (F127)."""

from __future__ import annotations

from typing import Any

from gpushopper.core.lifecycle.ends.own_network import LIST, SSH, offline_alarm
from gpushopper.core.model.heartbeat import Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.part_interface import Account
from gpushopper.providers.base import ErrorKind, ReadFailed


def note_read(account: Account, value: Any, now: ClockSnapshot) -> None:
    """An account or a list was asked for; any reply shows that this computer is online, a refusal too."""
    is_lost = isinstance(value, ReadFailed) and value.error_kind is ErrorKind.NETWORK and not value.was_answered
    _note(account, LIST if is_lost else "", now)


def note_probe(account: Account, found: Heartbeat | ProbeFailure, now: ClockSnapshot) -> None:
    """An instance was logged in to; what is this computer's own failure shows neither."""
    if isinstance(found, ProbeFailure) and found.kind is ProbeFailureKind.LOCAL:
        return
    is_lost = isinstance(found, ProbeFailure) and found.kind is ProbeFailureKind.UNREACHABLE
    _note(account, SSH if is_lost else "", now)


def _note(account: Account, lost: str, now: ClockSnapshot) -> None:
    """Record it (`lost` names what gave no answer, empty where something did), and the alarm where that changed."""
    ctx, cloud = account.ctx, account.ctx.cloud_of(account.name)
    ctx.network = ctx.network.unanswered(lost, cloud, now.wall) if lost else ctx.network.answered()
    since = ctx.network.offline_since
    if ctx.told_offline is (since is not None):
        return
    if account.transact(now, lambda tx: tx.run([offline_alarm(since)])):
        ctx.told_offline = since is not None
