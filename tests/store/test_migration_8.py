"""Migration 8 adds what bills say to the ledger: nothing of before changes, what is new is read as written (I25)."""

from __future__ import annotations

import shutil
from pathlib import Path

from gpushopper.core.spending.ledger import Entry
from gpushopper.store import ledger, sessions
from gpushopper.store.database import Store
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden"
NEW_COLUMNS = {"received_bytes": 10**12, "sent_bytes": 7, "unbooked_traffic": 31}
"""What the attempt `a2` of the golden file has in the columns that this migration adds."""


def opened(home: Path, version: int) -> Store:
    home.mkdir()
    return Store.open(Path(shutil.copy(GOLDEN / f"schema-{version}.db", home / "gpu-shopper.db")), now_wall=NOW)


def test_entries_of_before_were_counted_here_and_the_traffic_of_bills_is_added_once(home: Path):
    store = opened(home, 7)
    *counted, billed = ledger.entries_of(store, "a2")
    assert {entry.reason for entry in counted} == {""}
    assert (billed.kind, billed.micros, billed.reason, billed.from_at) == ("traffic", 3, "bill", billed.to_at)
    found = sessions.load_attempts(store, open_only=False)
    assert {(one.received_bytes, one.sent_bytes, one.unbooked_traffic) for one in found} == {(None, None, 0)}
    store.close()


def test_a_database_of_schema_8_still_opens_and_works(home: Path):
    store = opened(home, 8)
    assert ledger.entries_of(store, "a2")[-1] == Entry(
        "a2", "traffic", NOW, NOW + 1, -4, correction=True, reason="bill"
    )
    (found,) = [one for one in sessions.load_attempts(store, open_only=False) if one.id == "a2"]
    assert {name: getattr(found, name) for name in NEW_COLUMNS} == NEW_COLUMNS
    store.close()
