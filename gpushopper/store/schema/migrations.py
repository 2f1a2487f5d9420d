"""The list of migrations: add one here to change the schema; a published one never changes (I25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpushopper.store.schema.identity_columns import IDENTITY
from gpushopper.store.schema.migration_4 import FIELD_TERMS
from gpushopper.store.schema.migration_6 import EARLY_ENDS
from gpushopper.store.schema.migration_7 import ALERTS, MONEY
from gpushopper.store.schema.migration_8 import BILLED
from gpushopper.store.schema.migration_9 import COMPACTED


@dataclass(frozen=True, slots=True)
class Migration:
    """Tables, columns and indexes only: triggers and views are dropped before and made anew after (triggers.py)."""

    version: int
    name: str
    statements: tuple[str, ...]


SESSIONS = """
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    name TEXT NOT NULL,
    consumer TEXT NOT NULL REFERENCES consumers (name),
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    desire TEXT NOT NULL CHECK (desire IN ('run', 'gone')),
    reason TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    image TEXT NOT NULL,
    disk_gb REAL NOT NULL CHECK (disk_gb >= 0),
    shortlist TEXT NOT NULL,
    max_rate INTEGER CHECK (max_rate >= 0),
    retries_left INTEGER NOT NULL,
    life_us INTEGER,
    until_at INTEGER,
    keep_stopped INTEGER NOT NULL CHECK (keep_stopped IN (0, 1)),
    max_life_us INTEGER,
    max_life_reason TEXT NOT NULL,
    ended_at INTEGER,
    CHECK ((life_us IS NULL) <> (until_at IS NULL))
) STRICT
"""

ATTEMPTS = """
CREATE TABLE attempts (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
    session_id TEXT NOT NULL REFERENCES sessions (id),
    ordinal INTEGER NOT NULL,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label <> ''),
    origin TEXT NOT NULL CHECK (origin IN ('create', 'sweep')),
    offer TEXT NOT NULL,
    disk_gb REAL NOT NULL CHECK (disk_gb >= 0),
    state TEXT NOT NULL CHECK (state IN ('prepared', 'sent', 'uncertain', 'booting', 'running', 'suspect',
        'interrupted', 'destroying', 'gone')),
    desire TEXT NOT NULL CHECK (desire IN ('run', 'gone')),
    reason TEXT NOT NULL,
    version INTEGER NOT NULL,
    deadline TEXT NOT NULL,
    hard_max_at INTEGER NOT NULL,
    rate_agreed INTEGER NOT NULL CHECK (rate_agreed >= 0),
    reserve INTEGER NOT NULL CHECK (reserve >= 0),
    guard TEXT NOT NULL,
    prepared_at INTEGER NOT NULL,
    entered_at INTEGER NOT NULL,
    instance_id TEXT CHECK (instance_id <> ''),
    sent_at INTEGER,
    handed_over_at INTEGER,
    unwanted_at INTEGER,
    off_at INTEGER,
    gone_at INTEGER,
    rate_live INTEGER,
    status_word TEXT NOT NULL,
    progress TEXT NOT NULL,
    ssh_host TEXT,
    ssh_port INTEGER,
    last_seen_at INTEGER,
    missing_at INTEGER,
    billed_to INTEGER,
    gpu_billing INTEGER NOT NULL CHECK (gpu_billing IN (0, 1)),
    awake_us INTEGER NOT NULL,
    last_good_look_boot INTEGER,
    units INTEGER NOT NULL,
    first_unit_boot INTEGER,
    last_unit_boot INTEGER,
    progress_boot INTEGER,
    interrupted_boot INTEGER,
    destroys INTEGER NOT NULL,
    destroy_heard INTEGER NOT NULL CHECK (destroy_heard IN (0, 1)),
    last_destroy_boot INTEGER,
    next_destroy_boot INTEGER,
    receipt TEXT NOT NULL,
    UNIQUE (session_id, ordinal),
    CHECK (state NOT IN ('booting', 'running', 'suspect', 'interrupted', 'destroying') OR instance_id IS NOT NULL),
    CHECK (origin = 'sweep' OR state IN ('prepared', 'gone') OR sent_at IS NOT NULL),
    CHECK (state <> 'gone' OR (desire = 'gone' AND receipt <> '' AND gone_at IS NOT NULL))
) STRICT
"""

FIRST = (
    "CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL) STRICT",
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE accounts (provider TEXT NOT NULL, account TEXT NOT NULL, first_seen_at INTEGER NOT NULL,
        recorded_at INTEGER NOT NULL, PRIMARY KEY (provider, account)) STRICT""",
    "CREATE TABLE consumers (name TEXT NOT NULL PRIMARY KEY CHECK (name <> ''), created_at INTEGER NOT NULL) STRICT",
    SESSIONS,
    "CREATE INDEX sessions_name ON sessions (name)",
    "CREATE INDEX sessions_consumer ON sessions (consumer)",
    ATTEMPTS,
    # S9: a second instance under one label is a second row, found by the sweep.
    "CREATE UNIQUE INDEX attempts_label ON attempts (label) WHERE origin = 'create'",
    "CREATE INDEX attempts_any_label ON attempts (label)",
    """CREATE UNIQUE INDEX attempts_instance ON attempts (provider, account, instance_id)
        WHERE instance_id IS NOT NULL""",
    "CREATE INDEX attempts_open ON attempts (provider, session_id) WHERE state <> 'gone'",
    "CREATE INDEX attempts_sent ON attempts (sent_at)",
    """CREATE TABLE discoveries (provider TEXT NOT NULL, account TEXT NOT NULL, instance_id TEXT NOT NULL, label TEXT,
        source TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (provider, account, instance_id)) STRICT""",
    """CREATE TABLE ledger (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        attempt_id TEXT NOT NULL REFERENCES attempts (id),
        kind TEXT NOT NULL CHECK (kind IN ('gpu', 'storage', 'traffic', 'minimum')),
        from_at INTEGER NOT NULL, to_at INTEGER NOT NULL CHECK (to_at >= from_at), micros INTEGER NOT NULL,
        correction INTEGER NOT NULL CHECK (correction IN (0, 1)), CHECK (micros >= 0 OR correction = 1)) STRICT""",
    "CREATE INDEX ledger_attempt ON ledger (attempt_id, kind, micros)",
    # AUTOINCREMENT: an id is a cursor and must never be given twice.
    """CREATE TABLE events (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
        session_id TEXT, attempt_id TEXT, text TEXT NOT NULL, data TEXT NOT NULL) STRICT""",
    "CREATE INDEX events_session ON events (session_id, id)",
    """CREATE TABLE alarms (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL,
        text TEXT NOT NULL, hint TEXT NOT NULL, evidence TEXT NOT NULL, raised_at INTEGER NOT NULL,
        acknowledged_at INTEGER, cleared_at INTEGER) STRICT""",
    "CREATE UNIQUE INDEX alarms_open ON alarms (kind, subject) WHERE cleared_at IS NULL",
    """CREATE TABLE requests (key TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, method TEXT NOT NULL,
        path TEXT NOT NULL, body_digest TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL) STRICT""",
    "CREATE INDEX requests_at ON requests (at)",
)

