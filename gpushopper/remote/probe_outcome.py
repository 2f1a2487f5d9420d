"""Decide the outcome of one ssh probe: a heartbeat, or which probe failure (not reached, no login, host key ...)."""

from __future__ import annotations

from gpushopper.core.model.heartbeat import Heartbeat, ProbeFailure, ProbeFailureKind
from gpushopper.remote import heartbeat_probe
from gpushopper.remote.bounded_process import Finished, Killed, LimitKind
from gpushopper.remote.ssh_errors import OWN_FAILURE, classify_ssh_failure


def read_outcome(done: Finished | Killed, marker: str, limit_s: float) -> Heartbeat | ProbeFailure:
    """The heartbeat in the output of one ssh process, or the probe failure that it shows."""
    has_started = heartbeat_probe.has_started(done.out, marker)
    if isinstance(done, Killed):
        return _read_killed(done, marker, limit_s, has_started)
    if done.status == OWN_FAILURE and not has_started:
        return classify_ssh_failure(done.err)
    found = heartbeat_probe.read_heartbeat(done.out, marker, is_complete=True)
    if found is None and done.status == OWN_FAILURE:
        return ProbeFailure(ProbeFailureKind.UNREACHABLE, "the connection was lost during the answer")
    return found or ProbeFailure(ProbeFailureKind.MALFORMED, "the login worked, but the answer cannot be read")


def _read_killed(done: Killed, marker: str, limit_s: float, has_started: bool) -> Heartbeat | ProbeFailure:
    if done.limit is LimitKind.SIZE:
        return ProbeFailure(
            ProbeFailureKind.MALFORMED, f"more than {heartbeat_probe.SIZE_LIMIT // 1024} kB instead of an answer"
        )
    if not has_started and not done.out:
        return ProbeFailure(ProbeFailureKind.UNREACHABLE, f"no answer within {limit_s:g} s")
    found = heartbeat_probe.read_heartbeat(done.out, marker, is_complete=False)
    return found or ProbeFailure(ProbeFailureKind.MALFORMED, f"no complete answer within {limit_s:g} s")
