"""The SQL of migration 4: columns and stored values get the names of docs/glossary.md.

CHECK rules name both, so that the two big tables are built anew and filled from the old ones.
"""

from __future__ import annotations

from collections.abc import Mapping

NEW_SESSIONS = """
CREATE TABLE new_sessions (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    name TEXT NOT NULL,
    consumer TEXT NOT NULL REFERENCES consumers (name),
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    desired_state TEXT NOT NULL CHECK (desired_state IN ('running', 'terminated')),
    reason TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    image TEXT NOT NULL,
    disk_gb REAL NOT NULL CHECK (disk_gb >= 0),
    shortlist TEXT NOT NULL,
    max_rate INTEGER CHECK (max_rate >= 0),
    retries_left INTEGER NOT NULL,
    duration_us INTEGER,
    deadline_at INTEGER,
    keep_stopped INTEGER NOT NULL CHECK (keep_stopped IN (0, 1)),
    max_duration_us INTEGER,
    max_duration_reason TEXT NOT NULL,
    ended_at INTEGER,
    environment TEXT NOT NULL DEFAULT '[]',
    allow_unguarded INTEGER NOT NULL DEFAULT 0 CHECK (allow_unguarded IN (0, 1)),
    image_login TEXT NOT NULL DEFAULT '',
    CHECK ((duration_us IS NULL) <> (deadline_at IS NULL))
) STRICT
"""

NEW_ATTEMPTS = """
CREATE TABLE new_attempts (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    session_id TEXT NOT NULL REFERENCES sessions (id),
    ordinal INTEGER NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('created', 'discovered')),
    offer TEXT NOT NULL,
    disk_gb REAL NOT NULL CHECK (disk_gb >= 0),
    state TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'uncertain', 'booting', 'running', 'missing',
        'interrupted', 'destroying', 'closed')),
    desired_state TEXT NOT NULL CHECK (desired_state IN ('running', 'terminated')),
    reason TEXT NOT NULL,
    version INTEGER NOT NULL,
    deadline TEXT NOT NULL,
    hard_max_at INTEGER NOT NULL,
    agreed_rate INTEGER NOT NULL CHECK (agreed_rate >= 0),
    reserve INTEGER NOT NULL CHECK (reserve >= 0),
    guard_state TEXT NOT NULL,
    prepared_at INTEGER NOT NULL,
    state_changed_at INTEGER NOT NULL,
    instance_id TEXT CHECK (instance_id <> ''),
    sent_at INTEGER,
    ready_at INTEGER,
    terminate_requested_at INTEGER,
    off_at INTEGER,
    closed_at INTEGER,
    current_rate INTEGER,
    provider_status TEXT NOT NULL,
    progress TEXT NOT NULL,
    ssh_host TEXT,
    ssh_port INTEGER,
    last_seen_at INTEGER,
    missing_at INTEGER,
    billed_until INTEGER,
    is_gpu_billed INTEGER NOT NULL CHECK (is_gpu_billed IN (0, 1)),
    settle_elapsed_us INTEGER NOT NULL,
    last_complete_list_boot INTEGER,
    absence_count INTEGER NOT NULL,
    first_absence_boot INTEGER,
    last_absence_boot INTEGER,
    progress_boot INTEGER,
    interrupted_boot INTEGER,
    destroy_count INTEGER NOT NULL,
    destroy_acknowledged INTEGER NOT NULL CHECK (destroy_acknowledged IN (0, 1)),
    last_destroy_boot INTEGER,
    next_destroy_boot INTEGER,
    receipt TEXT NOT NULL,
    probe_error TEXT NOT NULL DEFAULT '',
    heartbeat_at INTEGER,
    unreachable_since INTEGER,
    guard_renewal_seq INTEGER NOT NULL DEFAULT 0,
    guard_deadline_at INTEGER,
    first_login_boot INTEGER,
    UNIQUE (session_id, ordinal),
    CHECK (state NOT IN ('booting', 'running', 'missing', 'interrupted', 'destroying') OR instance_id IS NOT NULL),
    CHECK (origin = 'discovered' OR state IN ('prepared', 'closed') OR sent_at IS NOT NULL),
    CHECK (state <> 'closed' OR (desired_state = 'terminated' AND receipt <> '' AND closed_at IS NOT NULL))
) STRICT
"""

