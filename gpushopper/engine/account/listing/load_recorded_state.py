"""Loads the recorded state of an account for comparing it with a list: attempts, sessions, known instance ids (D4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from gpushopper.core.alarms import DUPLICATE
from gpushopper.core.lifecycle.ends.early_end import allowed_ends
from gpushopper.core.lifecycle.evidence import ObservedList
from gpushopper.core.listing.ownership import CONFIRMED, DISOWNED, FOREIGN, KnownInstances
from gpushopper.core.listing.recorded_state import RecordedState
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.session import Session
from gpushopper.store import alarms, sessions
from gpushopper.store.database import Store
from gpushopper.store.instances.run_ends import run_ends_by_session
from gpushopper.store.known_instances import recorded_ownership

__all__ = ["RecordedState", "known_instances", "load"]


def load(
    store: Store,
    installation: str,
    provider: str,
    account: str,
    seen: ObservedList,
    *,
    is_copied_home: bool = False,
    also: Collection[str] = (),
    same_as: str = "",
    shown_elsewhere: Mapping[str, str] | None = None,
    cloud_of: Callable[[str], str] = str,
) -> RecordedState:
    """The open attempts, and every attempt that a row of the list names by label or by id.

    `also`: further ids of the same account, and `same_as` another name for it (core/listing/same_account.py).
    `shown_elsewhere`: the ids that the cloud's other accounts list, and which. `cloud_of` names an account's cloud.
    """
    place = _Place(provider, frozenset({account, *also}), same_as, cloud_of)
    opened = tuple(sessions.load_attempts(store, provider=provider))
    owners = {owner.attempt for row in seen.instances if (owner := row.owner()) and owner.installation == installation}
    # By the attempt's id: the text of a label may have been edited, or be of another version, and still name it.
    labels = sessions.labels_of(store, sorted(owners))
    shown = {row.instance_id for row in seen.instances}
    listed = sessions.find_listed(store, provider, place.accounts, sorted(shown), sorted(set(labels.values())))
    same_label = _by_label(listed)
    by_label = {owner: same_label[label] for owner, label in labels.items()}
    named = {attempt.session_id for attempt in (*opened, *listed)}
    held = {session.id: session for session in sessions.load_sessions_by_id(store, sorted(named))}
    of_ours = {attempt.instance_id for attempt in opened if attempt.instance_id is not None}
    return RecordedState(
        installation, provider, account, opened, by_label,
        by_instance={a.instance_id or "": a for a in listed if place.shows(a) and a.instance_id in shown},
        sessions=held,
        duplicates_since=alarms.first_raised(store, DUPLICATE),
        is_copied_home=is_copied_home,
        ids=known_instances(store, provider, place.accounts, shown | of_ours),
        elsewhere=frozenset(owner for owner, made in by_label.items() if not any(map(place.made, made))),
        shown_elsewhere=shown_elsewhere or {},
        may_have_ended=_may_have_ended(store, opened, held),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """One account, under all its ids and names."""

    provider: str
    accounts: frozenset[str]
    same_as: str
    cloud_of: Callable[[str], str]

    def shows(self, attempt: Attempt) -> bool:
        """Whether an id in its list can be this attempt's."""
        return attempt.provider == self.provider and attempt.account in self.accounts

    def made(self, attempt: Attempt) -> bool:
        """Whether it was made at this account, under whatever name; what is open here counts as made here."""
        if attempt.provider in (self.provider, self.same_as) and attempt.is_open:
            return True
        is_cloud = self.cloud_of(attempt.provider) == self.cloud_of(self.provider)
        return is_cloud and attempt.account in self.accounts


def _by_label(listed: Iterable[Attempt]) -> dict[str, tuple[Attempt, ...]]:
    found: dict[str, tuple[Attempt, ...]] = {}
    for attempt in listed:
        found[attempt.label] = (*found.get(attempt.label, ()), attempt)
    return found


def _may_have_ended(store: Store, opened: Collection[Attempt], held: Mapping[str, Session]) -> frozenset[str]:
    silent = [attempt for attempt in opened if attempt.silent_since is not None and attempt.session_id in held]
    runs = run_ends_by_session(store) if silent else {}
    return frozenset(a.id for a in silent if allowed_ends(held[a.session_id], a, runs.get(a.session_id, ())))


def known_instances(store: Store, provider: str, accounts: Collection[str], ids: Iterable[str]) -> KnownInstances:
    """Which of these ids have been listed with our label, and which are known not to be ours (I28)."""
    recorded = recorded_ownership(store, provider, accounts, sorted(ids))
    return KnownInstances(
        confirmed=frozenset(i for i, whose in recorded.items() if whose == CONFIRMED),
        disowned=frozenset(i for i, whose in recorded.items() if whose in (FOREIGN, DISOWNED)),
    )
