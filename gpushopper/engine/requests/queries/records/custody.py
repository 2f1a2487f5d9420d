"""Custody: what was sent to which host, and what to rotate if one of them turns out hostile."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from gpushopper import wire
from gpushopper.core.lifecycle.custody import Reach, reach, rotation
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.records.sent_item import SentItem, SentKind
from gpushopper.core.model.session import Session
from gpushopper.engine.context import Context
from gpushopper.engine.requests.session_lookup import find
from gpushopper.store import sessions
from gpushopper.store.instances.sent_items import sent_to


def custody(ctx: Context, ref: str | None, host: str | None) -> wire.Custody:
    """What the hosts of one session were given, or one host (`4471`, `vast:4471`) by all sessions, or all of both.

    Raises:
        NotFound: no session, or more than one, is meant by `ref`.
    """
    with ctx.store.read():
        found = sessions.load_sessions(ctx.store) if ref is None else [find(ctx, ref)]
        names = {session.id: session for session in found}
        attempts = [
            attempt
            for attempt in _attempts(ctx, None if ref is None else found)
            if attempt.session_id in names and (host is None or _is_at(ctx, attempt, host))
        ]
        sent: dict[str, list[SentItem]] = defaultdict(list)
        for item in sent_to(ctx.store, [attempt.id for attempt in attempts]):
            sent[item.attempt_id].append(item)
    return summed_up([row for a in attempts for row in _rows(ctx, names[a.session_id], a, sent[a.id])])


def _attempts(ctx: Context, of: Sequence[Session] | None) -> list[Attempt]:
    if of is None:
        return sessions.load_attempts(ctx.store, open_only=False)
    return [attempt for session in of for attempt in sessions.attempts_of(ctx.store, session.id)]


def _is_at(ctx: Context, attempt: Attempt, host: str) -> bool:
    cloud, colon, host_id = host.rpartition(":")
    is_cloud = not colon or cloud in (attempt.provider, ctx.cloud_of(attempt.provider))
    return is_cloud and attempt.offer.host_id == host_id


def _rows(ctx: Context, session: Session, attempt: Attempt, items: Sequence[SentItem]) -> list[wire.CustodyRow]:
    """The attempt's row; none where nobody got anything."""
    kind = json.loads(attempt.receipt)["kind"] if attempt.receipt else ""
    reached = reach(attempt, kind)
    if reached is Reach.NOBODY:
        return []
    variables = [name for name, _ in session.environment]
    variables += [item.name for item in items if item.kind is SentKind.VARIABLE]
    return [
        wire.CustodyRow(
            session=session.id,
            name=session.name,
            attempt=attempt.id,
            provider=attempt.provider,
            cloud=ctx.cloud_of(attempt.provider),
            host=attempt.offer.host_id or "",
            region=attempt.offer.region or "",
            instance_id=attempt.instance_id,
            reached=str(reached),
            sent_at=attempt.sent_at,
            ended_at=attempt.off_at or attempt.closed_at,
            variables=sorted(set(variables)),
            registry=session.image_login,
            has_hook=bool(session.before_end) and attempt.ready_at is not None,
            sent=[wire.SentView(str(i.kind), i.at, i.means, i.name, i.target) for i in items],
        )
    ]


def summed_up(rows: list[wire.CustodyRow]) -> wire.Custody:
    """The rows, with what to rotate of all of them together."""
    files = [item.name for row in rows for item in row.sent if item.kind == SentKind.FILE]
    variables = [name for row in rows for name in row.variables]
    found = rotation(variables, [row.registry for row in rows if row.registry], files)
    return wire.Custody(rows, list(found.must), list(found.look_at))
