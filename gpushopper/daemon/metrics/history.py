"""Families about the past, made from the records at each scrape: they count on across restarts of the daemon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily

from gpushopper.core import alarms
from gpushopper.core.model.money import DOLLAR
from gpushopper.core.timing.clock_snapshot import SECOND, us
from gpushopper.daemon.metrics.metric_rows import counter, gauge
from gpushopper.store.database import Store
from gpushopper.store.history import counts

EXHAUSTED = ("retries_exhausted", "offers_exhausted")
READY_BOUNDS_S = (15, 30, 60, 120, 300, 600, 1200)
ORPHANS = (alarms.ADOPTED, alarms.DUPLICATE, alarms.REOPENED, alarms.POSSIBLE_ORPHAN)
"""Alarms about an instance that bills and that no open attempt accounted for."""
MISMATCHES = (
    *ORPHANS, alarms.MISSING, alarms.LIST_INCONSISTENT, alarms.MASS_DISAPPEARANCE, alarms.WRONG_INSTANCE_ID,
    alarms.UNLABELLED, alarms.ROW_REPAIRED, alarms.DATABASE_REBUILT,
)  # fmt: skip
"""Alarms that say: the cloud's list and the records disagree."""


def past_families(store: Store) -> Iterator[Metric]:
    """Every family of this kind; whoever writes waits for one query at a time, and not for all of them."""
    yield counter(
        "gpu_sessions_created", "Sessions that were rented.", ["provider"], _each(counts.sessions_made(store))
    )
    ended = counts.sessions_ended(store)
    yield counter("gpu_sessions_ended", "Sessions that have ended.", ["reason"], _each(ended))
    exhausted = [(sum(ended.get(reason, 0) for reason in EXHAUSTED),)]
    yield counter("gpu_session_retry_exhausted", "Sessions that failed for want of another offer.", [], exhausted)
    yield from _closed(counts.closed(store))
    yield from _failovers(counts.failovers(store))
    yield _ready(counts.ready_times(store, [us(bound) for bound in READY_BOUNDS_S]))
    yield from _alarms(counts.alarms_raised(store))
    spent = ((name, amount / DOLLAR) for name, amount in counts.spent(store).items())
    # A gauge: a correction takes back what was accrued past a proven end.
    yield gauge("gpu_cost_accrued_usd", "What the ledger holds, in dollars.", ["provider"], spent)


def _closed(found: list[counts.ClosedCount]) -> Iterator[Metric]:
    destroyed: dict[tuple[str, str], int] = {}
    failed: dict[tuple[str, str, str], int] = {}
    for each in found:
        if each.had_instance:
            at = (each.provider, each.reason)
            destroyed[at] = destroyed.get(at, 0) + each.count
        if not each.was_ready:
            why = (each.provider, each.gpu, each.reason)
            failed[why] = failed.get(why, 0) + each.count
    text = "Instances whose end is proven."
    yield counter("gpu_sessions_destroyed", text, ["provider", "reason"], ((*at, n) for at, n in destroyed.items()))
    labels = ["provider", "gpu_type", "failure_type"]
    text = "Attempts that were closed before they were ready."
    yield counter("gpu_offer_failures", text, labels, ((*why, n) for why, n in failed.items()))
    enforced = sum(each.count for each in found if each.reason == "hard_maximum")
    yield counter("gpu_hard_max_enforced", "Ends at the hard maximum.", [], [(enforced,)])


def _failovers(found: list[counts.FailoverCount]) -> Iterator[Metric]:
    rows = [(each.provider, each.count) for each in found]
    yield counter("gpu_session_retry_attempts", "Attempts after another one had failed.", ["provider"], rows)
    rows = [(each.provider, each.ready) for each in found]
    yield counter("gpu_session_retry_successes", "Those of them that became ready.", ["provider"], rows)


def _ready(found: list[counts.ReadyTimes]) -> Metric:
    name, text = "gpu_provisioning_duration_seconds", "From the create to ready."
    family = HistogramMetricFamily(name, text, labels=["provider"])
    for each in found:
        within = [(f"{bound:.1f}", float(n)) for bound, n in zip(READY_BOUNDS_S, each.at_most, strict=True)]
        family.add_metric([each.provider], [*within, ("+Inf", float(each.count))], each.sum_us / SECOND)
    return family


def _alarms(raised: Mapping[str, int]) -> Iterator[Metric]:
    yield counter("gpu_alarms_raised", "Alarms that were raised.", ["kind"], _each(raised))
    about = (
        ("gpu_orphans_detected", "Instances of ours that no open attempt accounted for.", ORPHANS),
        ("gpu_reconciliation_mismatches", "Disagreements of a cloud's list and the records.", MISMATCHES),
        ("gpu_ghosts_detected", "Wanted instances that a list lacked.", (alarms.MISSING,)),
        ("gpu_ssh_verify_failures", "Instances that could not be logged in to.", (alarms.SSH_UNREACHABLE,)),
    )
    for name, text, kinds in about:
        yield counter(name, text, [], [(sum(raised.get(kind, 0) for kind in kinds),)])
    budgets = ((kind, raised.get(kind, 0)) for kind in sorted(alarms.ABOUT_BUDGETS))
    yield counter("gpu_budget_alerts", "Alarms about budgets that were raised.", ["alert_type"], budgets)


def _each(found: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    return found.items()
