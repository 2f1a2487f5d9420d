"""Every fault word has a test that names it."""

from __future__ import annotations

from pathlib import Path

from gpushopper.sandbox.faults.fault_types import FAULT_TYPES, HOST_FAULT_TYPES


def test_every_fault_word_is_named_in_a_test():
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_faults_*.py"))
    assert [word for word in (*FAULT_TYPES, *HOST_FAULT_TYPES) if f'"{word}"' not in tests] == []
