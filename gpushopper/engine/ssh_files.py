"""Jobs for the files of ssh: the managed ssh configuration, pinned host keys, and old session keys (I23, I24)."""

from __future__ import annotations

from gpushopper.core.model.attempt import ALIVE_STATES, Attempt
from gpushopper.core.model.session import Session
from gpushopper.core.timing.clock_snapshot import SECOND, us
from gpushopper.engine.context import Context
from gpushopper.store import sessions

KEPT_S = 7 * 86400
"""How long a session's key is kept after its receipt: a dispute about the instance may still need it."""
YOUNG_S = 86400
"""A key younger than this is never pruned: its session's row may not be written yet."""


def may_log_in(attempt: Attempt) -> bool:
    """Whether users may log in to the attempt's instance: it is wanted, exists, and has been ready."""
    return attempt.is_wanted and attempt.state in ALIVE_STATES and attempt.ready_at is not None


class SshFiles:
    """Keeps the files of ssh in step with the open sessions."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._synced_change = -1

    def sync(self) -> None:
        """Bring the files up to date, when anything was committed since the last time."""
        change = self.ctx.store.last_change
        if self._synced_change != change:
            self._sync()
            self._synced_change = change

    def _sync(self) -> None:
        """Publish the ssh configuration and forget the pinned keys of closed attempts."""
        remote = self.ctx.remote
        if remote is None:
            return
        ctx = self.ctx
        known = remote.pinned_attempts()  # before the rows are read: an attempt that begins now is none of these
        with self.ctx.store.read():
            names = {each.id: each.name for each in sessions.load_sessions(self.ctx.store, open_only=True)}
            attempts = sessions.load_attempts(self.ctx.store)
        logins = [(names.get(each.session_id, ""), ctx.login_of(each)) for each in attempts if may_log_in(each)]
        remote.write_ssh_config([(name, login) for name, login in logins if name and login is not None])
        for attempt_id in known - {attempt.id for attempt in attempts}:
            remote.forget_attempt(attempt_id)

    def prune_keys(self) -> None:
        """Remove the ssh keys of sessions whose end was proven some days ago (D15)."""
        ctx = self.ctx
        if ctx.remote is None:
            return
        now = ctx.clock.now().wall
        with ctx.store.read():
            open_ones = {attempt.session_id for attempt in sessions.load_attempts(ctx.store)}
            kept = {each.id for each in sessions.load_sessions(ctx.store) if _is_recent(each, now)}
        ctx.remote.prune_keys(open_ones | kept, now / SECOND - YOUNG_S)


def _is_recent(session: Session, now: int) -> bool:
    return session.ended_at is None or session.ended_at > now - us(KEPT_S)