COPY_SESSIONS = """
INSERT INTO new_sessions (
    id, name, consumer, provider, account, desired_state, reason, version, created_at, image, disk_gb,
    shortlist, max_rate, retries_left, duration_us, deadline_at, keep_stopped, max_duration_us,
    max_duration_reason, ended_at, environment, allow_unguarded, image_login
) SELECT
    id, name, consumer, provider, account, CASE desire WHEN 'run' THEN 'running' ELSE 'terminated' END, reason,
    version, created_at, image, disk_gb, shortlist, max_rate, retries_left, life_us, until_at, keep_stopped,
    max_life_us, max_life_reason, ended_at, environment, allow_unguarded, image_login
FROM sessions
"""

COPY_ATTEMPTS = """
INSERT INTO new_attempts (
    id, session_id, ordinal, provider, account, label, origin, offer, disk_gb, state, desired_state, reason,
    version, deadline, hard_max_at, agreed_rate, reserve, guard_state, prepared_at, state_changed_at,
    instance_id, sent_at, ready_at, terminate_requested_at, off_at, closed_at, current_rate, provider_status,
    progress, ssh_host, ssh_port, last_seen_at, missing_at, billed_until, is_gpu_billed, settle_elapsed_us,
    last_complete_list_boot, absence_count, first_absence_boot, last_absence_boot, progress_boot,
    interrupted_boot, destroy_count, destroy_acknowledged, last_destroy_boot, next_destroy_boot, receipt,
    probe_error, heartbeat_at, unreachable_since, guard_renewal_seq, guard_deadline_at, first_login_boot
) SELECT
    id, session_id, ordinal, provider, account, label,
    CASE origin WHEN 'create' THEN 'created' ELSE 'discovered' END, offer, disk_gb,
    CASE state WHEN 'suspect' THEN 'missing' WHEN 'gone' THEN 'closed' ELSE state END,
    CASE desire WHEN 'run' THEN 'running' ELSE 'terminated' END, reason, version, deadline, hard_max_at,
    rate_agreed, reserve,
    CASE guard WHEN 'paper' THEN 'not_applicable' WHEN 'planted' THEN 'installed' WHEN 'lost' THEN 'unconfirmed'
        ELSE guard END,
    prepared_at, entered_at, instance_id, sent_at, handed_over_at, unwanted_at, off_at, gone_at, rate_live,
    status_word, progress, ssh_host, ssh_port, last_seen_at, missing_at, billed_to, gpu_billing, awake_us,
    last_good_look_boot, units, first_unit_boot, last_unit_boot, progress_boot, interrupted_boot, destroys,
    destroy_heard, last_destroy_boot, next_destroy_boot, receipt, reach, beat_at, silent_at, guard_seq,
    guard_until, login_boot
FROM attempts
"""

REASONS = {
    "too_old": "request_expired",
    "braked": "limit_reached",
    "boot_stuck": "boot_timeout",
    "ssh_never": "ssh_timeout",
    "create_absent": "create_not_found",
    "claim_mismatch": "offer_mismatch",
    "guard_refused": "guard_not_armed",
    "retries_used_up": "retries_exhausted",
    "no_offer_left": "offers_exhausted",
    "local_fault": "local_error",
    "price_moved": "price_changed",
    "twin": "duplicate",
}

ALARM_KINDS = {
    "list_contradicts": "list_inconsistent",
    "mass_change": "mass_disappearance",
    "probably_yours": "possible_orphan",
    "clock_suspect": "clock_skew",
    "reach_lost": "ssh_unreachable",
    "guard_lost": "guard_unconfirmed",
    "unproven": "end_unverified",
    "still_ending": "destroy_slow",
    "ending_late": "destroy_overdue",
    "end_by_hand": "manual_destroy_needed",
    "contradicted": "wrong_instance_id",
    "host_key": "host_key_changed",
    "price_moved": "price_changed",
    "conflict": "database_constraint",
    "drift": "unknown_response",
    "twin": "duplicate",
}

EVENT_KINDS = {
    "handed_over": "ready",
    "back": "recovered",
    "seen_again": "reappeared",
    "suspect": "missing",
    "unwanted": "attempt_terminating",
    "ending": "end_requested",
    "twin": "duplicate",
}


EVIDENCE_KEYS = {
    "destroys": "destroy_count",
    "absences": "absence_count",
    "lists": "absence_count",
    "awake_s": "settle_s",
}
EVENT_KEYS = {"heard": "acknowledged", "unit": "absence_count"}
"""Keys of the data of events."""

