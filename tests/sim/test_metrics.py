"""Metrics follow from what happens: the values of families after stories of rents, refused destroys and alarms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gpushopper.core import alarms
from gpushopper.core.model.heartbeat import ProbeFailure, ProbeFailureKind
from gpushopper.core.policy import REAL
from gpushopper.core.spending.budget import At100, Budget, ScopeKind
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.daemon.metrics.exposition import Exposition
from gpushopper.daemon.metrics.history import MISMATCHES, ORPHANS
from gpushopper.daemon.metrics.present import all_families
from gpushopper.engine.rollup_job import run_rollups
from gpushopper.store.history import counts
from gpushopper.store.money import rollups
from gpushopper.store.money.budgets import save_budget
from gpushopper.store.sqlite.statements import compile_select, run
from tests.sim.world import World


class Watched(World):
    """A world whose metrics are read."""

    def __init__(self, folder: Path) -> None:
        self.exposition = Exposition()
        super().__init__(folder, policy=REAL, observe_call=self.exposition.calls.observe)

    def start(self) -> World:
        super().start()
        self.engine.ctx.observe_first_login = self.exposition.calls.observe_first_login
        return self

    def scrape(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Every sample of now, by name and the values of its labels, these in alphabetical order."""
        text = self.exposition.render(all_families(self.engine.handle, {"engine": 0.5})).decode()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            assert family.documentation, family.name
            for sample in family.samples:
                rows = found.setdefault(sample.name, {})
                key = tuple(sample.labels.values())
                assert key not in rows, f"{sample.name} twice: {key}"
                rows[key] = sample.value
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    made.start().ready()
    yield made
    made.kill()


def test_a_session_from_its_create_to_its_receipt(world: Watched):
    idle = world.scrape()
    assert idle["gpu_provider_circuit_breaker_state"] == {("vast",): 0} and idle["gpu_provider_balance_usd"]
    assert not idle.get("gpu_sessions_active") and idle["gpu_loop_age_seconds"] == {("engine",): 0.5}
    assert idle["gpu_orphans_detected_total"] == {(): 0}

    ref = world.provision(hours=0.25, name="train")
    assert world.running(ref)
    world.run_for(120)
    now, view = world.scrape(), world.view(ref)
    assert now["gpu_sessions_active"] == {("vast", "running"): 1}
    assert now["gpu_sessions_created_total"] == {("vast",): 1}
    assert 0 <= now["gpu_heartbeat_age_seconds"]["vast", "train"] <= 60
    assert 600 < now["gpu_deadline_left_seconds"]["vast", "train"] < 800
    assert now["gpu_burn_rate_usd_per_hour"]["vast",] == pytest.approx(view.rate / 1e6)
    assert now["gpu_reserve_usd"]["vast",] > view.max_cost / 1e6
    assert now["gpu_provisioning_duration_seconds_count"] == {("vast",): 1}
    assert now["gpu_provisioning_duration_seconds_bucket"]["+Inf", "vast"] == 1
    assert now["gpu_provider_api_calls_total"]["create", "vast", "ok"] == 1
    assert now["gpu_provider_api_calls_total"]["list", "vast", "ok"] > 3
    assert now["gpu_provider_api_calls_total"]["search", "vast", "ok"] >= 1
    assert now["gpu_ssh_verify_duration_seconds_count"]["heartbeat", "vast"] > 2
    assert not now.get("gpu_guard_lines_missing") and not now.get("gpu_receipts_pending")

    assert world.ended(ref)
    after = world.scrape()
    assert not after.get("gpu_sessions_active") and not after.get("gpu_heartbeat_age_seconds")
    assert after["gpu_sessions_destroyed_total"] == {("vast", "deadline"): 1}
    assert after["gpu_sessions_ended_total"] == {("deadline",): 1}
    assert after["gpu_cost_accrued_usd"]["vast",] == pytest.approx(world.view(ref).accrued / 1e6)
    assert after["gpu_provider_api_calls_total"]["destroy", "vast", "ok"] >= 1


def test_a_destroy_that_fails_is_counted_and_its_end_is_pending(world: Watched):
    ref = world.provision(hours=1, name="train")
    assert world.running(ref)
    world.fault("destroy", "status", "500")
    world.requests.end([ref])
    world.run_for(600)
    now = world.scrape()
    assert now["gpu_destroy_failures_total"]["vast",] >= 3
    assert now["gpu_provider_api_errors_total"]["destroy", "vast"] == now["gpu_destroy_failures_total"]["vast",]
    assert now["gpu_receipts_pending"] == {("vast",): 1}
    assert now["gpu_destroying_seconds"]["vast",] == pytest.approx(600, abs=60)
    assert now["gpu_alarms_open"][alarms.DESTROY_SLOW,] == 1
    assert now["gpu_sessions_active"] == {("vast", "stopping"): 1}


