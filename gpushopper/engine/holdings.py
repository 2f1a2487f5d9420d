"""What the database holds about an account, gathered for the rules (D4)."""

from __future__ import annotations

from dataclasses import replace

from gpushopper.core.alarms import TWIN
from gpushopper.core.attempts import Attempt
from gpushopper.core.evidence import Seen
from gpushopper.core.instances import make_label
from gpushopper.core.reconcile import Held
from gpushopper.store import alarms, sessions
from gpushopper.store.db import Store

__all__ = ["Held", "load", "with_discoveries"]


def load(
    store: Store, installation: str, provider: str, account: str, seen: Seen, *, is_copy: bool = False
) -> Held:
    """Open attempts, and every attempt that a listed row names by label or by id."""
    opened = tuple(sessions.load_attempts(store, provider=provider))
    by_label: dict[str, tuple[Attempt, ...]] = {}
    by_instance: dict[str, Attempt] = {}
    for row in seen.instances:
        owner = row.owner()
        if owner is not None and owner.installation == installation:
            by_label[owner.attempt] = tuple(sessions.find_by_label(store, make_label(installation, owner.attempt)))
        known = sessions.find_by_instance(store, provider, account, row.instance_id)
        if known is not None:
            by_instance[row.instance_id] = known
    named = {a.session_id for a in opened} | {a.session_id for a in by_instance.values()}
    named |= {a.session_id for group in by_label.values() for a in group}
    found = {session_id: sessions.load_session(store, session_id) for session_id in named}
    held = {session_id: session for session_id, session in found.items() if session is not None}
    since = alarms.first_raised(store, TWIN)
    return Held(installation, provider, account, opened, by_label, by_instance, held, since, is_copy)


def with_discoveries(store: Store, provider: str, account: str, seen: Seen) -> Seen:
    """A list whose rows carry the label under which a late reply named them, where they show none (F120)."""
    labels = {d.instance_id: d.label for d in sessions.discoveries(store, provider, account)}
    rows = (
        replace(row, env_label=labels[row.instance_id]) if row.owner() is None and row.instance_id in labels else row
        for row in seen.instances
    )
    return replace(seen, instances=tuple(rows)) if labels else seen
