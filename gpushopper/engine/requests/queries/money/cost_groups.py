"""Costs by consumer, cloud, account, GPU, tag, day or month, derived from rows each time (I26)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo

from gpushopper import wire
from gpushopper.core.spending.ledger import GPU, KINDS, MINIMUM, STORAGE, TRAFFIC
from gpushopper.core.spending.rollup import Shares
from gpushopper.core.spending.window import Window
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.periods import PeriodKind, periods_over
from gpushopper.engine.requests.queries.money.cost_question import Meant
from gpushopper.store.money.charged_attempts import ChargedAttempt

UNTAGGED = "-"
Keys = Callable[[ChargedAttempt], Iterable[str]]


def keys_of(by: str, meant: Meant, tag: str | None, cloud_of: Callable[[str], str]) -> Keys:
    """By which names an attempt is grouped: by one, and by each of its tags (of the key that is asked about)."""
    wanted = "" if tag is None else tag.partition("=")[0]

    def tags(one: ChargedAttempt) -> Iterable[str]:
        pairs = meant.tags.get(one.session_id, {}).items()
        return [f"{key}={value}" for key, value in pairs if not wanted or key == wanted] or [UNTAGGED]

    found: dict[str, Keys] = {
        "consumer": lambda one: (one.consumer,),
        "cloud": lambda one: (cloud_of(one.provider),),
        "account": lambda one: (one.provider,),
        "gpu": lambda one: (one.gpu,),
        "tag": tags,
    }
    return found[by]


def by_name(sums: Shares, meant: Meant, keys: Keys) -> list[wire.CostGroup]:
    """One group for each name, dearest first. With several tags of one session the groups add up to more than all."""
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    members: dict[str, set[str]] = defaultdict(set)
    for (_, attempt_id, kind), micros in sums.items():
        for key in keys(meant.attempts[attempt_id]):
            kinds[key][kind] += micros
            members[key].add(meant.attempts[attempt_id].session_id)
    groups = [_group(key, of_kind, sessions=len(members[key])) for key, of_kind in kinds.items()]
    return sorted(groups, key=lambda group: (-group.accrued, group.key))


def by_time(sums: Shares, kind: PeriodKind, window: Window, now: int, zone: tzinfo) -> list[wire.CostGroup]:
    """Every day or month from the first with a cost, or the window's beginning, to now or the window's end."""
    kinds: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for (at, _, entry_kind), micros in sums.items():
        kinds[at][entry_kind] += micros
    spent = [at for at, of_kind in kinds.items() if any(of_kind.values())]
    if not spent:
        return []
    first = min(spent) if window.start_at is None else window.start_at
    last = max(min(now + 1, window.last), max(spent) + 1)
    form = "%Y-%m-%d" if kind is PeriodKind.DAY else "%Y-%m"
    return [
        _group(
            datetime.fromtimestamp(period.start_at // SECOND, zone).strftime(form),
            kinds[period.start_at],
            start_at=max(period.start_at, window.first),
            end_at=min(period.end_at, window.last),
        )
        for period in periods_over(kind, first, last, zone)
    ]


def _group(
    key: str, kinds: dict[str, int], *, sessions: int | None = None, start_at: int | None = None,
    end_at: int | None = None,
) -> wire.CostGroup:  # fmt: skip
    return wire.CostGroup(
        key=key,
        gpu_micros=kinds[GPU],
        storage_micros=kinds[STORAGE],
        traffic_micros=kinds[TRAFFIC],
        minimum_micros=kinds[MINIMUM],
        accrued=sum(kinds.values()),
        sessions=sessions,
        start_at=start_at,
        end_at=end_at,
    )