EVENT_WORDS = {"kind": ALARM_KINDS, "reason": REASONS}
"""Values in the data of events: the kind of an alarm, the reason of an end."""


def _cases(words: Mapping[str, str]) -> str:
    return " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in words.items())


def _moved(key: str, new: str) -> str:
    """Give a key of the evidence in stored receipts its new name; a receipt that is no JSON stays as it is (F54)."""
    value = f"json_extract(receipt, '$.evidence.{key}')"
    return (
        f"UPDATE attempts SET receipt = json_set(json_remove(receipt, '$.evidence.{key}'), "
        f"'$.evidence.{new}', {value}) "
        f"WHERE CASE WHEN json_valid(receipt) THEN {value} IS NOT NULL END"
    )


def _moved_in_events(key: str, new: str) -> str:
    value = f"json_extract(data, '$.{key}')"
    return (
        f"UPDATE events SET data = json_set(json_remove(data, '$.{key}'), '$.{new}', "
        f"CASE json_type(data, '$.{key}') WHEN 'true' THEN json('true') WHEN 'false' THEN json('false') "
        f"ELSE {value} END) "
        f"WHERE CASE WHEN json_valid(data) THEN {value} IS NOT NULL END"
    )


def _reworded_in_events(key: str, words: Mapping[str, str]) -> str:
    value = f"json_extract(data, '$.{key}')"
    names = ", ".join(f"'{old}'" for old in words)
    return (
        f"UPDATE events SET data = json_set(data, '$.{key}', CASE {value} {_cases(words)} END) "
        f"WHERE CASE WHEN json_valid(data) THEN {value} IN ({names}) END"
    )


def _reworded(table: str, column: str, words: Mapping[str, str]) -> str:
    names = ", ".join(f"'{old}'" for old in words)
    return f"UPDATE {table} SET {column} = CASE {column} {_cases(words)} END WHERE {column} IN ({names})"


FIELD_TERMS = (
    NEW_SESSIONS,
    COPY_SESSIONS,
    NEW_ATTEMPTS,
    COPY_ATTEMPTS,
    "DROP TABLE attempts",
    "DROP TABLE sessions",
    "ALTER TABLE new_sessions RENAME TO sessions",
    "ALTER TABLE new_attempts RENAME TO attempts",
    "CREATE INDEX sessions_name ON sessions (name)",
    "CREATE INDEX sessions_consumer ON sessions (consumer)",
    "CREATE UNIQUE INDEX attempts_label ON attempts (label) WHERE origin = 'created'",
    "CREATE INDEX attempts_any_label ON attempts (label)",
    """CREATE UNIQUE INDEX attempts_instance ON attempts (provider, account, instance_id)
        WHERE instance_id IS NOT NULL""",
    "CREATE INDEX attempts_open ON attempts (provider, session_id) WHERE state <> 'closed'",
    "CREATE INDEX attempts_sent ON attempts (sent_at)",
    _reworded("sessions", "reason", REASONS),
    _reworded("attempts", "reason", REASONS),
    *(_moved(key, new) for key, new in EVIDENCE_KEYS.items()),
    f"""UPDATE attempts SET receipt = json_set(receipt, '$.reason', CASE json_extract(receipt, '$.reason')
        {_cases(REASONS)} ELSE json_extract(receipt, '$.reason') END)
        WHERE CASE WHEN json_valid(receipt) THEN json_extract(receipt, '$.reason') IS NOT NULL END""",
    _reworded("alarms", "kind", ALARM_KINDS),
    _reworded("events", "kind", EVENT_KINDS),
    *(_moved_in_events(key, new) for key, new in EVENT_KEYS.items()),
    *(_reworded_in_events(key, words) for key, words in EVENT_WORDS.items()),
    "ALTER TABLE discoveries RENAME TO known_instances",
    "ALTER TABLE known_instances RENAME COLUMN source TO ownership",
    "UPDATE known_instances SET ownership = 'disowned' WHERE ownership = 'contradicted'",
    """CREATE TABLE idempotency_keys (key TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, method TEXT NOT NULL,
        path TEXT NOT NULL, request_digest TEXT NOT NULL, response_status INTEGER NOT NULL,
        response_body TEXT NOT NULL) STRICT""",
    "CREATE INDEX idempotency_keys_at ON idempotency_keys (at)",
    # Kept: a request that is repeated after the upgrade must not act a second time (I22).
    "INSERT INTO idempotency_keys SELECT key, at, method, path, body_digest, status, body FROM requests",
    "DROP TABLE requests",
)
