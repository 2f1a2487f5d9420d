"""Without any one of five safety rules the audit fails: the oracle can see what they prevent (acceptance 3, C7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.variants import CASES, ONE_ABSENCE, VARIANTS, run_in
from tests.sim.verdicts import run_case


@pytest.mark.parametrize("case", CASES)
def test_with_every_rule_the_case_passes(case: str) -> None:
    fault, scenario = CASES[case]
    assert run_case(fault, scenario).wrong == ()


@pytest.mark.sweep
@pytest.mark.parametrize("rule", VARIANTS)
def test_without_the_rule_the_audit_fails(rule: str, tmp_path: Path) -> None:
    variant = VARIANTS[rule]
    variant.copy_to(tmp_path)
    for case in variant.cases:
        done = run_in(tmp_path, case)
        lines = done.stdout.splitlines()
        print(f"\nwithout {rule}, {case}: {'; '.join(lines[1:])}")
        assert lines[:1] == [str(tmp_path)], done.stderr
        assert done.returncode == 1, f"without {rule}, {case} is still green"


def test_without_three_absences_the_audit_fails() -> None:
    """A number of the policy: one absence would prove an end."""
    fault, scenario = CASES["not shown for a moment while it ends"]
    verdict = run_case(fault, scenario, policy=ONE_ABSENCE)
    print(f"\nwith one absence: {'; '.join(verdict.wrong)}")
    assert verdict.wrong
