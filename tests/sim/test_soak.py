"""Simulated days with random faults: in the end the ledger shows what the users requested (C6, I19)."""

from __future__ import annotations

import pytest

from tests.sim.soak import soak


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.proofs)])
def test_a_short_soak(seed: int) -> None:
    wrong, summary = soak(seed, 0.7)
    print(f"\n{summary}")
    assert wrong == []


def test_a_short_soak_of_two_clouds() -> None:
    wrong, summary = soak(1, 0.5, ("vast", "tensordock"))
    print(f"\n{summary}")
    assert wrong == []


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(100, 160))
def test_a_long_soak(seed: int) -> None:
    wrong, summary = soak(seed, 3.0)
    print(f"\n{summary}")
    assert wrong == [], f"again with: python -m tests.sim.soak {seed} 3"
