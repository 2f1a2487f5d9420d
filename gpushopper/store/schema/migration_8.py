"""Migration 8: traffic in the ledger, counted on instances and billed by clouds; entries that follow from a bill."""

from __future__ import annotations

BILLED = (
    # Where an entry follows from a cloud's bill, and not from what was counted here.
    "ALTER TABLE ledger ADD COLUMN reason TEXT NOT NULL DEFAULT '' CHECK (reason IN ('', 'bill'))",
    # Until now the traffic of bills was in budgets alone; one that is settled is not read again.
    """INSERT INTO ledger (attempt_id, kind, from_at, to_at, micros, correction, reason)
        SELECT id, 'traffic', at, at, traffic, 0, 'bill' FROM (
            SELECT a.id, b.traffic,
                max(a.sent_at, min(coalesce(b.until_at, b.read_at), coalesce(a.closed_at, b.read_at))) AS at
            FROM bills b JOIN attempts a ON a.id = b.attempt_id WHERE b.traffic > 0 AND a.sent_at IS NOT NULL)""",
    # Asked for with every session that is shown; few entries are of a bill.
    "CREATE INDEX ledger_billed ON ledger (attempt_id, kind, micros) WHERE reason = 'bill'",
    # The counters of an instance's network at its last heartbeat that was worth a micro-dollar, and what of it no
    # entry holds yet.
    "ALTER TABLE attempts ADD COLUMN received_bytes INTEGER CHECK (received_bytes >= 0)",
    "ALTER TABLE attempts ADD COLUMN sent_bytes INTEGER CHECK (sent_bytes >= 0)",
    # The spans between two sightings in which what it bills changed: beginning and end of each, as JSON.
    "ALTER TABLE attempts ADD COLUMN hidden TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE attempts ADD COLUMN unbooked_traffic INTEGER NOT NULL DEFAULT 0 CHECK (unbooked_traffic >= 0)",
)
