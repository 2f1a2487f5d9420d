"""The protocol holds in every order of steps, and the model finds what breaks when one rule is weakened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim.protocol import check, checked_lines, is_as_expected, session_of, try_case
from tests.sim.protocol_explore import ACCEPTED, explore
from tests.sim.protocol_pacing import cycle, longest
from tests.sim.protocol_policies import (
    BROKEN_RULES,
    CATALOGUE,
    DUPLICATES,
    EDGES,
    NEVER_SETTLING,
    ONE,
    PACINGS,
    QUICK,
    RECOMMENDED,
    SWEEPS,
    Case,
    PacingCase,
)
from tests.sim.protocol_rules import KILLS_WANTED, Bounds
from tests.sim.protocol_settling import Rounds


def titled(cases: tuple[Case, ...]) -> list[object]:
    return [pytest.param(case, id=case.title) for case in cases]


@pytest.mark.parametrize("bounds", [ONE, QUICK, DUPLICATES], ids=["one attempt", "two attempts", "duplicates"])
def test_the_recommended_policy_holds_and_always_settles(bounds: Bounds):
    checked = check(bounds)
    print("\n".join(checked_lines("recommended", checked)))
    assert checked.found.broken == {}
    assert checked.settling.stuck is None
    assert not checked.found.permanent


@pytest.mark.sweep
@pytest.mark.parametrize("name", SWEEPS)
def test_the_recommended_policy_holds_within_the_large_bounds(name: str, capsys: pytest.CaptureFixture[str]):
    checked = check(SWEEPS[name])
    with capsys.disabled():
        print("\n" + "\n".join(checked_lines(name, checked)))
    assert checked.found.broken == {}
    assert checked.settling.stuck is None
    assert not checked.found.permanent


def test_the_accepted_leak_takes_both_label_carriers():
    assert ACCEPTED in explore(session_of(RECOMMENDED, ONE)).paths
    one_left = check(replace(ONE, drops=1))
    assert ACCEPTED not in one_left.found.paths
    assert one_left.settling.accepted == 0


def test_the_accepted_leak_ends_with_the_guard():
    """`settle` calls a session stuck unless it comes to rest, by itself or after the guard of what has no label."""
    checked = check(ONE)
    assert checked.settling.accepted > 0
    assert checked.settling.stuck is None


@pytest.mark.parametrize("case", titled(CATALOGUE))
def test_every_weak_policy_of_the_catalogue_is_caught(case: Case):
    found = try_case(case)
    assert is_as_expected(case, found), (found.paths, found.permanent)


@pytest.mark.parametrize("case", titled(BROKEN_RULES))
def test_every_rule_is_needed(case: Case):
    found = try_case(case)
    assert is_as_expected(case, found), (found.paths, found.permanent)


@pytest.mark.parametrize("case", titled(EDGES))
def test_beyond_the_bounds_the_damage_is_as_documented(case: Case):
    found = try_case(case)
    assert is_as_expected(case, found), (found.paths, found.permanent)


def test_two_structural_rules_carry_the_guarantee_even_with_weak_evidence():
    """Wanted is never closed by absence, closed labels are reopened: nothing wanted ends, nothing stays (C7)."""
    weakest = next(case for case in CATALOGUE if case.title.startswith("weakest evidence"))
    checked = check(weakest.bounds, weakest.policy)
    assert KILLS_WANTED not in checked.found.paths
    assert not checked.found.permanent
    assert checked.settling.stuck is None


@pytest.mark.parametrize("case", titled(NEVER_SETTLING))
def test_a_policy_that_never_settles_is_caught(case: Case):
    assert check(case.bounds, case.policy).settling.stuck is not None


def test_without_a_pause_the_proof_is_never_complete():
    case = NEVER_SETTLING[0]
    checked = check(case.bounds, case.policy)
    assert checked.found.broken == {}, "safe, and yet it never ends"
    assert checked.settling.stuck is not None
    assert Rounds(session_of(case.policy, case.bounds)).longest(checked.settling.stuck) is None


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in PACINGS])
def test_only_the_right_pacing_completes_every_proof(case: PacingCase):
    run = cycle(case.pacing)
    assert bool(run) is case.cycles
    if not run:
        assert longest(case.pacing) <= 3 * (case.pacing.delay + 1), "three absences, each after its longest wait"
