"""A call's time limit counts from when it begins; one that never began is cancelled and never made (S14, F38)."""

from __future__ import annotations

import json
import threading

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.engine.account.calls.in_flight import CancelledCall, InFlightCall
from gpushopper.engine.executor import CallResult, ThreadExecutor
from gpushopper.store import sessions
from gpushopper.store.sqlite.statements import run
from tests.sim.world import World


def recorded_destroys(world: World) -> list[bool]:
    """Whether each destroy that was recorded as sent was acknowledged."""
    rows = run(world.store.database, "SELECT data FROM events WHERE kind = 'destroy_sent' ORDER BY id")
    return [json.loads(data)["acknowledged"] for (data,) in rows]


def rent(world: World, count: int) -> list[str]:
    refs = [world.provision(name=f"s{number}") for number in range(count)]
    assert all(world.running(ref) for ref in refs)
    return refs


@pytest.mark.parametrize("waits_s", [20, 60, 600])
def test_a_destroy_that_waits_for_a_thread_is_sent_once_and_recorded_once(world: World, waits_s: float):
    refs = rent(world, 3)
    world.executor.full = {"destroy"}
    world.requests.end(refs)
    world.run_for(waits_s)
    assert (world.market.destroys, recorded_destroys(world)) == ([], [])
    world.executor.free()
    world.run_for(40)
    assert len(world.market.destroys) == len(recorded_destroys(world)) == 3
    assert recorded_destroys(world) == [True] * 3
    assert all(world.ended(ref) for ref in refs)


def test_a_destroy_that_began_and_gets_no_answer_is_recorded_as_unacknowledged(world: World):
    (ref,) = rent(world, 1)
    world.fault("destroy", "hang", count=1)
    world.requests.end([ref])
    world.run_for(34)
    assert recorded_destroys(world) == [False]
    assert world.ended(ref)


def test_a_create_that_waits_for_a_thread_is_not_uncertain(world: World):
    world.executor.full = {"create"}
    ref = world.provision()
    world.run_for(120)
    world.executor.free()
    assert world.running(ref)
    assert len(world.market.creates) == 1
    states = [attempt.state for attempt in sessions.load_attempts(world.store, open_only=False)]
    assert State.UNCERTAIN not in states
    kinds = {kind for (kind,) in run(world.store.database, "SELECT kind FROM events")}
    assert "uncertain" not in kinds


@pytest.mark.parametrize("kind", ["list", "account", "get"])
def test_reads_that_wait_for_a_thread_are_sent_anew(world: World, kind: str):
    (ref,) = rent(world, 1)
    world.executor.full = {kind}
    world.requests.end([ref])
    world.run_for(200)
    world.executor.free()
    assert world.ended(ref)


def test_a_list_that_comes_after_it_was_given_up_does_not_count_as_the_next_one(world: World):
    """The next one is in flight by then: what the old list shows would count as seen after that was requested."""
    (ref,) = rent(world, 1)
    reconciler, key = world.engine.reconcilers["vast"], ("vast", "list")
    calls, observed = reconciler.calls.in_flight, reconciler.observed
    assert world.run_until(lambda: key in calls, 600)
    first, old = calls[key], _held_back(world, key)
    assert world.run_until(lambda: key in calls and calls[key] is not first, 600)
    second, new = calls[key], _held_back(world, key)
    world.executor.waiting.append((world.clock.t, old))
    world.engine.step()
    assert calls.get(key) is second
    assert observed.last_list is not None and observed.last_list.requested_boot < first.requested_boot
    world.executor.waiting.append((world.clock.t, new))
    world.engine.step()
    assert observed.last_list.requested_boot == second.requested_boot
    world.requests.end([ref])
    assert world.ended(ref)


def _held_back(world: World, key: tuple[str, ...]) -> CallResult:
    """The result of the call in flight, kept from being delivered."""
    (entry,) = [each for each in world.executor.waiting if each[1].key == key]
    world.executor.waiting.remove(entry)
    return entry[1]


