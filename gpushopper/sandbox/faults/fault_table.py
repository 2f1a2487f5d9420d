"""The table of set faults: decides whether a fault applies to a request, by call, instance, count, chance and time.

It also counts how often each fault has acted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from gpushopper.sandbox.faults.fault_types import CALLS, COUNTED, FAULT_TYPES, HOST, HOST_FAULT_TYPES, UNTIL_ARG
from gpushopper.sandbox.timing import Clock, parse_duration, parse_range


@dataclass(slots=True)
class Fault:
    """One set fault. `count` None means no limit; `until` is a UTC instant in microseconds.

    `instance` selects instances (see `selects`); `chosen` is the one that the selector `one` has taken.
    """

    id: int
    provider: str
    call: str
    word: str
    arg: str | None = None
    count: int | None = None
    until: int | None = None
    instance: str | None = None
    chance: int = 100
    after: int = 0
    acted: int = 0
    chosen: str | None = None

    def line(self) -> str:
        """Return the words of `sandbox fault` that add this fault again."""
        parts = [self.provider, self.call, self.word] + ([self.arg] if self.arg else [])
        parts += [f"--count {self.count}"] if self.count is not None else []
        parts += [f"--instance {self.instance}"] if self.instance else []
        return " ".join(parts)

    def is_active(self, now: int) -> bool:
        """Whether the fault may still act."""
        return (self.until is None or now < self.until) and (self.count is None or self.acted < self.count)

    def selects(self, *names: str | None) -> bool:
        """Whether the fault's instance selector matches an instance of these names (id, label).

        No selector matches every call; `all` every instance, `one` the first one called for, `text*` a prefix.
        """
        known = [name for name in names if name]
        wanted = self.instance
        if wanted is None:
            return True
        if wanted == "all":
            return bool(known)
        if wanted == "one":
            self.chosen = self.chosen or (known[0] if known else None)
            return self.chosen in known
        if wanted.endswith("*"):
            return any(name.startswith(wanted[:-1]) for name in known)
        return wanted in known

    def duration_arg(self, default: str) -> int:
        """Return the argument as microseconds."""
        return parse_duration(self.arg or default)

    def factor_arg(self, default: str) -> float:
        """Return the argument as a factor: `x1.4`."""
        return float((self.arg or default).removeprefix("x"))


class FaultTable:
    """All faults that are set. They act in the order they were added; `chance` is seeded."""

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        self._clock = clock
        self._rng = Random(f"faults:{seed}")
        self._next_id = 1
        self.faults: list[Fault] = []
        self.changes = 0

    def add(
        self,
        provider: str,
        call: str,
        word: str,
        arg: str | None = None,
        *,
        count: int | None = None,
        duration: str | float | None = None,
        instance: str | None = None,
        chance: int = 100,
        after: int = 0,
    ) -> Fault:
        """Add a fault; raises ValueError for a call, word or argument that does not exist.

        `duration` runs from now; `after` lets that many matching calls pass first; `chance` is percent.
        Words whose argument is a number of times (`429(3)`) or a period (`offline(5m)`) set it themselves.
        """
        _check(provider, call, word, arg)
        if word in COUNTED and arg:
            count = int(arg.split(",")[0])
        if word in UNTIL_ARG and arg and duration is None:
            duration = arg.split(",")[-1]
        if word == "omit" and arg and "," in arg and instance is None:
            instance = arg.split(",")[0].strip()
        until = None if duration is None else self._clock() + parse_duration(duration)
        fault = Fault(self._next_id, provider, call, word, arg, count, until, instance, chance, after)
        self._next_id += 1
        self.faults.append(fault)
        self.changes += 1
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Remove one fault or all; return how many were removed."""
        before = len(self.faults)
        self.faults = [] if fault_id is None else [fault for fault in self.faults if fault.id != fault_id]
        self.changes += 1
        return before - len(self.faults)

    def restore(self, faults: list[Fault]) -> None:
        """Replace the faults by saved ones."""
        self.faults = faults
        self._next_id = 1 + max((fault.id for fault in faults), default=0)

    def find(self, provider: str, call: str, *words: str, names: tuple[str | None, ...] | None = None) -> Fault | None:
        """Return the first active fault of these words for this call, without counting an act.

        `names` are id and label of the instance in question; None ignores selectors.
        """
        return next(self._matching(provider, call, words, names), None)

    def trigger(
        self, provider: str, call: str, *words: str, names: tuple[str | None, ...] | None = None
    ) -> Fault | None:
        """Return the first fault of these words that acts on this call, and count the act."""
        return next((fault for fault in self._matching(provider, call, words, names) if self.try_act(fault)), None)

    def try_act(self, fault: Fault) -> bool:
        """Decide whether a matching fault acts now: `after` and `chance` may let the call pass. Counts the act."""
        self.changes += 1
        if fault.after > 0:
            fault.after -= 1
            return False
        if fault.chance < 100 and self._rng.randrange(100) >= fault.chance:
            return False
        fault.acted += 1
        return True

    def draw_duration(self, fault: Fault, default: str) -> int:
        """Return the argument as microseconds, drawn from a range such as `2s-70s`."""
        least, most = parse_range(fault.arg or default)
        return least if least == most else self._rng.randint(least, most)

    def active_host_faults(self, provider: str, word: str, names: tuple[str | None, ...]) -> Iterator[Fault]:
        """Yield the host faults of a word that select an instance of these names and whose time is not up.

        Their `count` is not checked here: it counts instances, see `live/host_faults.py`.
        """
        now = self._clock()
        for fault in self.faults:
            is_on = fault.until is None or now < fault.until
            if is_on and fault.word == word and _covers_call(fault, provider, HOST) and fault.selects(*names):
                yield fault

    def _matching(
        self, provider: str, call: str, words: tuple[str, ...], names: tuple[str | None, ...] | None
    ) -> Iterator[Fault]:
        if not self.faults:
            return
        now = self._clock()
        for fault in self.faults:
            applies = fault.word in words and _covers_call(fault, provider, call) and fault.is_active(now)
            if applies and (names is None or fault.selects(*names)):
                yield fault


def _covers_call(fault: Fault, provider: str, call: str) -> bool:
    if fault.provider not in (provider, "any"):
        return False
    if HOST in (call, fault.call):  # the call `any` does not include host faults
        return call == fault.call
    return fault.call in (call, "any", *_account_wide(fault))


def _account_wide(fault: Fault) -> tuple[str, ...]:
    """Faults of the account act on every call, whichever call they were added for."""
    return CALLS if FAULT_TYPES[fault.word].group == "account_wide" else ()


def _check(provider: str, call: str, word: str, arg: str | None) -> None:
    if call not in (*CALLS, HOST):
        raise ValueError(f"unknown call: {call} (one of {' '.join((*CALLS, HOST))})")
    found = (HOST_FAULT_TYPES if call == HOST else FAULT_TYPES).get(word)
    known = found or FAULT_TYPES.get(word) or HOST_FAULT_TYPES.get(word)
    if known is None:
        raise ValueError(f"unknown word: {word}")
    if found is None or (call != "any" and call not in found.calls):
        raise ValueError(f"{word} acts on {' '.join(known.calls)}, not on {call}")
    found.check(arg)
    if not provider:
        raise ValueError("a fault needs a provider")
