"""Migration 7: money by time: rollups of the ledger, tags, renamed consumers, budgets; and alerts on their way."""

from __future__ import annotations

BILLS = (
    # What the cloud says that it has charged for an attempt's instance; the newest reading replaces the one before.
    """CREATE TABLE bills (attempt_id TEXT NOT NULL PRIMARY KEY REFERENCES attempts (id),
        gpu INTEGER NOT NULL, storage INTEGER NOT NULL, traffic INTEGER NOT NULL, other INTEGER NOT NULL,
        until_at INTEGER, read_at INTEGER NOT NULL) STRICT, WITHOUT ROWID""",
    # What was left on an account, once a day: where a cloud tells no charges, this is all there is to compare with.
    """CREATE TABLE balances (provider TEXT NOT NULL, account TEXT NOT NULL, at INTEGER NOT NULL,
        balance INTEGER NOT NULL, PRIMARY KEY (provider, account, at)) STRICT, WITHOUT ROWID""",
    # Recorded before anything is sent; the attempt tells the host that it was sent to.
    """CREATE TABLE sent_items (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        attempt_id TEXT NOT NULL REFERENCES attempts (id), at INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('file', 'variable')), means TEXT NOT NULL CHECK (means <> ''),
        name TEXT NOT NULL CHECK (name <> ''), target TEXT NOT NULL) STRICT""",
    "CREATE INDEX sent_items_attempt ON sent_items (attempt_id)",
)
"""The clouds' own bills, and what was sent to which host."""

MONEY = (
    # A consumer that was renamed stays as a name for the new one: a script that still says it charges the same party.
    "ALTER TABLE consumers ADD COLUMN renamed_to TEXT REFERENCES consumers (name) CHECK (renamed_to <> name)",
    """CREATE TABLE session_tags (session_id TEXT NOT NULL REFERENCES sessions (id),
        key TEXT NOT NULL CHECK (key <> ''), value TEXT NOT NULL,
        PRIMARY KEY (session_id, key)) STRICT, WITHOUT ROWID""",
    # Derived from the ledger, and made anew from it at any time; days and months are those of the user's time zone. The
    # ledger itself is cut at UTC hours.
    """CREATE TABLE rollups (span TEXT NOT NULL CHECK (span IN ('day', 'month')), start_at INTEGER NOT NULL,
        attempt_id TEXT NOT NULL REFERENCES attempts (id),
        kind TEXT NOT NULL CHECK (kind IN ('gpu', 'storage', 'traffic', 'minimum')), micros INTEGER NOT NULL,
        PRIMARY KEY (span, start_at, attempt_id, kind)) STRICT, WITHOUT ROWID""",
    # What was open in a period: its entries are found by attempt.
    "CREATE INDEX attempts_closed ON attempts (closed_at)",
    """CREATE TABLE budgets (name TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
        scope_kind TEXT NOT NULL CHECK (scope_kind IN ('all', 'consumer', 'account', 'tag')),
        scope TEXT NOT NULL CHECK ((scope = '') = (scope_kind = 'all')),
        daily INTEGER CHECK (daily >= 0), monthly INTEGER CHECK (monthly >= 0), session INTEGER CHECK (session >= 0),
        at_80 TEXT NOT NULL CHECK (at_80 IN ('warn', 'none')),
        at_100 TEXT NOT NULL CHECK (at_100 IN ('refuse', 'stop')),
        created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) STRICT""",
    *BILLS,
)

ALERTS = (
    # One row for each event and channel that is told of it. AUTOINCREMENT: alerts of a channel are sent in this order.
    """CREATE TABLE alerts (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        event_id INTEGER NOT NULL REFERENCES events (id), channel TEXT NOT NULL CHECK (channel <> ''),
        state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
        tries INTEGER NOT NULL CHECK (tries >= 0), problem TEXT NOT NULL, done_at INTEGER,
        UNIQUE (event_id, channel), CHECK ((state = 'waiting') = (done_at IS NULL))) STRICT""",
    "CREATE INDEX alerts_channel ON alerts (channel, state, id)",
)
