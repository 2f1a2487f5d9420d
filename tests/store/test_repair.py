"""An unreadable row is repaired: its session and all others still end at their deadlines (F54, I17)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from gpushopper.core.alarms import ROW_REPAIRED
from gpushopper.daemon.open_store import open_store
from gpushopper.store import sessions
from tests.sim.world import World

BROKEN = [
    ("attempts", "deadline", '{"wall":"soon","set_wall":1,"set_boot":1,"boot_id":"b"}'),
    ("attempts", "offer", "null"),
    ("attempts", "receipt", "no receipt"),
    ("sessions", "shortlist", '[{"gpu":1}]'),
    ("events", "data", "{"),
    ("alarms", "evidence", "7"),
]
"""One damage of each column, for a whole session each."""

MORE_BROKEN = [
    ("attempts", "deadline", "{"),
    ("attempts", "offer", ""),
    ("attempts", "offer", '{"provider":"vast"}'),
    ("sessions", "shortlist", "{"),
    ("sessions", "shortlist", "[" * 5000),
]


def break_one(path: Path, table: str, column: str, text: str) -> None:
    """Write past every trigger, as a damaged disk does."""
    with sqlite3.connect(path) as file:
        triggers = file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            file.execute(f"DROP TRIGGER {name}")
        if table == "alarms":
            file.execute(
                "INSERT INTO alarms (kind, subject, text, hint, evidence, raised_at) VALUES ('drift','x','','','{}',1)"
            )
        file.execute(f"UPDATE {table} SET {column} = ? WHERE id = (SELECT min(id) FROM {table})", [text])
    file.close()


@pytest.mark.parametrize(
    ("table", "column", "text"), [*BROKEN, *(pytest.param(*one, marks=pytest.mark.proofs) for one in MORE_BROKEN)]
)
def test_with_an_unreadable_row_every_session_still_ends_at_its_deadline(
    tmp_path: Path, table: str, column: str, text: str
) -> None:
    world = World(tmp_path, gaps=False).start().ready()
    refs = [world.provision(hours=1, name=name) for name in ("one", "two", "three")]
    assert all(world.running(ref) for ref in refs)
    world.kill()
    break_one(world.home.database, table, column, text)
    open_store(world.home, world.clock).close()  # what a daemon does before anything else
    world.start()
    assert all(world.ended(ref, 13 * 3600) for ref in refs)
    assert world.our_instances() == []
    late = [row for row in world.ledger()["instances"] if row["gpu_seconds"] > 3700]
    assert len(late) == (1 if column == "deadline" else 0)
    assert all(row["gpu_seconds"] < 12 * 3600 + 120 for row in late)
    world.kill()


def test_a_repaired_row_raises_an_alarm_that_stays(tmp_path: Path) -> None:
    world = World(tmp_path, gaps=False).start().ready()
    ref = world.provision(name="one")
    assert world.running(ref)
    world.kill()
    break_one(world.home.database, "attempts", "offer", "gone wrong")
    store = open_store(world.home, world.clock)
    (attempt,) = sessions.attempts_of(store, ref)
    assert attempt.offer.gpu_rate == attempt.agreed_rate
    store.close()
    world.start()
    (alarm,) = [a for a in world.requests.alarms().alarms if a.kind == ROW_REPAIRED]
    assert "offer" in alarm.text and attempt.id in alarm.text
    world.kill()
    with sqlite3.connect(world.home.database) as file:
        (evidence,) = file.execute("SELECT evidence FROM alarms WHERE kind = ?", [ROW_REPAIRED]).fetchone()
    file.close()
    assert json.loads(evidence) == {"was": "gone wrong"}


def test_readable_rows_are_not_repaired(tmp_path: Path) -> None:
    world = World(tmp_path, gaps=False).start().ready()
    assert world.running(world.provision())
    world.kill()
    with sqlite3.connect(world.home.database) as file:
        before = file.execute("SELECT * FROM attempts").fetchall(), file.execute("SELECT * FROM sessions").fetchall()
    open_store(world.home, world.clock).close()
    with sqlite3.connect(world.home.database) as file:
        after = file.execute("SELECT * FROM attempts").fetchall(), file.execute("SELECT * FROM sessions").fetchall()
        alarms = file.execute("SELECT count(*) FROM alarms").fetchone()
    assert before == after
    assert alarms == (0,)
