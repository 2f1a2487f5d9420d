"""How to log in to a session's instance over ssh: host, port, user and key (I23, I24)."""

from __future__ import annotations

from pathlib import Path

from gpushopper.core.lifecycle.guard_renewal import NOT_APPLICABLE
from gpushopper.core.model.attempt import DesiredState
from gpushopper.core.model.session import current, derive_health
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find_exactly
from gpushopper.engine.ssh_files import may_log_in
from gpushopper.errors import Refused
from gpushopper.remote.planting import member_keys
from gpushopper.store import sessions
from gpushopper.wire.connection import ConnectionView


def connection(ctx: Context, ref: str) -> ConnectionView:
    """How to log in to the session with this name or id, now.

    Raises:
        NotFound: there is none.
        Refused: it has ended or is ending, no instance of it is ready, or the provider gives no address.
        ProviderFailed: the address that the provider gives is not one.
    """
    session = find_exactly(ctx, ref)
    attempts = sessions.attempts_of(ctx.store, session.id)
    attempt = current(attempts)
    if session.desired_state is not DesiredState.RUNNING:
        raise Refused(f"{session.name} is ending or has ended", "see: gpu-shopper ls -a", code="ending")
    if attempt is None or not may_log_in(attempt):
        text = f"{session.name} is not ready yet"
        raise Refused(text, f"see: gpu-shopper get {session.name}", code="not_ready")
    health = derive_health(attempts)
    if attempt.guard_state == NOT_APPLICABLE or ctx.remote is None:
        return ConnectionView(session.id, session.name, attempt.id, health, is_simulated=True)
    login = ctx.login_of(attempt)
    if login is None:
        raise Refused(f"the provider gives no address of {session.name}", "try again in a moment", code="no_address")
    access = ctx.remote.connection(login)
    return ConnectionView(
        session=session.id,
        name=session.name,
        attempt=attempt.id,
        health=health,
        is_simulated=False,
        user=access.user,
        host=access.host,
        port=access.port,
        options=list(access.options),
        key=str(access.key),
        known_hosts=str(access.known_hosts),
        control=None if access.control is None else str(access.control),
        host_key=_read(access.known_hosts),
        member_key=member_keys.kept(ctx.home.ssh_keys, session.id),
    )


def _read(known_hosts: Path) -> str:
    try:
        return known_hosts.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
