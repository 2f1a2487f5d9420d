"""The policies under test: the recommended one, and weakened ones that show why each of its rules is needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.sim.protocol_explore import ACCEPTED, CLOSED_ALIVE, NO_RECEIPT, TWO_WANTED, UNFORCED
from tests.sim.protocol_pacing import Pacing
from tests.sim.protocol_rules import KILLS_WANTED, SECOND_CREATE, SECOND_INSTANCE, Bounds, Policy

RECOMMENDED = Policy()

ONE = Bounds(attempts=1)
"""One attempt under every fault: flight and lag 2, 2 omissions, 2 kills, a lying and a failing destroy, no label."""
QUICK = Bounds(flight=1, lag=1, kills=1)
"""Two attempts under every fault, with shorter delays and one kill."""
FULL = Bounds()
WIDE = Bounds(flight=3, lag=3)
WIDEST = Bounds(flight=3, lag=3, kills=3, lies=2, errors=2)
DUPLICATES = Bounds(attempts=1, duplicates=True)
SWEEPS = {"full": FULL, "wide": WIDE, "widest": WIDEST, "duplicates": replace(WIDEST, attempts=1, duplicates=True)}
_LABELLED = replace(ONE, drops=0)
_TWO = Bounds(flight=1, lag=1, omissions=1, lies=0, errors=0, kills=1, drops=0)
_SETTLE = ONE.flight + ONE.lag


@dataclass(frozen=True, slots=True)
class Case:
    """A weakened policy, and the properties that it must be found to break."""

    title: str
    policy: Policy
    breaks: frozenset[str]
    bounds: Bounds
    permanent: bool = False
    """Whether no list can identify the instance again; otherwise the leak is temporary."""


def _case(title: str, *breaks: str, bounds: Bounds = _LABELLED, permanent: bool = False, **rules: Any) -> Case:
    policy = replace(RECOMMENDED, **rules)
    return Case(title, policy, frozenset(breaks), bounds, permanent)


def _without_reopening(title: str, *also: str, **rules: Any) -> Case:
    """C7 measures each rule of evidence without reopening of closed labels: what leaks then, leaks for ever."""
    return _case(title, CLOSED_ALIVE, *also, permanent=True, reopens_closed=False, **rules)


_WEAK_ABSENCE: dict[str, Any] = {"closes_wanted": True, "gone_observations": 1, "reads_by_id": False}

# The table of C7, every row that leaks, kills, or closes for a while.
CATALOGUE = (
    _without_reopening("create error means nothing exists (F1)", NO_RECEIPT, error_is_nothing=True),
    _without_reopening("resolve by one list at once", NO_RECEIPT, absences=1, count_after=0, close_after=0),
    _without_reopening("3 lists counted from the start, close after lag + flight", count_after=0),
    _without_reopening("3 lists, counting starts one tick too early", count_after=_SETTLE - 1),
    _without_reopening("as many lists as possible omissions", absences=2),
    _without_reopening("closed after one omission (F19)", NO_RECEIPT, **_WEAK_ABSENCE),
    _without_reopening("three omissions, no read by id", NO_RECEIPT, closes_wanted=True, reads_by_id=False),
    _without_reopening("the same, but only for unwanted sessions", reads_by_id=False),
    _without_reopening("trust the destroy acknowledgement (I5)", NO_RECEIPT, trusts_acknowledgement=True),
    _without_reopening("clear the id after a failed destroy (I4)", NO_RECEIPT, forgets_id=True),
    _case("match by recorded id only (F41)", KILLS_WANTED, matches_by_id_only=True),
    _case("closed after one omission, and reopened (F19)", CLOSED_ALIVE, NO_RECEIPT, KILLS_WANTED, **_WEAK_ABSENCE),
    _case("trust the acknowledgement, and reopen", CLOSED_ALIVE, NO_RECEIPT, trusts_acknowledgement=True),
    _case(
        "weakest evidence everywhere, wanted never closed, reopened",
        CLOSED_ALIVE,
        NO_RECEIPT,
        absences=1,
        count_after=0,
        close_after=0,
        gone_observations=1,
        reads_by_id=False,
        trusts_acknowledgement=True,
    ),
)

# The recommended policy with one rule broken.
BROKEN_RULES = (
    _case("send before the commit (I1)", CLOSED_ALIVE, NO_RECEIPT, commits_before_send=False),
    _case("repeat a create without an answer (F2, I2)", SECOND_CREATE, CLOSED_ALIVE, NO_RECEIPT, repeats_create=True),
    _case("a create error closes (F1)", CLOSED_ALIVE, NO_RECEIPT, error_is_nothing=True),
    _case("restart takes sent for never sent (F5)", CLOSED_ALIVE, NO_RECEIPT, restart_forgets_send=True),
    _case("absent after 2 lists, not 3 (D6)", CLOSED_ALIVE, absences=2),
    _case("absence counted one tick early (D6)", CLOSED_ALIVE, count_after=_SETTLE - 1),
    _case("absence counted from the start (D6)", CLOSED_ALIVE, count_after=0),
    _case("gone after 2 absences, not 3 (D6)", CLOSED_ALIVE, gone_observations=2),
    _case("gone without the read by id (T4, D5)", CLOSED_ALIVE, reads_by_id=False),
    _case(
        "a wanted instance closes by absence (I5)",
        CLOSED_ALIVE,
        NO_RECEIPT,
        KILLS_WANTED,
        closes_wanted=True,
        gone_observations=2,
    ),
    _case("trust the destroy acknowledgement (I5)", CLOSED_ALIVE, NO_RECEIPT, trusts_acknowledgement=True),
    _case("clear the id after a failed destroy (I4)", CLOSED_ALIVE, NO_RECEIPT, forgets_id=True),
    _case("match by recorded id only (F41)", KILLS_WANTED, matches_by_id_only=True),
    _case("the end of a session leaves its attempts wanted", UNFORCED, forces_attempts=False),
    _case("one label carrier (S4)", ACCEPTED, bounds=replace(ONE, drops=1), carriers=1),
    _case(
        "one label carrier, and no wait for unlabelled (S4)",
        CLOSED_ALIVE,
        ACCEPTED,
        bounds=replace(ONE, drops=1),
        permanent=True,
        carriers=1,
        waits_for_unlabelled=False,
    ),
    _case(
        "no wait for unlabelled instances (S4)",
        CLOSED_ALIVE,
        ACCEPTED,
        bounds=ONE,
        permanent=True,
        waits_for_unlabelled=False,
    ),
    _case(
        "failover while uncertain (I2)",
        SECOND_INSTANCE,
        TWO_WANTED,
        bounds=_TWO,
        fails_over_at=frozenset({"off", "uncertain"}),
    ),
    _case(
        "failover when the end is requested, not off (D2)",
        SECOND_INSTANCE,
        bounds=_TWO,
        fails_over_at=frozenset({"off", "requested"}),
    ),
    _case("the send does not check the former attempt again", SECOND_INSTANCE, bounds=_TWO, rechecks_at_send=False),
)


# Beyond the bounds, or a fault that the rules accept: what then happens must be exactly this.
EDGES = (
    _case("one omission more than the absences tolerate", CLOSED_ALIVE, bounds=replace(_LABELLED, omissions=3)),
    _case("a refusal that is not true (S11)", CLOSED_ALIVE, NO_RECEIPT, bounds=replace(_LABELLED, false_refusals=True)),
    _case(
        "the same, without any label",
        CLOSED_ALIVE,
        NO_RECEIPT,
        ACCEPTED,
        bounds=replace(ONE, false_refusals=True),
        permanent=True,
    ),
)

# Policies under which some run never settles, though nothing fails any more.
NEVER_SETTLING = (
    _case("the destroyer never pauses to prove (D6, S3)", pauses_to_prove=False),
    _case("acknowledged is closed, and never reopened (I7)", trusts_acknowledgement=True, reopens_closed=False),
    _case(
        "a second instance under one label is ignored (S9)",
        bounds=replace(DUPLICATES, drops=0),
        destroys_duplicates=False,
    ),
)


@dataclass(frozen=True, slots=True)
class PacingCase:
    """A way to pace destroys, and whether some run of it never closes."""

    title: str
    pacing: Pacing
    cycles: bool


PACINGS = (
    PacingCase("recommended: waits from the last absence, stands still", Pacing(), cycles=False),
    PacingCase("each resend resets the absences, periodic from the last destroy",
               Pacing(delay=5, counts_from_absence=False, stands_still=False), cycles=True),
    PacingCase("stands still only once an absence is observed", Pacing(still_at_first=False), cycles=False),
    PacingCase("the same, and a resend costs the absence its turn",
               Pacing(still_at_first=False, keeps_turn=False), cycles=True),
    PacingCase("waits from the last absence, does not stand still", Pacing(stands_still=False), cycles=True),
    PacingCase("the same, but no wait reaches the resend", Pacing(delay=8, stands_still=False), cycles=False),
    PacingCase("stands still, counts from the destroy, span beyond the resend",
               Pacing(delay=5, counts_from_absence=False, span=12), cycles=True),
)  # fmt: skip