LIVE = (
    "ALTER TABLE sessions ADD COLUMN environment TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE sessions ADD COLUMN allow_unguarded INTEGER NOT NULL DEFAULT 0 CHECK (allow_unguarded IN (0, 1))",
    "ALTER TABLE attempts ADD COLUMN reach TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN beat_at INTEGER",
    "ALTER TABLE attempts ADD COLUMN silent_at INTEGER",
    "ALTER TABLE attempts ADD COLUMN guard_seq INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE attempts ADD COLUMN guard_until INTEGER",
    "ALTER TABLE attempts ADD COLUMN login_boot INTEGER",
)
"""What instances say of themselves over ssh (D8), and what a user wants in their environment."""

IMAGE_LOGIN = ("ALTER TABLE sessions ADD COLUMN image_login TEXT NOT NULL DEFAULT ''",)
"""The registry whose login a create carries; never the login (I21)."""

MANY_CLOUDS = (
    "ALTER TABLE attempts ADD COLUMN ssh_user TEXT",
    "ALTER TABLE attempts ADD COLUMN is_running INTEGER NOT NULL DEFAULT 0 CHECK (is_running IN (0, 1))",
    "ALTER TABLE attempts ADD COLUMN is_storage_billed INTEGER NOT NULL DEFAULT 1 CHECK (is_storage_billed IN (0, 1))",
    # Until now GPU time was billed exactly while an instance ran.
    "UPDATE attempts SET is_running = is_gpu_billed",
    """ALTER TABLE sessions ADD COLUMN allow_broken_guard INTEGER NOT NULL DEFAULT 0
        CHECK (allow_broken_guard IN (0, 1))""",
    # Until now one flag accepted both, and only clouds were rented on whose instances can end themselves.
    "UPDATE sessions SET allow_broken_guard = allow_unguarded",
)
"""What clouds do differently: whom one logs in as, what a stopped instance bills, whether a guard is the cloud's
lack.
"""

NO_CLOUD_OF_ITS_OWN = (
    "ALTER TABLE attempts ADD COLUMN image TEXT NOT NULL DEFAULT ''",
    "UPDATE attempts SET image = (SELECT image FROM sessions WHERE sessions.id = attempts.session_id)",
    "ALTER TABLE sessions DROP COLUMN provider",
    "ALTER TABLE sessions DROP COLUMN account",
)
"""A session belongs to no cloud: its attempts do, and each runs its cloud's image where the user named none."""

MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "first schema", FIRST),
    Migration(2, "live instances", LIVE),
    Migration(3, "logins at registries", IMAGE_LOGIN),
    Migration(4, "terms of the field", FIELD_TERMS),
    Migration(5, "many clouds", (*MANY_CLOUDS, *IDENTITY, *NO_CLOUD_OF_ITS_OWN)),
    Migration(6, "early ends", EARLY_ENDS),
    Migration(7, "money by time", (*MONEY, *ALERTS)),
    Migration(8, "what bills add", BILLED),
    Migration(9, "compacted sessions", COMPACTED),
)


def newest(migrations: Sequence[Migration]) -> int:
    """The schema version this program works with."""
    return migrations[-1].version