def test_a_cloud_that_gives_no_answer_is_counted_as_down(world: Watched):
    world.fault("any", "status", "500")
    world.run_for(900)
    now = world.scrape()
    assert now["gpu_provider_circuit_breaker_state"] == {("vast",): 1}
    assert now["gpu_provider_api_calls_total"]["list", "vast", "network"] >= 3
    assert now["gpu_alarms_open"][alarms.DEGRADED,] == 1


def test_a_create_of_unknown_outcome_and_an_instance_without_a_row(world: Watched):
    world.fault("create", "commit_then_reset", count=1)
    world.provision(hours=1, name="train")
    assert world.run_until(lambda: bool(world.scrape().get("gpu_attempts_uncertain")), 120)
    now = world.scrape()
    assert now["gpu_attempts_uncertain"] == {("vast",): 1}
    assert now["gpu_provider_api_calls_total"]["create", "vast", "unknown"] == 1


def test_a_budget_that_is_passed_is_negative(world: Watched):
    limits = {"daily": 20_000, "monthly": 50_000_000, "session": None, "at_100": At100.REFUSE}
    ref = world.provision(hours=1, name="train")
    assert world.running(ref)
    with world.store.transaction():
        save_budget(world.store, Budget("lab", ScopeKind.ALL, "", **limits))
    world.run_for(600)
    now = world.scrape()
    assert now["gpu_budget_left_usd"]["lab", "daily"] < 0 < now["gpu_budget_left_usd"]["lab", "monthly"]
    assert now["gpu_budget_committed_usd"]["lab", "daily"] > 0.02
    assert now["gpu_budget_alerts_total"][alarms.BUDGET_USED_UP,] >= 0


def test_the_kinds_of_alarms_that_families_count_are_known():
    assert set(MISMATCHES) | set(ORPHANS) <= set(alarms.HINTS)


def test_what_was_spent_is_the_ledgers_sum_however_far_it_is_rolled_up(world: Watched):
    """Before the first rollup, after it, with entries since, and after corrections."""

    def told() -> int:
        return round(world.scrape()["gpu_cost_accrued_usd"]["vast",] * 1e6)

    def entered() -> int:
        ((total,),) = run(world.store.database, "SELECT SUM(micros) FROM ledger")
        return int(total)

    first, second = world.provision(hours=0.5, name="train"), world.provision(hours=2, name="more")
    assert world.ended(first) and told() == entered() > 0
    run_rollups(world.engine.ctx)
    assert told() == entered()
    world.run_for(3600)
    world.requests.end(["more"])
    assert world.ended(second) and told() == entered()
    run_rollups(world.engine.ctx)
    assert told() == entered()
    with world.store.transaction():
        rollups.forget(world.store, world.engine.ctx.zone)
    assert told() == entered()
    plan = compile_select(counts._entered_since(7))
    (step, *_) = [row[3] for row in run(world.store.database, f"EXPLAIN QUERY PLAN {plan.text}", plan.values)]
    assert "INTEGER PRIMARY KEY (rowid>?)" in step, "the ledger is not read from its beginning"


def test_the_disk_of_an_instance_is_told_while_its_agent_does(world: Watched):
    ref = world.provision(hours=1, name="train", idle_us=us(1800))
    assert world.running(ref)
    world.run_for(180)
    assert world.scrape()["gpu_session_disk_available_gb"] == {("vast", "train"): 14.5}
    assert world.ended(ref)
    assert not world.scrape().get("gpu_session_disk_available_gb")


def test_logins_until_the_first_that_worked_are_counted_once_for_each_instance(world: Watched):
    assert world.remote is not None
    refused = iter([ProbeFailure(ProbeFailureKind.UNREACHABLE, "connection refused")] * 3)
    world.remote.answer = lambda login: next(refused, None)
    assert world.running(world.provision(hours=1, name="train"))
    world.run_for(300)
    found = world.scrape()
    assert found["gpu_ssh_verify_attempts_count"] == {("vast",): 1}
    assert found["gpu_ssh_verify_attempts_sum"] == {("vast",): 4}
