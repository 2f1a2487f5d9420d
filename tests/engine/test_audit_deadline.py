"""`audit` reads accounts side by side: one that hangs is named at the deadline and delays no other (I17, I28)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gpushopper.core.cloud import Identity, Leftover
from gpushopper.providers.base import Account, ErrorKind, InstanceList, LeftoverList, ReadFailed
from gpushopper.providers.vast import TRAITS as VAST
from tests.core.samples import row
from tests.engine.two_clouds import StandIn, TwoClouds

LEAVES = replace(VAST, ending=replace(VAST.ending, leftovers=frozenset({Leftover.DISK})))


@dataclass
class Listed(StandIn):
    """A cloud with one foreign instance; each kind of read takes `takes` seconds, or one second."""

    takes: dict[str, float] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def read(self, kind: str, limit_s: float) -> ReadFailed | None:
        self.reads.append(kind)
        needed = self.takes.get(kind, 1.0)
        self.wait(min(needed, limit_s) if self.obeys else needed)
        return ReadFailed(ErrorKind.NETWORK, "timed out") if self.obeys and needed > limit_s else None

    def fetch_account(self, limit_s: float) -> Account | ReadFailed:
        return self.read("account", limit_s) or Account("17", None, None)

    def fetch_instances(self, limit_s: float) -> InstanceList | ReadFailed:
        return self.read("list", limit_s) or InstanceList((row(label=None),), True, None, total=1)

    def fetch_leftovers(self, limit_s: float) -> LeftoverList | ReadFailed:
        return self.read("leftovers", limit_s) or LeftoverList((), True)

    def remove_leftover(self, *_: object) -> None: ...


class Audited(TwoClouds):
    """Both clouds can be listed, and leave disks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.first, self.second = (Listed(replace(LEAVES, name=name), self.transport.wait) for name in "ab")
        self.change("a", client=self.first)
        self.change("b", client=self.second)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Audited]:
    made = Audited(tmp_path)
    yield made
    made.close()


def test_everything_is_read_at_the_same_time(two: Audited):
    two.first.takes, two.second.takes = {"account": 3}, {"leftovers": 4}
    found, took = two.took(two.requests.audit)
    assert ([row.provider for row in found.rows], found.unavailable, took) == (["a", "b"], {}, 4)


@pytest.mark.parametrize("obeys", [True, False])
def test_an_account_that_hangs_is_named_at_the_deadline_and_the_others_are_shown(two: Audited, obeys: bool):
    two.second.obeys, two.second.takes = obeys, {"account": 600, "list": 600, "leftovers": 600}
    found, took = two.took(two.requests.audit)
    assert [row.provider for row in found.rows] == ["a"] and took <= 20
    assert found.unavailable == {"b": "timed out" if obeys else "no answer within 20 s"} and found.problems == 1


def test_what_hangs_beside_a_list_hides_no_row_of_it(two: Audited):
    two.first.takes, two.second.takes = {"leftovers": 600}, {"account": 600}
    found, took = two.took(two.requests.audit)
    assert [row.provider for row in found.rows] == ["a", "b"] and took <= 20
    assert found.unavailable == {"a": "what creates left there: timed out"}


def test_an_account_that_no_call_tells_is_not_asked_for(two: Audited):
    two.first.traits = replace(LEAVES, name="a", identity=Identity.INFERRED)
    two.requests.audit()
    assert (sorted(two.first.reads), sorted(two.second.reads)) == (
        ["leftovers", "list"], ["account", "leftovers", "list"]
    )  # fmt: skip


def test_a_read_with_a_former_key_is_not_joined(two: Audited):
    """It would show another account's instances under this name."""
    two.second.obeys, two.second.takes = False, {"list": 30}
    two.requests.audit()
    other = Listed(two.second.traits, two.transport.wait)
    two.change("b", client=other)
    assert two.requests.audit().unavailable == {} and "list" in other.reads
