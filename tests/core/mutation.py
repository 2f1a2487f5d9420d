"""One mutation: a line of core written wrongly on purpose, and the tests that must notice."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """One line of core written wrongly: the rule it breaks, and the test files that must notice."""

    module: str
    old: str
    new: str
    rule: str
    tests: str
