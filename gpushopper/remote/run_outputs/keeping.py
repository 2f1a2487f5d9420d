"""Fetch the outputs of runs over ssh, and keep them on this computer; what the host does is a value (ends.md E8)."""

from __future__ import annotations

import secrets

from gpushopper import kept_runs
from gpushopper.clock import SystemClock
from gpushopper.core.model.run_folder import KeptNow
from gpushopper.paths import Home
from gpushopper.remote import ssh_environment
from gpushopper.remote.bounded_process import Killed, LimitKind, run_bounded
from gpushopper.remote.run_outputs.fetched_outputs import MOST_KNOWN, SIZE_LIMIT, Fetched, fetch_command, read_fetched
from gpushopper.remote.ssh_command import Connection
from gpushopper.remote.ssh_errors import OWN_FAILURE, classify_ssh_failure


def keep_outputs(home: Home, connection: Connection, session_id: str, now: int, limit_s: float) -> KeptNow:
    """Fetch what is not kept whole yet, the newest runs first; `now` is wall µs, `limit_s` is for all logins together.

    Raises:
        OSError: ssh cannot be started, or nothing can be written here.
    """
    whole = [kept.run.run for kept in kept_runs.kept_runs(home, session_id) if kept.run.is_over and kept.is_whole]
    complete = set(whole[:MOST_KNOWN])
    clock = SystemClock()
    until = clock.monotonic() + limit_s
    while (left_s := until - clock.monotonic()) > 0:
        marker = f"gs-{secrets.token_hex(12)}"
        command = connection.argv(fetch_command(marker, complete))
        environ = ssh_environment.environment()
        done = run_bounded(command, limit_s=left_s, size_limit=SIZE_LIMIT, environ=environ)
        if not isinstance(done, Killed) and done.status == OWN_FAILURE and marker.encode() not in done.out:
            return KeptNow(frozenset(complete), classify_ssh_failure(done.err).detail)
        before = len(complete)
        # What is kept whole was not asked for: it is not replaced, whatever the instance sends now.
        for fetched in _new(read_fetched(done.out, marker, now), {*whole, *complete}):
            if not kept_runs.keep(home, session_id, fetched.run, fetched.out, fetched.err, now):
                return KeptNow(frozenset(complete), "this computer's disk is nearly full")
            if fetched.run.is_over and fetched.out.has_come and fetched.err.has_come:
                complete.add(fetched.run.run)
        if not isinstance(done, Killed):
            return KeptNow(frozenset(complete))
        if done.limit is LimitKind.TIME or len(complete) == before:
            break
    return KeptNow(frozenset(complete), "it has more output than could be fetched in time")


def _new(found: list[Fetched], kept: set[str]) -> list[Fetched]:
    return [fetched for fetched in found if fetched.run.run not in kept]
