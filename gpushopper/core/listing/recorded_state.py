"""The recorded state of one account as a value (open attempts, known ids): what reconciliation compares a list with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpushopper.core.listing.ownership import KnownInstances
from gpushopper.core.model.attempt import Attempt
from gpushopper.core.model.session import Session


@dataclass(frozen=True, slots=True)
class RecordedState:
    """What the database holds about one account, read after the list was in (D4).

    `open` are the open attempts. `by_label` and `by_instance` hold every attempt, open or closed, that a listed row
    names; `sessions` are those of all of them.
    """

    installation: str
    provider: str
    account: str
    open: tuple[Attempt, ...]
    by_label: Mapping[str, tuple[Attempt, ...]]
    by_instance: Mapping[str, Attempt]
    sessions: Mapping[str, Session]
    duplicates_since: Mapping[str, int]
    """When each second instance under a label was first seen, wall µs by instance id."""
    is_copied_home: bool = False
    """A copied or moved home: open attempts are still ended, none is adopted, reopened or closed as absent (S10)."""
    ids: KnownInstances = field(default_factory=KnownInstances)
    """What is recorded of the listed ids."""
    elsewhere: frozenset[str] = frozenset()
    """Attempts that labels of listed rows name, and that were made at another cloud or account: a copy."""
    shown_elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Ids that another account of the cloud shows in its last list, and which: their absence here is no end."""
    may_have_ended: frozenset[str] = frozenset()
    """Attempts that a row allows to end early and that are silent over ssh: they may have ended themselves (E5)."""
