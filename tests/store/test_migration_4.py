"""Migration 4 gives columns and stored words new names: every value arrives under its own (I25)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from gpushopper.store.database import Store
from tests.store.samples import NOW

GOLDEN = Path(__file__).parent / "golden" / "schema-3.db"
ATTEMPT = "a2"
COLUMNS = {
    "rate_agreed": "agreed_rate", "rate_live": "current_rate", "reserve": "reserve", "entered_at": "state_changed_at",
    "handed_over_at": "ready_at", "unwanted_at": "terminate_requested_at", "off_at": "off_at",
    "billed_to": "billed_until", "awake_us": "settle_elapsed_us", "last_good_look_boot": "last_complete_list_boot",
    "units": "absence_count", "first_unit_boot": "first_absence_boot", "last_unit_boot": "last_absence_boot",
    "progress_boot": "progress_boot", "interrupted_boot": "interrupted_boot", "destroys": "destroy_count",
    "last_destroy_boot": "last_destroy_boot", "next_destroy_boot": "next_destroy_boot", "beat_at": "heartbeat_at",
    "silent_at": "unreachable_since", "guard_seq": "guard_renewal_seq", "guard_until": "guard_deadline_at",
    "login_boot": "first_login_boot", "missing_at": "missing_at", "last_seen_at": "last_seen_at",
    "ssh_port": "ssh_port",
}  # fmt: skip
TEXTS = {"status_word": "provider_status", "progress": "progress", "reach": "probe_error", "ssh_host": "ssh_host"}
RECEIPT = {
    "kind": "proven", "reason": "boot_stuck", "total": 7,
    "evidence": {"destroys": 3, "absences": 4, "awake_s": 5},
}  # fmt: skip
EVENTS = [("handed_over", {}), ("alarm", {"kind": "twin"}), ("ending", {"reason": "boot_stuck"}),
          ("destroy_sent", {"heard": True}), ("absence_observed", {"unit": 2})]  # fmt: skip


def migrated(home: Path) -> sqlite3.Connection:
    """A database of schema 3 in which every column of one attempt holds a value of its own, upgraded."""
    home.mkdir()
    path = Path(shutil.copy(GOLDEN, home / "gpu-shopper.db"))
    values = {old: number for number, old in enumerate(COLUMNS, 101)} | {old: f"text of {old}" for old in TEXTS}
    values |= {"receipt": json.dumps(RECEIPT), "state": "suspect", "guard": "planted", "gpu_billing": 1}
    with closing(sqlite3.connect(path)) as old:
        rules = old.execute("SELECT name, type FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall()
        for name, kind in rules:
            old.execute(f"DROP {kind} {name}")
        sets = ", ".join(f"{column} = :{column}" for column in values)
        old.execute(f"UPDATE attempts SET {sets} WHERE id = '{ATTEMPT}'", values)
        old.execute("UPDATE attempts SET reason = 'guard_refused' WHERE id = :id", {"id": ATTEMPT})
        old.execute("INSERT INTO discoveries VALUES ('vast', '77', 'i-wrong', NULL, 'contradicted', 1)")
        for kind, data in EVENTS:
            text = json.dumps(data)
            old.execute("INSERT INTO events (at, kind, text, data) VALUES (1, ?, 'new', ?)", (kind, text))
        old.commit()
    Store.open(path, now_wall=NOW).close()
    return sqlite3.connect(path)


def test_every_value_arrives_under_its_new_name(home: Path):
    new = {**COLUMNS, **TEXTS}
    with closing(migrated(home)) as database:
        row = database.execute(f"SELECT {', '.join(new.values())} FROM attempts WHERE id = '{ATTEMPT}'").fetchone()
    assert row == (*range(101, 101 + len(COLUMNS)), *(f"text of {old}" for old in TEXTS))


def test_stored_words_are_translated(home: Path):
    query = "SELECT state, desired_state, origin, guard_state, reason, receipt FROM attempts WHERE id = ?"
    with closing(migrated(home)) as database:
        *words, receipt = database.execute(query, (ATTEMPT,)).fetchone()
        wrong = database.execute("SELECT ownership FROM known_instances WHERE instance_id = 'i-wrong'").fetchone()
        told = database.execute("SELECT kind, data FROM events WHERE text = 'new' ORDER BY id").fetchall()
    assert (words, wrong) == (["missing", "running", "created", "installed", "guard_not_armed"], ("disowned",))
    assert json.loads(receipt) == {
        "kind": "proven", "reason": "boot_timeout", "total": 7,
        "evidence": {"destroy_count": 3, "absence_count": 4, "settle_s": 5},
    }  # fmt: skip
    assert [(kind, json.loads(data)) for kind, data in told] == [
        ("ready", {}), ("alarm", {"kind": "duplicate"}), ("end_requested", {"reason": "boot_timeout"}),
        ("destroy_sent", {"acknowledged": True}), ("absence_observed", {"absence_count": 2}),
    ]  # fmt: skip
