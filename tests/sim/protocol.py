"""The create, failover and destroy protocol, model-checked: run it for the tables.

    python -m tests.sim.protocol            the quick bounds, seconds
    python -m tests.sim.protocol --sweep    also the large ones, minutes

Every possible order of the steps of a session with up to two attempts, its daemon and its provider, within bounds.
Not covered: two daemons (I15), clocks (I12), foreign instances (I3), money.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from tests.sim.protocol_duplicates import DuplicateSession
from tests.sim.protocol_explore import ACCEPTED, CLOSED_ALIVE, Found, Session, explore
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
from tests.sim.protocol_rules import Bounds, Policy
from tests.sim.protocol_settling import Settling, settle


@dataclass
class Checked:
    """The recommended policy within some bounds: what is broken, and whether all of it settles."""

    bounds: Bounds
    found: Found
    settling: Settling
    seconds: float

    @property
    def holds(self) -> bool:
        return not self.found.broken and self.settling.stuck is None


def session_of(policy: Policy, bounds: Bounds) -> Session:
    return DuplicateSession(policy, bounds) if bounds.duplicates else Session(policy, bounds)


def check(bounds: Bounds, policy: Policy = RECOMMENDED) -> Checked:
    """Explore a policy, then let every session met come to rest."""
    began = time.perf_counter()
    session = session_of(policy, bounds)
    found = explore(session)
    settling = settle(session, found.shapes)
    return Checked(bounds, found, settling, time.perf_counter() - began)


def try_case(case: Case) -> Found:
    """Look for everything the weakened policy breaks, each by a shortest path."""
    return explore(session_of(case.policy, case.bounds))


def is_as_expected(case: Case, found: Found) -> bool:
    """Whether a policy breaks just what it must.

    Less means that the model cannot see it, more that we misunderstand a rule.
    """
    return found.paths.keys() == case.breaks and found.permanent is case.permanent


# ---- what is printed


def bounds_line(bounds: Bounds) -> str:
    return " ".join(f"{name}={value}" for name, value in asdict(bounds).items())


def checked_lines(title: str, checked: Checked) -> list[str]:
    """Bounds, size and verdict of one exploration of the recommended policy."""
    found, settling = checked.found, checked.settling
    verdict = "holds" if checked.holds else "BROKEN"
    lines = [
        f"{title}: {bounds_line(checked.bounds)}",
        f"  {found.states} states, {checked.seconds:.1f} s, process at {peak_mb()} MB: {verdict}",
        f"  settles: {settling.starts} sessions, each in {settling.ticks} ticks or fewer once faults stop",
    ]
    lines += [f"  BROKEN {name}, {steps(path)}" for name, path in found.broken.items()]
    if settling.stuck is not None:
        lines.append(f"  BROKEN never settles from {settling.stuck}")
    if ACCEPTED in found.paths:
        lines.append(f"  accepted (S4): {settling.accepted} sessions need the guard; {steps(found.paths[ACCEPTED])}")
    return lines


def steps(path: list[str]) -> str:
    return f"{len(path)} steps: {' / '.join(path)}"


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def case_lines(case: Case, found: Found) -> list[str]:
    """One row of the verdict table, and its shortest counterexamples."""
    lasting = "for ever" if found.permanent else "temporary"
    lines = [f"{case.title} ({found.states} states)"]
    for name, path in found.paths.items():
        how = f", {lasting}" if name == CLOSED_ALIVE else ""
        lines.append(f"    {name}{how}: {steps(path)}")
    return lines if found.paths else [*lines, "    NOTHING FOUND"]


def pacing_lines(case: PacingCase) -> list[str]:
    """One row of the table of S3."""
    run = cycle(case.pacing)
    if not run:
        return [f"{case.title:64s} closes within {longest(case.pacing)} ticks"]
    where = run.index(run[-1])
    return [
        f"{case.title:64s} NEVER CLOSES: a cycle of {len(run) - 1 - where} ticks after {where}",
        "      absences " + " ".join(str(p.absences) for p in run),
    ]


def never_settling_lines(case: Case, checked: Checked) -> list[str]:
    """One policy that must not settle, and where it stays."""
    verdict = "settles" if checked.settling.stuck is None else "NEVER SETTLES"
    return [f"{case.title}: {verdict}", f"    {checked.settling.stuck}"]


def print_recommended(sweeps: Iterable[tuple[str, Bounds]]) -> bool:
    """Print what was explored of the recommended policy; say whether it holds everywhere."""
    print("== the recommended policy")
    good = True
    one_drop = replace(ONE, drops=1)
    quick = (("one attempt", ONE), ("one carrier left", one_drop), ("two attempts", QUICK))
    for title, bounds in (*quick, ("duplicates (S9)", DUPLICATES), *sweeps):
        checked = check(bounds)
        good &= checked.holds
        print("\n".join(checked_lines(title, checked)))
    return good


def print_weakened() -> bool:
    """Print every weakened policy with its shortest counterexamples; say whether each is caught as it must be."""
    good = True
    tables = {"the policies of C7": CATALOGUE, "one rule broken": BROKEN_RULES, "beyond the bounds": EDGES}
    for title, cases in tables.items():
        print(f"\n== {title}")
        for case in cases:
            found = try_case(case)
            good &= is_as_expected(case, found)
            print("\n".join(case_lines(case, found)))
    print("\n== policies that never settle")
    for case in NEVER_SETTLING:
        checked = check(case.bounds, case.policy)
        good &= checked.settling.stuck is not None
        print("\n".join(never_settling_lines(case, checked)))
    print("\n== pacing of destroys (S3), ticks of 30 s")
    for pacing_case in PACINGS:
        good &= bool(cycle(pacing_case.pacing)) is pacing_case.cycles
        print("\n".join(pacing_lines(pacing_case)))
    return good


def main(args: list[str]) -> int:
    """Print all tables; fail if any verdict is not the expected one."""
    large = SWEEPS.items() if "--sweep" in args else ()
    verdicts = [print_recommended(large), print_weakened()]
    print(f"\nverdict: {'as expected' if all(verdicts) else 'NOT AS EXPECTED'}")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
