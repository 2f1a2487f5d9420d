"""The accounts that failover looks at, as values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpushopper.core.cloud import Catalogue, Ending, EndingKind, ImageKind, Naming, Planting, PlantingMethod, Traits
from gpushopper.core.lifecycle.account_choice import AccountState
from tests.core.samples import moment


def traits(name: str, image: str = "pytorch", kind: ImageKind = ImageKind.CONTAINER, **more: Any) -> Traits:
    catalogue = Catalogue(image, kind, **more)
    return Traits(name, Naming(()), Planting(PlantingMethod.ONSTART), Ending(EndingKind.SELF_DESTROY), catalogue)


def account(
    name: str = "vast", after_s: float = 60, *, unable: str = "", cloud: Traits | None = None, **clock: Any
) -> AccountState:
    """An account that can rent, some seconds after NOW; `clock` changes what its cloud's date says."""
    at = replace(moment(after_s), **{"provider_answered": True, **clock})
    return AccountState(name, "77" if name == "vast" else f"id of {name}", at, cloud or traits(name), unable=unable)


class Accounts:
    """These accounts and no others, as a callable."""

    def __init__(self, *states: AccountState) -> None:
        self.states = {state.name: state for state in states}

    def __call__(self, name: str) -> AccountState | None:
        return self.states.get(name)
