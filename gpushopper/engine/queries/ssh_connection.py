"""The way to a session's instance, and the files of ssh that come and go with attempts (I23, I24)."""

from __future__ import annotations

from gpushopper.core.lifecycle.guard_renewal import NOT_APPLICABLE
from gpushopper.core.model.attempt import ALIVE_STATES, Attempt, DesiredState
from gpushopper.core.model.heartbeat import SshTarget
from gpushopper.core.model.session import Session, current, derive_health
from gpushopper.core.timing.clock_snapshot import SECOND, us
from gpushopper.engine.context import Context
from gpushopper.errors import Refused
from gpushopper.store import sessions
from gpushopper.wire.connection import ConnectionView

KEPT_S = 7 * 86400
"""How long a session's key outlives its receipt: who comes back late may still want to prove something with it."""
YOUNG_S = 86400
"""A key younger than this is never taken for a left-over: its session's row may not be written yet."""


def connection(ctx: Context, session: Session) -> ConnectionView:
    """How to log in now.

    Raises:
        Refused: it has ended or is ending, or no instance of it is handed over.
        ProviderFailed: the provider's address is none.
    """
    attempts = sessions.attempts_of(ctx.store, session.id)
    attempt = current(attempts)
    if session.desired_state is not DesiredState.RUNNING:
        raise Refused(f"{session.name} is ending or has ended", "see: gpu-shopper ls -a", code="ending")
    if attempt is None or not _may_log_in(attempt):
        text = f"{session.name} is not handed over yet"
        raise Refused(text, f"see: gpu-shopper get {session.name}", code="not_ready")
    health = derive_health(attempts)
    if attempt.guard_state == NOT_APPLICABLE or ctx.remote is None:
        return ConnectionView(session.id, session.name, attempt.id, health, is_paper=True)
    login = _login(attempt)
    if login is None:
        raise Refused(f"the provider tells no address of {session.name}", "try again in a moment", code="no_address")
    way = ctx.remote.connection(login)
    return ConnectionView(
        session=session.id,
        name=session.name,
        attempt=attempt.id,
        health=health,
        is_paper=False,
        user=way.user,
        host=way.host,
        port=way.port,
        options=list(way.options),
        key=str(way.key),
        known_hosts=str(way.known_hosts),
        control=None if way.control is None else str(way.control),
    )


def _may_log_in(attempt: Attempt) -> bool:
    return attempt.is_wanted and attempt.state in ALIVE_STATES and attempt.ready_at is not None


def _login(attempt: Attempt) -> SshTarget | None:
    if attempt.ssh_host is None or attempt.ssh_port is None:
        return None
    return SshTarget(attempt.session_id, attempt.id, attempt.ssh_host, attempt.ssh_port)


def tidy(ctx: Context) -> None:
    """Bring the managed ssh configuration up to date, and forget the pinned keys of attempts that are gone."""
    if ctx.remote is None:
        return
    known = ctx.remote.pinned_attempts()  # before the rows are read: an attempt that begins now is none of these
    with ctx.store.read():
        names = {session.id: session.name for session in sessions.load_sessions(ctx.store, open_only=True)}
        attempts = sessions.load_attempts(ctx.store)
    logins = [(names.get(each.session_id, ""), _login(each)) for each in attempts if _may_log_in(each)]
    ctx.remote.write_ssh_config([(name, login) for name, login in logins if name and login is not None])
    for attempt_id in known - {attempt.id for attempt in attempts}:
        ctx.remote.forget_attempt(attempt_id)


def prune_keys(ctx: Context) -> None:
    """Remove the ssh keys of sessions whose end was proven some days ago (D15)."""
    if ctx.remote is None:
        return
    now = ctx.clock.now().wall
    with ctx.store.read():
        open_ones = {attempt.session_id for attempt in sessions.load_attempts(ctx.store)}
        kept = {each.id for each in sessions.load_sessions(ctx.store) if _is_recent(each, now)}
    ctx.remote.prune_keys(open_ones | kept, now / SECOND - YOUNG_S)


def _is_recent(session: Session, now: int) -> bool:
    return session.ended_at is None or session.ended_at > now - us(KEPT_S)
