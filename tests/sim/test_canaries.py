"""No secret that was planted is in what a session leaves on disk, or in any answer (I21)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import structlog

from gpushopper import log
from gpushopper.daemon.audit_log.writer import AuditLog
from gpushopper.daemon.completion_file import CompletionFile
from gpushopper.daemon.metrics.exposition import Exposition
from gpushopper.daemon.metrics.present import all_families
from gpushopper.engine.records.compaction_job import run_compaction
from gpushopper.engine.requests.queries.money.cost_question import CostQuestion
from gpushopper.engine.requests.queries.money.costs import costs
from gpushopper.engine.requests.queries.records.custody import custody
from gpushopper.engine.requests.queries.records.report import report
from gpushopper.engine.requests.queries.why import why
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.errors import ProviderFailed
from gpushopper.store import sessions
from gpushopper.store.sqlite.backups import back_up_now
from tests.canaries import Canary, found_in_files, found_in_texts, open_to_others
from tests.sim.world import World

HALF_A_YEAR_S = 181 * 86400.0
DATABASE = ("gpu-shopper.db", "backups/")
VALUE = Canary("the value of a variable", "c4n4ry-of-a-variable-0123456789", DATABASE)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home whose files are made under the most open umask: each is private by itself."""
    former = os.umask(0)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    made = World(home).start().ready()
    yield made
    made.kill()
    os.umask(former)


def key_of(world: World) -> Canary:
    return Canary("the account's key", world.key)


def jobs(world: World) -> None:
    """What the daemon's jobs write beside the database."""
    run_rollups(world.engine.ctx)
    AuditLog(world.engine.ctx).step()
    CompletionFile(world.engine.ctx, lambda: ["desk"], world.engine.recent_offers).sync()
    back_up_now(world.store.path, world.clock.now().wall)


def answers(world: World, ref: str) -> dict[str, str]:
    """Every answer about a session, and those about all."""
    ctx, ask = world.engine.ctx, world.requests
    found = {
        "sessions": ask.sessions(), "session": ask.session(ref), "why": why(ctx, ref, replay=True),
        "report": report(ctx, ref), "custody": custody(ctx, ref, None), "costs": costs(ctx, CostQuestion()),
        "events": ask.events(0, 10_000), "alarms": ask.alarms(), "audit": ask.audit(),
    }  # fmt: skip
    texts = {name: json.dumps(asdict(each), default=str) for name, each in found.items()}
    texts["accounts"] = json.dumps([asdict(each) for each in ask.accounts()], default=str)
    texts["metrics"] = Exposition().render(all_families(world.engine.handle, {})).decode()
    return texts


def test_a_session_with_refused_keys_and_a_crash_leaves_no_secret(world: World):
    redactor = log.Redactor()
    redactor.add_redaction(world.key)
    log.configure(world.home.log, redactor, lambda: world.clock.now().wall)
    ref = world.provision(hours=0.5, name="train", environment={"TOKEN": VALUE.secret})
    assert world.running(ref)
    world.fault("list", "status", "401", duration="5m")
    world.fault("destroy", "status", "500", count=2)
    world.run_for(600)
    world.requests.end([ref])
    try:
        raise ProviderFailed(f"Authorization: Bearer {world.key}")
    except ProviderFailed as error:
        structlog.get_logger("test").error("the engine has failed", exc_info=error)
    assert world.ended(ref)
    jobs(world)
    canaries = [key_of(world), VALUE]
    assert found_in_texts(answers(world, ref), canaries) == {}
    assert found_in_files(world.home.data, canaries) == {}
    assert open_to_others(world.home.data) == {}
    assert "the engine has failed" in world.home.log.read_text() and list(world.home.backups.iterdir())


def test_what_is_planted_is_found(world: World):
    ref = world.provision(name="train", environment={"TOKEN": VALUE.secret})
    jobs(world)
    bare = Canary(VALUE.name, VALUE.secret)
    found = found_in_files(world.home.data, [bare])[VALUE.name]
    assert any(name.startswith("backups/") for name in found), "the backup was not read"
    world.home.completion_names.write_text(f"open\t{VALUE.secret.encode().hex()}\n")
    assert "names" in found_in_files(world.home.data, [bare])[VALUE.name]
    world.home.completion_names.chmod(0o644)
    assert list(open_to_others(world.home.data)) == [str(world.home.completion_names)]
    assert found_in_texts({"one": ref, "two": f"x{world.key}"}, [key_of(world)]) == {"the account's key": ["two"]}


def test_once_compacted_the_database_has_no_value_of_a_variable(world: World):
    ref = world.provision(hours=0.3, name="train", environment={"TOKEN": VALUE.secret})
    assert world.running(ref) and world.ended(ref)
    assert world.run_until(lambda: not sessions.load_attempts(world.store), 3600)
    bare = [Canary(VALUE.name, VALUE.secret)]
    assert found_in_files(world.home.data, bare)
    world.sleep(HALF_A_YEAR_S)
    world.run_for(30)
    run_rollups(world.engine.ctx)
    assert run_compaction(world.engine.ctx, is_clock_proven=True) == 1
    world.store.close()
    assert found_in_files(world.home.data, bare) == {}, "also not in what SQLite has freed"
