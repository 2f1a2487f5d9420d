"""Passes each finished call to the part that started it; times out calls that hang, cancels those that never began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpushopper.core.timing.clock_snapshot import ClockSnapshot
from gpushopper.engine.account.account_mark import AccountMark
from gpushopper.engine.account.calls import provider_calls as kinds
from gpushopper.engine.account.calls.former_key import RECORDED, without_refusal
from gpushopper.engine.account.calls.in_flight import CompletedCall, InFlightCall, NotSent
from gpushopper.engine.account.calls.provider_calls import ProviderCalls
from gpushopper.engine.account.create.creator import Creator
from gpushopper.engine.account.destroyer import Destroyer
from gpushopper.engine.account.heartbeat_monitor import HeartbeatMonitor
from gpushopper.engine.account.key_refusals import KeyRefusals
from gpushopper.engine.account.listing.instance_reads import InstanceReads
from gpushopper.engine.account.listing.list_polling import ListPoller
from gpushopper.engine.account.observed_state import ObservedState
from gpushopper.engine.account.ssh_key_attachment import KeyAttachment
from gpushopper.engine.account.upkeep.bill_reading import BillReading
from gpushopper.engine.account.upkeep.leftover_removal import LeftoverRemoval
from gpushopper.engine.account.upkeep.server_timers import ServerTimers
from gpushopper.engine.account.watching.landings import Landings
from gpushopper.engine.account.watching.network_watch import note_read
from gpushopper.engine.executor import CallResult
from gpushopper.providers.base import Destroyed, DestroyOutcome, ErrorKind, ReadFailed, UnknownOutcome


@dataclass(frozen=True, slots=True)
class ResultDispatch:
    """The parts of one account that take results."""

    calls: ProviderCalls
    observed: ObservedState
    poller: ListPoller
    reads: InstanceReads
    creator: Creator
    destroyer: Destroyer
    heartbeats: HeartbeatMonitor
    key_attachment: KeyAttachment
    mark: AccountMark
    leftovers: LeftoverRemoval
    timers: ServerTimers
    landings: Landings
    bills: BillReading

    def on_result(self, done: CallResult, now: ClockSnapshot) -> None:
        """Settle the call that this result belongs to; it stays in flight when storing the result fails.

        A result whose call was given up before is late, also when the same call was started again meanwhile: an old
        list must not count as a newer one (D6). A result that names no call settles none: its call ends by its limit.
        """
        completed = done.value
        if not isinstance(completed, CompletedCall):
            return
        key: tuple[Any, ...] = done.key  # type: ignore[assignment]
        call = completed.call if self.calls.in_flight.get(key) is completed.call else None
        if call is not None:
            del self.calls.in_flight[key]
        try:
            self._dispatch(key, call, completed, now)
        except BaseException:
            if call is not None:
                self.calls.in_flight[key] = call
            raise

    def _dispatch(
        self, key: tuple[Any, ...], call: InFlightCall | None, completed: CompletedCall, now: ClockSnapshot
    ) -> None:
        """Late results (`call` is None) of lists, reads and heartbeats are dropped, and so is what went wrong in a late
        call; all others are still recorded. Of calls made with a former key only those that changed something are.
        """
        if completed.error is not None and call is None:
            return
        value, refusals = _value_of(completed), self.observed.health.key_refusals
        if completed.call.client is not self.calls.client:
            if key[1] not in RECORDED:
                return
            value, refusals = without_refusal(value), KeyRefusals()  # counted for no key in use
        self._note(key[1], value, now)
        match key[1]:
            case kinds.ACCOUNT:
                self.poller.on_account(value, now)
            case kinds.LIST if call is not None:
                self.poller.on_list(value, call, now)
            case kinds.GET if call is not None:
                self.reads.on_result(key[2], value, call, now)
            case kinds.CREATE:
                self.creator.on_result(key[2], value, now, refusals, late=call is None)
            case kinds.DESTROY:
                self.destroyer.on_result(key[2], value, now, refusals, late=call is None)
            case kinds.HEARTBEAT if call is not None:
                self.heartbeats.on_result(key[2], value, now)
            case _:
                self._dispatch_upkeep(key, call, value, now)

    def _note(self, kind: str, value: Any, now: ClockSnapshot) -> None:
        """What any answer tells: the cloud's date, and of a read also whether this computer is online."""
        self.observed.note_provider_date(value, now)
        if kind in (kinds.ACCOUNT, kinds.LIST, kinds.GET):
            note_read(self.heartbeats.account, value, now)

    def _dispatch_upkeep(self, key: tuple[Any, ...], call: InFlightCall | None, value: Any, now: ClockSnapshot) -> None:
        """Results about what the account holds beside its instances, and about what is on those."""
        match key[1]:
            case kinds.MARK:
                self.mark.on_result(value, now)
            case kinds.LEFTOVERS if call is not None:
                self.leftovers.on_result(key[2], value, call, now)
            case kinds.TIMER:
                self.timers.on_result(key[2], value)
            case kinds.PULL if call is not None:
                self.landings.on_result(key[2], value, now)
            case kinds.CHARGES if call is not None:
                self.bills.on_result(value, now)
            case kinds.OUTPUTS:
                self.heartbeats.outputs.on_result(key[2], value)
            case kinds.ATTACH:
                self.key_attachment.on_result(key[2], value)

    def expire(self, now: ClockSnapshot) -> None:
        """Settle calls that outlived their limit, so that a hung thread or host blocks nothing (S14)."""
        for key, call in list(self.calls.in_flight.items()):
            if now.boot < call.expires_boot:
                continue
            if call.cancel():
                self.on_result(CallResult(key, CompletedCall(call, not_sent_result(key[1]))), now)
            elif now.boot >= call.expires_boot:  # checked again: it may have begun between the two checks
                self.on_result(CallResult(key, CompletedCall(call, timed_out_result(key[1]))), now)


def _value_of(completed: CompletedCall) -> Any:
    """What the call answered; a bug of ours in it counts as a failed read."""
    if completed.error is None:
        return completed.value
    return ReadFailed(ErrorKind.SHAPE, f"internal fault: {type(completed.error).__name__}")


def timed_out_result(kind: str) -> ReadFailed | UnknownOutcome | Destroyed:
    """The result of a call that began and gave no answer within its limit."""
    match kind:
        case kinds.CREATE:
            return UnknownOutcome("no answer within the time limit")
        case kinds.DESTROY:
            return Destroyed(DestroyOutcome.UNKNOWN, "no answer within the time limit")
        case _:
            return ReadFailed(ErrorKind.NETWORK, "no answer within the time limit")


def not_sent_result(kind: str) -> ReadFailed | NotSent:
    """The result of a call that waited too long for a thread and was cancelled: nothing was sent."""
    if kind in (kinds.CREATE, kinds.DESTROY, kinds.HEARTBEAT):
        return NotSent()
    return ReadFailed(ErrorKind.NETWORK, "not sent: this computer is too busy")
