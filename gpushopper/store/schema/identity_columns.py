"""The part of migration 5 that is about accounts: which key made an attempt, and which keys are of which account."""

from __future__ import annotations

IDENTITY = (
    "ALTER TABLE attempts ADD COLUMN made_by_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE accounts ADD COLUMN cloud TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE accounts ADD COLUMN mark TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE account_keys (provider TEXT NOT NULL, account TEXT NOT NULL, key_digest TEXT NOT NULL,
        proof TEXT NOT NULL, recorded_at INTEGER NOT NULL, PRIMARY KEY (provider, account, key_digest)) STRICT""",
)
"""Only salted digests of keys are stored, and their salt is in no database (store/key_digest.py, I21)."""