def test_a_fault_in_a_call_that_was_given_up_does_not_settle_the_next_one(world: World):
    """It would end the new call before its answer: a create would count as uncertain, a destroy be sent twice."""
    rent(world, 1)
    reconciler, key = world.engine.reconcilers["vast"], ("vast", "list")
    calls, executor = reconciler.calls.in_flight, world.executor
    executor.stores_faults = True
    client, fetch = reconciler.client, reconciler.client.fetch_instances
    client.fetch_instances = lambda limit_s: 1 // 0
    assert world.run_until(lambda: key in calls, 600)
    first, old = calls[key], _held_back(world, key)
    client.fetch_instances = fetch
    assert world.run_until(lambda: key in calls and calls[key] is not first, 600)
    second, new = calls[key], _held_back(world, key)
    executor.waiting.append((world.clock.t, old))
    world.engine.step()
    assert calls.get(key) is second
    executor.waiting.append((world.clock.t, new))
    world.engine.step()
    assert second not in calls.values()
    assert not reconciler.health.failed_polls


def test_a_fault_in_a_call_in_flight_is_a_failed_read(world: World):
    rent(world, 1)
    reconciler = world.engine.reconcilers["vast"]
    world.executor.stores_faults = True
    reconciler.client.fetch_instances = lambda limit_s: 1 // 0
    assert world.run_until(lambda: reconciler.health.failed_polls > 0, 600)
    assert reconciler.health.last_error == "internal fault: ZeroDivisionError"


# ---- threads


def test_slow_destroys_at_one_cloud_hold_no_destroy_of_another():
    """Four that hang take all threads that one account has for destroys (I17)."""
    gate, sent = threading.Event(), threading.Event()
    executor = ThreadExecutor()
    for number in range(4):
        executor.submit(("vast", "destroy", (str(number),)), gate.wait, 30)
    executor.submit(("toy", "destroy", ("5",)), sent.set, 30)
    try:
        assert sent.wait(5)
    finally:
        gate.set()
        executor.close()


def test_reads_logins_and_destroys_of_an_account_do_not_wait_for_each_other():
    gate, done = threading.Event(), {kind: threading.Event() for kind in ("destroy", "heartbeat", "list")}
    executor = ThreadExecutor(workers=1, destroyers=1, logins=1)
    try:
        for kind in ("heartbeat", "list", "destroy"):
            executor.submit(("vast", kind), done[kind].set, 30)
            assert done[kind].wait(5)
            executor.submit(("vast", kind), gate.wait, 30)
    finally:
        gate.set()
        executor.close()


# ---- one call in flight


def new_call() -> InFlightCall:
    return InFlightCall(limit_s=30, requested_boot=1_000_000)


def test_the_time_limit_counts_from_when_the_call_begins():
    one = new_call()
    assert one.expires_boot == 36_000_000
    assert one.begin(20_000_000)
    assert one.expires_boot == 55_000_000


def test_a_call_either_begins_or_is_cancelled():
    early, late = new_call(), new_call()
    assert early.begin(2) and not early.cancel()
    assert late.cancel() and not late.begin(2)


def test_a_cancelled_call_is_not_made_by_its_thread():
    """On real threads: one call keeps the thread busy, the other waits behind it and is cancelled."""
    gate, done = threading.Event(), threading.Event()
    executor = ThreadExecutor(on_done=done.set, destroyers=1)
    made: list[str] = []
    one, two = new_call(), new_call()
    executor.submit(("vast", "destroy", ("a",)), one.call(gate.wait, lambda: 1), 30)
    executor.submit(("vast", "destroy", ("b",)), two.call(lambda: made.append("b"), lambda: 1), 30)
    assert two.cancel()
    gate.set()
    results = []
    while len(results) < 2:
        assert done.wait(10)
        done.clear()
        results += executor.collect()
    executor.close()
    assert made == []
    assert [isinstance(result.value, CancelledCall) for result in results] == [False, True]
