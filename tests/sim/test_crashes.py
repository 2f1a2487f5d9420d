"""kill -9 at every commit, send, reply and file write changes nothing in the end (acceptance 3; I19, F51-F53, C1)."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.sim.fault_cases import CREATE_CASES, DESTROY_CASES, NETWORK_CASES, Case
from tests.sim.scenarios import SCENARIOS
from tests.sim.verdicts import Verdict, run_case

STORY = "provision, run, end"
TWO = "two interleaved"
BOTH = ("vast", "tensordock")
SEAMS = ("begin", "commit", "file", "account", "list", "create", "get", "destroy")
SHARES = 4
FINE_SHARES = 12
"""The points of one story are shared out: two workers have something to do, and no test takes minutes."""


def record(case: Case | None = None, scenario: str = STORY, *, must_act: bool = True, **world: Any) -> Verdict:
    """The points a story passes when nothing dies."""
    verdict = run_case(case, scenario, points=True, must_act=must_act, **world)
    assert not verdict.wrong
    return verdict


def crash_at_each(case: Case | None, scenario: str, numbers: list[int], **world: Any) -> list[str]:
    """Tell the story once for each point, dying there; what was wrong."""
    wrong = []
    for number in numbers:
        verdict = run_case(case, scenario, crash_at=(number,), must_act=False, **world)
        wrong += [f"{scenario}, {verdict.title}, point {number} {verdict.crashed}: {said}" for said in verdict.wrong]
    return wrong


def until_id_is_stored(points: tuple[str, ...]) -> int:
    """The number of the commit that makes the new instance's id durable: where the path of a create ends."""
    acted = points.index("create acted")
    return points.index("commit done", acted) + 1


def distinct_points(points: tuple[str, ...]) -> list[int]:
    """All points of a story but those before a transaction (to die there is to die after the one before it).

    While an outcome is uncertain the same polls are repeated for half an hour: of points with the same neighbours the
    first eight are taken, then every sixteenth.
    """
    chosen: list[int] = []
    seen: Counter[tuple[str, ...]] = Counter()
    for number, name in enumerate(points, 1):
        around = points[max(number - 5, 0) : number + 4]
        if name != "begin" and (seen[around] < 8 or seen[around] % 16 == 0):
            chosen.append(number)
        seen[around] += 1
    return chosen


def test_every_seam_is_a_point() -> None:
    """The list of crash points that are never reached must be empty: no seam may fall silent."""
    kinds = record().points
    assert {seam for seam in SEAMS if not any(kind.startswith(seam) for kind in kinds)} == set()


@pytest.mark.parametrize("share", [0, 2, *(pytest.param(n, marks=pytest.mark.proofs) for n in (1, 3))])
def test_a_crash_anywhere_on_the_path_of_a_create(share: int) -> None:
    """Every second point, all of them as proofs."""
    last = until_id_is_stored(record().points)
    numbers = list(range(1, last + 1))[share::SHARES]
    print(f"\n{len(numbers)} of {last} points of the create path")
    assert crash_at_each(None, STORY, numbers) == []


@pytest.mark.parametrize("share", [0, *(pytest.param(n, marks=pytest.mark.proofs) for n in range(1, SHARES))])
def test_a_crash_anywhere_on_the_path_of_a_create_at_the_second_cloud(share: int) -> None:
    """Every fourth point, all of them as proofs: the seams are those of the first cloud, the calls are its own."""
    last = until_id_is_stored(record(clouds=BOTH[1:]).points)
    numbers = list(range(1, last + 1))[share::SHARES]
    assert crash_at_each(None, STORY, numbers, clouds=BOTH[1:]) == []


def test_a_crash_while_both_clouds_are_at_work() -> None:
    """One session at each; every 40th point of all."""
    count = len(record(scenario=TWO, clouds=BOTH).points)
    numbers = list(range(20, count + 1, 40))
    print(f"\n{len(numbers)} of {count} points")
    assert crash_at_each(None, TWO, numbers, clouds=BOTH) == []


@pytest.mark.sweep
@pytest.mark.parametrize("share", range(FINE_SHARES))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_anywhere_in_a_story_of_both_clouds(scenario: str, share: int) -> None:
    count = len(record(scenario=scenario, clouds=BOTH).points)
    assert crash_at_each(None, scenario, list(range(1, count + 1))[share::FINE_SHARES], clouds=BOTH) == []


@pytest.mark.sweep
@pytest.mark.parametrize("share", range(FINE_SHARES))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_anywhere_in_a_story(scenario: str, share: int) -> None:
    count = len(record(None, scenario).points)
    numbers = list(range(1, count + 1))[share::FINE_SHARES]
    print(f"\n{scenario}: {len(numbers)} of {count} points")
    assert crash_at_each(None, scenario, numbers) == []


@pytest.mark.sweep
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("case", CREATE_CASES + DESTROY_CASES + NETWORK_CASES, ids=lambda case: case.name)
def test_every_fault_word_with_a_crash_at_every_point(case: Case, share: int) -> None:
    """The full cross product: every word, dying before and after every commit, send, reply and file write."""
    points = record(case).points
    numbers = distinct_points(points)[share::SHARES]
    print(f"\n{case.name}: {len(numbers)} of {len(points)} points")
    assert crash_at_each(case, STORY, numbers) == []


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(120))
def test_a_second_crash_during_recovery(seed: int) -> None:
    """Pairs of points, the second of them reached only because of the first; sampled by seed."""
    rng = Random(f"pairs {seed}")
    scenario = rng.choice(list(SCENARIOS))
    case = rng.choice([None, *CREATE_CASES, *DESTROY_CASES, *NETWORK_CASES])
    # Chosen at random, a fault word may meet a story in which it cannot act.
    count = len(record(case, scenario, must_act=False).points)
    wrong = []
    for _ in range(3):
        first = rng.randint(1, count)
        again = run_case(case, scenario, crash_at=(first,), must_act=False)
        second = rng.randint(first + 1, min(first + 40, len(again.points)))
        verdict = run_case(case, scenario, crash_at=(first, second), must_act=False)
        wrong += [f"{scenario}, {verdict.title}, points {first}, {second}: {said}" for said in verdict.wrong]
    print(f"\nseed {seed}: {scenario}, {case.name if case else 'no fault'}")
    assert wrong == []
