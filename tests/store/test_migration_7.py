"""Migration 7 adds money by time: nothing of before changes, and what is new is read as it was written (I25)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gpushopper.store import ledger
from gpushopper.store.database import Store
from gpushopper.store.schema.tables import (
    AlertRow,
    BalanceRow,
    BillRow,
    BudgetRow,
    ConsumerRow,
    RollupRow,
    SentItemRow,
    SessionTagRow,
)
from tests.store.samples import NOW, raw

GOLDEN = Path(__file__).parent / "golden"
ROWS = {
    ConsumerRow: [{"name": "team-a", "created_at": NOW, "renamed_to": "me"}],
    SessionTagRow: [{"session_id": "running1", "key": "paper", "value": "neurips"}],
    RollupRow: [
        {"span": "month", "start_at": NOW, "attempt_id": "a2", "kind": "gpu", "micros": 700},
        {"span": "day", "start_at": NOW, "attempt_id": "a2", "kind": "storage", "micros": -20},
    ],
    BudgetRow: [
        {"name": "lab", "scope_kind": "all", "scope": "", "daily": None, "monthly": 50_000_000, "session": 0,
         "at_80": "warn", "at_100": "refuse", "created_at": NOW, "changed_at": NOW + 1},
    ],
    AlertRow: [
        {"id": 3, "event_id": 1, "channel": "phone", "state": "waiting", "tries": 2, "problem": "no answer",
         "done_at": None},
        {"id": 4, "event_id": 1, "channel": "lab", "state": "delivered", "tries": 1, "problem": "", "done_at": NOW},
    ],
    BillRow: [
        {"attempt_id": "a2", "gpu": 700, "storage": 20, "traffic": 3, "other": 0, "until_at": None, "read_at": NOW},
    ],
    BalanceRow: [{"provider": "vast", "account": "77", "at": NOW, "balance": -5}],
    SentItemRow: [
        {"id": 1, "attempt_id": "a2", "at": NOW, "kind": "file", "means": "cp", "name": "/data", "target": "/root"},
    ],
}  # fmt: skip
"""Rows of the tables and columns that this migration added, as the golden database has them."""


def opened(home: Path, version: int) -> Store:
    home.mkdir()
    return Store.open(Path(shutil.copy(GOLDEN / f"schema-{version}.db", home / "gpu-shopper.db")), now_wall=NOW)


def test_the_ledger_of_before_is_kept_and_nothing_is_rolled_up_of_it_yet(home: Path):
    store = opened(home, 6)
    assert ledger.totals_by_attempt(store) == {"a2": {"gpu": 700, "storage": 20}}
    assert [raw(store, f"SELECT * FROM {table}") for table in ("rollups", "budgets", "session_tags", "alerts")] == [
        []
    ] * 4
    assert raw(store, "SELECT name, renamed_to FROM consumers") == [("me", None)]
    store.close()


@pytest.mark.parametrize("row", [AlertRow, BudgetRow, RollupRow, SessionTagRow, BillRow, BalanceRow, SentItemRow])
def test_a_database_of_schema_7_still_opens_and_works(home: Path, row: type[BudgetRow]):
    store = opened(home, 7)
    names = [field.column_name for field in row._meta.sorted_fields]
    found = raw(store, f"SELECT {', '.join(names)} FROM {row._meta.table_name}")
    store.close()
    expected = [tuple(each[name] for name in names) for each in ROWS[row]]
    assert sorted(found) == sorted(expected)
