"""Every fault word ends well: nothing unwanted lives, nothing wanted dies (acceptance 3; F1-F6, F12, F16, F28-F40)."""

from __future__ import annotations

from typing import Any

import pytest

from gpushopper.sandbox.faults.fault_types import FAULT_TYPES
from tests.sim.fault_cases import ALL_WORDS, CREATE_WORDS, DESTROY_WORDS, NETWORK_WORDS, Case, one_each
from tests.sim.scenarios import SCENARIOS
from tests.sim.verdicts import HEAD, tell


def test_every_word_has_a_case() -> None:
    """A word that is added to the sandbox must be told here too."""
    assert {case.word for case in ALL_WORDS} == set(FAULT_TYPES)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_any_fault(scenario: str) -> None:
    verdict = tell(None, scenario)
    print(f"\n{HEAD}\n{verdict.row()}")
    assert not verdict.wrong


def _first_of_each_word() -> list[Any]:
    """Every word once; its other arguments are proofs."""
    told: set[str] = set()
    cases = []
    for case in one_each():
        cases.append(case if case.word not in told else pytest.param(case, marks=pytest.mark.proofs))
        told.add(case.word)
    return cases


@pytest.mark.parametrize("case", _first_of_each_word(), ids=lambda case: case.name)
def test_every_word_alone(case: Case) -> None:
    verdict = tell(case)
    print(f"\n{verdict.row()}")
    assert not verdict.wrong


@pytest.mark.sweep
@pytest.mark.parametrize("case", [c for c in ALL_WORDS if c not in one_each()], ids=lambda case: case.name)
def test_every_word_on_every_call(case: Case) -> None:
    verdict = tell(case)
    print(f"\n{verdict.row()}")
    assert not verdict.wrong


@pytest.mark.sweep
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "provision, run, end"])
@pytest.mark.parametrize("case", CREATE_WORDS + DESTROY_WORDS + NETWORK_WORDS, ids=lambda case: case.name)
def test_every_word_in_every_story(case: Case, scenario: str) -> None:
    # Some words have no occasion in some stories: where nothing is ended, no destroy can fail.
    verdict = tell(case, scenario, must_act=False)
    print(f"\n{scenario}: {verdict.row()}")
    assert not verdict.wrong
