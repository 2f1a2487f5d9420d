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
    owners = {owner.attempt for row in seen.instances if (owner := row.owner()) and owner.installation == installation}
    labels = {make_label(installation, attempt): attempt for attempt in owners}
    listed = sessions.find_listed(store, provider, account, [r.instance_id for r in seen.instances], list(labels))
    shown = {row.instance_id for row in seen.instances}
    by_label: dict[str, tuple[Attempt, ...]] = {}
    by_instance: dict[str, Attempt] = {}
    for attempt in listed:
        if attempt.label in labels:
            mark = labels[attempt.label]
            by_label[mark] = (*by_label.get(mark, ()), attempt)
        if (attempt.provider, attempt.account) == (provider, account) and attempt.instance_id in shown:
            by_instance[attempt.instance_id or ""] = attempt
    named = {attempt.session_id for attempt in (*opened, *listed)}
    held = {session.id: session for session in sessions.load_named(store, sorted(named))}
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
