"""A create that was cut off is sent again with its token: at most one instance, whatever was lost (I2, F2, F133)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from gpushopper.core.model.attempt import State
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.store import sessions
from tests.third_cloud.market import Nimbus, label_of
from tests.third_cloud.world import NimbusWorld


def made(market: Nimbus) -> Counter[str]:
    """How many machines were ever made under each label."""
    return Counter(label_of(one.spec["tags"]["owner"]) for one in market.machines.values())


def creates(market: Nimbus) -> int:
    return market.requests.count(("POST", "/v1/machines"))


def rent(world: NimbusWorld, **more) -> str:
    return world.provision("H100 SXM", hours=2, retries=0, **more)


@pytest.mark.parametrize("words", [("lost",), ("cut",), ("lost", "cut", "lost"), ("cut", "500", "lost", "cut")])
def test_it_is_sent_again_and_there_is_one_instance(world: NimbusWorld, words: tuple[str, ...]) -> None:
    world.nimbus.fault("POST", "machines", *words)
    world.nimbus.fault("GET", "machines", *["500"] * 12)
    ref = rent(world)
    assert world.running(ref, 600)
    assert creates(world.nimbus) <= len(words) + 1 and list(made(world.nimbus).values()) == [1]
    world.requests.end([ref])
    assert world.ended(ref) and world.nimbus.existing(world.nimbus.machines) == []


def test_an_old_token_is_never_sent(world: NimbusWorld) -> None:
    """The market forgets a token after 15 minutes, and would make a second instance then."""
    market = world.nimbus
    market.fault("POST", "machines", "lost", *["cut"] * 500)
    market.hides_machines = True
    ref = rent(world)
    world.run_for(3 * 3600)
    sent_at = next(iter(market.machines.values())).created
    assert 3 <= creates(market) <= 10
    assert max(market.create_times) < sent_at + us(900 - 180), "so early that a late request still finds its token"
    assert list(made(market).values()) == [1]
    market.hides_machines = False
    world.run_for(3600)
    assert world.status(ref) in ("stopped", "failed", "running")
    assert len(market.existing(market.machines)) == (1 if world.status(ref) == "running" else 0)


def test_a_refusal_of_a_replay_is_no_proof(world: NimbusWorld) -> None:
    """After a timeout a repeated create is answered anew: the first one may have made an instance all the same."""
    world.nimbus.fault("POST", "machines", "lost")
    world.nimbus.hides_machines = True
    ref = rent(world)
    assert world.run_until(lambda: sessions.attempts_of(world.store, ref)[0].state is State.UNCERTAIN, 60)
    world.nimbus.refuse_creates = "sold_out"
    world.nimbus.replays.clear()
    world.run_for(300)
    (attempt,) = sessions.attempts_of(world.store, ref)
    assert attempt.state is State.UNCERTAIN and creates(world.nimbus) > 1
    world.nimbus.hides_machines = False
    assert world.running(ref)


def test_for_a_session_that_is_ending_nothing_is_sent_again(world: NimbusWorld) -> None:
    world.nimbus.fault("POST", "machines", "cut*")
    ref = rent(world)
    assert world.run_until(lambda: sessions.attempts_of(world.store, ref)[0].state is State.UNCERTAIN, 60)
    world.requests.end([ref])
    before = creates(world.nimbus)
    world.run_for(1800)
    assert creates(world.nimbus) == before


@pytest.mark.parametrize("seed", range(6))
def test_crashes_and_lost_answers_make_no_second_one(world: NimbusWorld, seed: int) -> None:
    rng = Random(seed)
    world.nimbus.fault("POST", "machines", *[rng.choice(("lost", "cut", "500")) for _ in range(rng.randrange(1, 5))])
    ref = rent(world)
    for _ in range(4):
        world.run_for(rng.uniform(0.2, 40))
        world.restart()
    world.run_until(lambda: world.status(ref) != "provisioning", 4 * 3600)
    assert max(made(world.nimbus).values(), default=0) <= 1
    if world.status(ref) == "running":
        world.requests.end([ref])
        assert world.ended(ref)
    assert world.nimbus.existing(world.nimbus.machines) == []
