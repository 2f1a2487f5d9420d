"""Migration 9: sessions that ended long ago are compacted: when one was, and which one is being compacted (I4)."""

from __future__ import annotations

COMPACTED = (
    "ALTER TABLE sessions ADD COLUMN compacted_at INTEGER",
    # The permission to remove rows that triggers keep otherwise: of one session, or of none, before a time. Its row is
    # made and removed in the transaction that compacts; `micros` is what the ledger must add up to at the end.
    """CREATE TABLE compaction (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        session_id TEXT REFERENCES sessions (id), before_at INTEGER NOT NULL, micros INTEGER NOT NULL) STRICT""",
)
