"""Every fault word ends well: nothing unwanted lives, nothing wanted dies (acceptance 3; F1-F6, F12, F16, F28-F40)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.fault_cases import ALL_CASES, CREATE_CASES, DESTROY_CASES, NETWORK_CASES, WORDS, Case, quick_cases
from tests.sim.scenarios import SCENARIOS
from tests.sim.verdicts import HEADER, run_case


def test_every_fault_word_has_a_case() -> None:
    """A fault word that is added to the sandbox needs a case here."""
    assert {case.word for case in ALL_CASES} == set(WORDS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_any_fault(scenario: str) -> None:
    verdict = run_case(None, scenario)
    print(f"\n{HEADER}\n{verdict.row()}")
    assert not verdict.wrong


def _first_of_each_word() -> list[Any]:
    """Every word of a create or destroy once, and every second one of the others; the rest are proofs."""
    seen: set[str] = set()
    cases = []
    ends_or_makes = {case.word for case in CREATE_CASES + DESTROY_CASES}
    for case in quick_cases():
        is_quick = case.word not in seen and (case.word in ends_or_makes or len(seen) % 2 == 0)
        cases.append(case if is_quick else pytest.param(case, marks=pytest.mark.proofs))
        seen.add(case.word)
    return cases


def _only_long() -> list[Case]:
    quick = quick_cases()
    return [case for case in ALL_CASES if case not in quick]


@pytest.mark.parametrize("case", _first_of_each_word(), ids=lambda case: case.name)
def test_every_fault_word_alone(case: Case) -> None:
    verdict = run_case(case)
    print(f"\n{verdict.row()}")
    assert not verdict.wrong


@pytest.mark.sweep
@pytest.mark.parametrize("case", _only_long(), ids=lambda case: case.name)
def test_every_fault_word_on_every_call(case: Case) -> None:
    verdict = run_case(case)
    print(f"\n{verdict.row()}")
    assert not verdict.wrong


@pytest.mark.sweep
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "provision, run, end"])
@pytest.mark.parametrize("case", CREATE_CASES + DESTROY_CASES + NETWORK_CASES, ids=lambda case: case.name)
def test_every_fault_word_in_every_story(case: Case, scenario: str) -> None:
    # Some words have no occasion in some stories: where nothing is ended, no destroy can fail.
    verdict = run_case(case, scenario, must_act=False)
    print(f"\n{scenario}: {verdict.row()}")
    assert not verdict.wrong
