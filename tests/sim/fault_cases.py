"""Every fault word of Vast on every API call it can act on, as a case to run a story with (safety.md).

Words of other clouds alone are in tests/providers/test_faults.py and tests/sandbox/tensordock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpushopper.sandbox.faults.fault_table import Fault
from gpushopper.sandbox.faults.fault_types import FAULT_TYPES
from gpushopper.sandbox.vast import VAST
from tests.sim.story import Story

WORDS = {name: word for name, word in FAULT_TYPES.items() if name not in VAST.without}


@dataclass(frozen=True, slots=True)
class Case:
    """One fault word on one API call. `beside` are further faults without which the word could not act.

    `since` is when the fault begins: `start`, `requested` (after the first session) or `ended` (before the first end).
    """

    call: str
    word: str
    arg: str | None = None
    count: int | None = 1
    after: int = 0
    foreign_instances: int = 0
    since: str = ""
    beside: tuple[tuple[str, str, str | None, dict[str, Any]], ...] = field(default=())

    @property
    def name(self) -> str:
        return f"{self.call} {self.word}" + (f"({self.arg})" if self.arg else "")

    def arm(self, story: Story) -> Fault:
        """Add the fault and what it needs; returns the fault."""
        for number in range(self.foreign_instances):
            story.world.launch_foreign(f"foreign-{number}")
        for call, word, arg, more in self.beside:
            story.world.fault(call, word, arg, **more)
        return story.world.fault(self.call, self.word, self.arg, count=self.count, after=self.after)


def _create() -> list[Case]:
    argued = {
        "error_with_id": ("400", "200"),
        "late": ("3m", "30m"),
        "label_cut": ("20",),
        "reject": ("no_such_ask", "gone_while_starting", "host_only", "429", "503"),
        "refused_yet_created": ("no_such_ask", "gone_while_starting"),
        "stuck_loading": ("loading", "created"),
        "stranger_id": ("listed", "labelled", "unlabelled"),
    }
    names = [name for name, word in WORDS.items() if word.group == "create"]
    return [Case("create", name, arg) for name in names for arg in argued.get(name, (None,))]


def _destroy() -> list[Case]:
    argued = {
        "ack_noop": ("3",),
        "delay": ("90s", "20m"),
        "zombie": ("20m", "45m"),
        "needs_min_age": ("15m",),
    }
    counts = {"needs_min_age": None, "500_done": 2, "404_alive": 3}
    names = [name for name, word in WORDS.items() if word.group == "destroy"]
    return [Case("destroy", name, arg, counts.get(name, 1)) for name in names for arg in argued.get(name, (None,))]


NETWORK = tuple(name for name, word in WORDS.items() if word.group == "network")
_NETWORK_ARGS = {"huge": "20", "offline": "4m", "slow": "70s"}
_TIMES = {"create": 1, "list": 4, "get": 2, "destroy": 3}


def _network() -> list[Case]:
    cases = []
    for call, count in _TIMES.items():
        for word in NETWORK:
            # A create is sent once; `offline` acts by the clock, so it starts when the call is first made.
            cases.append(Case(call, word, _NETWORK_ARGS.get(word), count))
    return cases


def _replies() -> list[Case]:
    shapes = {
        "create": ("new_contract", "success"),
        "list": ("instances", "id", "label", "actual_status", "next_token"),
        "get": ("instances", "id"),
        "destroy": ("success",),
    }
    cases = []
    for call, count in _TIMES.items():
        cases += [Case(call, "status", code, count) for code in ("404", "410", "500", "503")]
        cases += [Case(call, "auth404", None, count), Case(call, "429", str(count)), Case(call, "429_plain_text", "2")]
        cases += [Case(call, "schema_change", name, count) for name in shapes[call]]
    return cases


def _lists() -> list[Case]:
    omitted = ("list", "omit", "2m", {"instance": "all"})
    return [
        Case("list", "lag", "2m", None),
        Case("list", "omit", "all,4m", None),
        Case("list", "page_cut", "1", 8, foreign_instances=30),
        Case("list", "page_shift", "1", 8, foreign_instances=30),
        Case("list", "dup_rows", None, 8),
        Case("list", "foreign", "30", 1),
        Case("list", "empty200", None, 6),
        Case("list", "empty200", "body", 6),
        Case("list", "null200", None, 6),
        Case("list", "stale", "2m", 6),
        Case("list", "status_word", "quantum", 6),
        Case("list", "no_field", "actual_status", 6),
        Case("list", "no_field", "label", 6),
        Case("get", "null", None, 2, beside=(omitted,)),
        Case("get", "404", None, 2),
        Case("get", "stale", "1s", 2, beside=(omitted,)),
        Case("get", "status_word", "quantum", 2, beside=(omitted,)),
        Case("get", "no_field", "actual_status", 2, beside=(omitted,)),
    ]


def _accounts() -> list[Case]:
    return [
        Case("account", "revoke", None, 20, after=6),
        Case("account", "zero_balance", None, 10, after=8),
        Case("account", "balance_lag", "1h", None),
        Case("account", "misbill", "x1.5", None),
        Case("account", "price_change", "x1.4", 1),
        Case("any", "pace", "2/10s", None),
    ]


CREATE_CASES = _create()
DESTROY_CASES = _destroy()
NETWORK_CASES = _network()
OTHER_CASES = _replies() + _lists() + _accounts()
ALL_CASES = CREATE_CASES + DESTROY_CASES + NETWORK_CASES + OTHER_CASES


def quick_cases() -> list[Case]:
    """One case of every word, and all cases of words that can make or end an instance."""
    chosen = CREATE_CASES + DESTROY_CASES
    words = {case.word for case in chosen}
    for case in NETWORK_CASES + OTHER_CASES:
        if case.word not in words:
            chosen = [*chosen, case]
            words.add(case.word)
    return chosen
