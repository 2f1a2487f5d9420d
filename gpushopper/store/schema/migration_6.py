"""Migration 6: early ends. What a session allows, what was heard of it, and the history of heartbeats (ends.md)."""

from __future__ import annotations

_SESSIONS = (
    "ALTER TABLE sessions ADD COLUMN idle_us INTEGER CHECK (idle_us > 0)",
    "ALTER TABLE sessions ADD COLUMN idle_when TEXT NOT NULL DEFAULT 'any' CHECK (idle_when IN ('any', 'gpu'))",
    "ALTER TABLE sessions ADD COLUMN contact_us INTEGER CHECK (contact_us > 0)",
    "ALTER TABLE sessions ADD COLUMN disuse_us INTEGER CHECK (disuse_us > 0)",
    "ALTER TABLE sessions ADD COLUMN hold_us INTEGER CHECK (hold_us > 0)",
    "ALTER TABLE sessions ADD COLUMN land_for_us INTEGER CHECK (land_for_us > 0)",
    "ALTER TABLE sessions ADD COLUMN before_end TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN pulls TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE sessions ADD COLUMN pull_max INTEGER CHECK (pull_max > 0)",
    "ALTER TABLE sessions ADD COLUMN landing TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN landing_at INTEGER",
    "ALTER TABLE sessions ADD COLUMN pulled_at INTEGER",
    "ALTER TABLE sessions ADD COLUMN pull_problem TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN warned_at INTEGER",
)

_ATTEMPTS = (
    "ALTER TABLE attempts ADD COLUMN ending_reason TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN ending_at INTEGER",
    "ALTER TABLE attempts ADD COLUMN ending_heard_at INTEGER",
    "ALTER TABLE attempts ADD COLUMN silent_since INTEGER",
    "ALTER TABLE attempts ADD COLUMN self_ended_at INTEGER",
    "ALTER TABLE attempts ADD COLUMN idle_watch TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN is_idle_noted INTEGER NOT NULL DEFAULT 0 CHECK (is_idle_noted IN (0, 1))",
    "ALTER TABLE attempts ADD COLUMN confirmed_limits TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempts ADD COLUMN confirmed_parts TEXT NOT NULL DEFAULT ''",
)

EARLY_ENDS = (
    *_SESSIONS,
    *_ATTEMPTS,
    """CREATE TABLE run_ends (session_id TEXT NOT NULL REFERENCES sessions (id),
        run_id TEXT NOT NULL CHECK (run_id <> ''), mode TEXT NOT NULL CHECK (mode IN ('always', 'success')),
        with_pull INTEGER NOT NULL CHECK (with_pull IN (0, 1)), set_at INTEGER NOT NULL,
        hold_us INTEGER CHECK (hold_us > 0), PRIMARY KEY (session_id, run_id)) STRICT, WITHOUT ROWID""",
    # Asked for at each step of the engine.
    "CREATE INDEX sessions_landing ON sessions (landing) WHERE landing <> '' AND pulled_at IS NULL",
    # Without rowid: the rows lie in the order in which they are read, and a row is stored once.
    """CREATE TABLE heartbeats (attempt_id TEXT NOT NULL REFERENCES attempts (id), at INTEGER NOT NULL,
        answered INTEGER NOT NULL CHECK (answered IN (0, 1)), gpu_load INTEGER, gpu_memory_mb INTEGER,
        cpu_milli INTEGER, network_bps INTEGER, idle_s INTEGER, in_use INTEGER NOT NULL,
        PRIMARY KEY (attempt_id, at)) STRICT, WITHOUT ROWID""",
    # Thinning reads by time, over all attempts.
    "CREATE INDEX heartbeats_at ON heartbeats (at)",
)
