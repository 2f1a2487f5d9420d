"""End overdue instances and prove it: destroys until acknowledged, then enough absences, within a time limit (D6)."""

from __future__ import annotations

from collections.abc import Sequence

from gpushopper.core.listing.watchdog import OverdueInstance, WatchedList
from gpushopper.core.model.instance import Instance
from gpushopper.core.timing.clock_snapshot import us
from gpushopper.daemon.watchdog.reading import Means, Watched, is_unknown_by_id, read_list, wait_for
from gpushopper.providers.base import Destroyed, DestroyOutcome, Endpoint

ACKNOWLEDGED = (DestroyOutcome.ACKNOWLEDGED, DestroyOutcome.NOT_FOUND)
_SHORTEST_PAUSE_S = 0.1


def end(account: Watched, rows: Sequence[Instance], means: Means) -> list[OverdueInstance]:
    """Destroy these instances, and look until each is proven gone or the time is over."""
    began = means.clock.now().boot
    until = began + us(account.policy.watchdog_end_s)
    ending = {row.instance_id: OverdueInstance(row, began) for row in rows}
    while True:
        open_ones = [each for each in ending.values() if not _is_settled(each, account)]
        for each in _destroy_due(account, open_ones, means):
            ending[each.row.instance_id] = each
        for each in _look(account, [ending[each.row.instance_id] for each in open_ones], means):
            ending[each.row.instance_id] = each
        if all(_is_settled(each, account) for each in ending.values()) or means.clock.now().boot >= until:
            return list(ending.values())
        means.pause(_pause_s(account, list(ending.values()), means))


def _is_settled(each: OverdueInstance, account: Watched) -> bool:
    return each.is_left_alone or each.is_proven(account.policy)


def _pause_s(account: Watched, ending: Sequence[OverdueInstance], means: Means) -> float:
    """Until the next absence can count, or the next destroy is due."""
    boot = means.clock.now().boot
    dues = [(each.next_destroy_boot - boot) / 1e6 for each in ending if not each.absences and not each.is_left_alone]
    return max(min([account.policy.gone_interval_s, *dues]), _SHORTEST_PAUSE_S)


def _destroy_due(account: Watched, ending: Sequence[OverdueInstance], means: Means) -> list[OverdueInstance]:
    """Send what is due: first tries together where the cloud takes several, repeated ones alone."""
    boot = means.clock.now().boot
    due = [each for each in ending if each.is_destroy_due(boot)]
    first = [each for each in due if not each.destroys]
    most = max(account.client.traits.ending.bulk_destroy, 1)
    batches = [first[at : at + most] for at in range(0, len(first), most)]
    batches += [[each] for each in due if each.destroys]
    return [after for batch in batches for after in _send(account, batch, means)]


def _send(account: Watched, batch: Sequence[OverdueInstance], means: Means) -> list[OverdueInstance]:
    wait_for(account.client, Endpoint.DESTROY, means)
    ids = tuple(each.row.instance_id for each in batch)
    answers: list[Destroyed] = list(account.client.destroy(ids, account.policy.destroy_timeout_s))
    answers += [Destroyed(DestroyOutcome.UNKNOWN, "no usable answer")] * (len(batch) - len(answers))
    boot = means.clock.now().boot
    return [
        each.after_destroy(answer.outcome in ACKNOWLEDGED, _text(answer), boot, account.policy)
        for each, answer in zip(batch, answers, strict=False)
    ]


def _text(answer: Destroyed) -> str:
    word = answer.outcome.value.replace("_", " ")
    return f"{word} ({answer.detail})" if answer.detail and answer.outcome not in ACKNOWLEDGED else word


def _look(account: Watched, ending: Sequence[OverdueInstance], means: Means) -> list[OverdueInstance]:
    """One list, and a read by id of each that it lacks; without a usable list nothing is concluded."""
    requested = means.clock.now().boot
    seen = read_list(account, means)
    if not isinstance(seen, WatchedList):
        return []
    return [
        each.after_list(
            seen,
            requested,
            seen.find(each.row.instance_id) is None and is_unknown_by_id(account, each.row.instance_id, means),
            account.policy,
        )
        for each in ending
    ]
