"""Triggers that enforce rules in the database (immutable columns, allowed states), and the status view (I4, I16).

Generated from core. Whenever a stored text differs from the generated one, all are dropped and created again.
"""

from __future__ import annotations

from collections.abc import Iterable

from gpushopper.core.alarms import DUPLICATE
from gpushopper.core.compaction import KEPT_EVENTS
from gpushopper.core.model.attempt import TRANSITIONS, State
from gpushopper.core.model.session import FAILURES

IMMUTABLE_COLUMNS = {
    "attempts": ("id", "session_id", "ordinal", "provider", "account", "label", "origin", "prepared_at"),
    "sessions": ("id", "consumer", "created_at", "image_login"),
}
"""Columns that never change."""

WRITE_ONCE_COLUMNS = {"attempts": ("instance_id", "sent_at")}
"""Columns that may change from NULL to a value, and then never again."""

CONSUMER_RENAMED = "NEW.consumer IS (SELECT renamed_to FROM consumers WHERE name = OLD.consumer)"
"""The one exception: sessions follow their consumer when it is renamed."""

ID_DISOWNED = f"NEW.instance_id IS NULL AND NEW.state = '{State.UNCERTAIN}' AND OLD.state <> '{State.UNCERTAIN}'"
"""The one exception: an attempt whose id turned out to be of a foreign instance is uncertain again, without id."""

NO_DELETE_TABLES = ("attempts", "sessions", "events", "ledger", "known_instances", "sent_items")
"""Tables whose rows are never deleted: instances are compared with closed attempts too."""

_KINDS = ", ".join(f"'{kind}'" for kind in sorted(KEPT_EVENTS))
REMOVED_BY_COMPACTION = {
    "events": f"OLD.kind NOT IN ({_KINDS}) AND EXISTS "
    "(SELECT 1 FROM compaction c WHERE c.session_id IS OLD.session_id AND OLD.at < c.before_at)",
    "ledger": "EXISTS (SELECT 1 FROM compaction c JOIN attempts a ON a.session_id = c.session_id "
    "WHERE a.id = OLD.attempt_id AND OLD.to_at < c.before_at)",
}
"""The one exception: what a compaction may remove of its session. No act, no row that tells whose an instance is."""

COMPACTION_RULES = {
    # What may still bill, or ended after that time, keeps everything.
    "not_closed": (
        "INSERT",
        "EXISTS (SELECT 1 FROM sessions s WHERE s.id = NEW.session_id AND (s.desired_state <> 'terminated' "
        "OR s.ended_at IS NULL OR s.ended_at >= NEW.before_at)) OR EXISTS (SELECT 1 FROM attempts a "
        f"WHERE a.session_id = NEW.session_id AND (a.state <> '{State.CLOSED}' OR a.closed_at >= NEW.before_at))",
    ),
    "immutable": ("UPDATE", "TRUE"),
    # I14: the same money before and after.
    "sums": (
        "DELETE",
        "OLD.micros <> (SELECT coalesce(sum(l.micros), 0) FROM ledger l JOIN attempts a ON a.id = l.attempt_id "
        "WHERE a.session_id = OLD.session_id)",
    ),
}

IMMUTABLE_TABLES = ("events", "ledger", "sent_items")
VERSIONED_COLUMNS = {"attempts": ("state", "desired_state", "instance_id"), "sessions": ("desired_state",)}


def schema_objects() -> dict[str, str]:
    """Name and SQL of every trigger and view that the database must have."""
    found: dict[str, str] = {}
    for table, columns in IMMUTABLE_COLUMNS.items():
        for column in columns:
            rule = f"NEW.{column} IS NOT OLD.{column}"
            rule += f" AND NOT ({CONSUMER_RENAMED})" if column == "consumer" else ""
            _add(found, table, f"immutable_{column}", f"UPDATE OF {column}", rule)
    for table, columns in WRITE_ONCE_COLUMNS.items():
        for column in columns:
            rule = f"OLD.{column} IS NOT NULL AND NEW.{column} IS NOT OLD.{column}"
            rule += f" AND NOT ({ID_DISOWNED})" if column == "instance_id" else ""
            _add(found, table, f"write_once_{column}", f"UPDATE OF {column}", rule)
    for table, columns in VERSIONED_COLUMNS.items():
        changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)
        rule = f"({changed}) AND NEW.version <> OLD.version + 1"
        _add(found, table, "versioned", f"UPDATE OF {', '.join(columns)}", rule)
        _add(
            found,
            table,
            "desired_state",
            "UPDATE OF desired_state",
            "OLD.desired_state = 'terminated' AND NEW.desired_state <> 'terminated'",
        )
    # The hard maximum is sent along with the create, to the guard: no change after that.
    rule = "OLD.state <> 'prepared' AND NEW.hard_max_at IS NOT OLD.hard_max_at"
    _add(found, "attempts", "hard_max", "UPDATE OF hard_max_at", rule)
    rule = f"NEW.state <> OLD.state AND NOT ({_allowed()})"
    _add(found, "attempts", "transition", "UPDATE OF state", rule)
    for table in NO_DELETE_TABLES:
        allowed = REMOVED_BY_COMPACTION.get(table)
        _add(found, table, "no_delete", "DELETE", "TRUE" if allowed is None else f"NOT ({allowed})")
    for name, (on, forbidden) in COMPACTION_RULES.items():
        _add(found, "compaction", name, on, forbidden)
    for table in IMMUTABLE_TABLES:
        _add(found, table, "immutable", "UPDATE", "TRUE")
    found["session_status"] = _session_status()
    return found


def _add(found: dict[str, str], table: str, rule: str, on: str, forbidden: str) -> None:
    name = f"{table}_{rule}"
    found[name] = (
        f"CREATE TRIGGER {name} BEFORE {on} ON {table} WHEN {forbidden} "
        f"BEGIN SELECT RAISE(ABORT, 'refused by {name}'); END"
    )


def _allowed() -> str:
    return " OR ".join(
        f"(OLD.state = '{before}' AND NEW.state IN ({_sql_list(after)}))" for before, after in TRANSITIONS.items()
    )


def _sql_list(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _session_status() -> str:
    """The view of core's derive_status, for users of a SQLite shell; a test compares the two."""
    return f"""CREATE VIEW session_status AS
SELECT s.id AS session_id, CASE
    WHEN s.desired_state = 'running' THEN CASE
        WHEN c.id IS NULL OR c.desired_state <> 'running' OR c.instance_id IS NULL THEN 'pending'
        WHEN c.ready_at IS NULL THEN 'provisioning'
        ELSE 'running' END
    WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.session_id = s.id AND a.state <> '{State.CLOSED}') THEN 'stopping'
    WHEN s.reason IN ({_sql_list(FAILURES)}) THEN 'failed'
    ELSE 'stopped' END AS status
FROM sessions s LEFT JOIN attempts c ON c.session_id = s.id
    AND c.ordinal = (SELECT max(ordinal) FROM attempts WHERE session_id = s.id AND reason <> '{DUPLICATE}')"""
