"""The guard recipe: how an instance of a provider ends its bill without us, if it can (D7).

One of three values, or None: it destroys itself, the provider ends it by a timer of its own, or it powers off. The kind
of `core/cloud.py`'s `Ending` says which one an adapter must give (`fits`), and what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpushopper.core.cloud import EndingKind

ID_MARK = "$ID"
"""Placeholder in a call's path or body for the instance's own id, which only the instance knows when it boots."""
KEY_MARK = "$KEY"
"""Placeholder in a header for the instance's own key."""

BEARER = (("Authorization", f"Bearer {KEY_MARK}"),)


@dataclass(frozen=True, slots=True)
class GuardCall:
    """One HTTPS request an instance may make about itself. Path and body may hold `ID_MARK`: GraphQL has it there."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class SelfDestroy:
    """It calls for its own destroy.

    `id_variable` and `key_variable` name what the provider puts into the container's environment; the key they name
    can do nothing but these calls to this one instance. Never an account's key (F93). `destroy` are the calls that end
    it, each made only after the one before succeeded. `last_resort` holds shell commands tried in order, without end,
    where the calls fail. `headers` go with every call; exactly one of them holds `KEY_MARK`.
    """

    endpoint: str
    id_variable: str
    key_variable: str
    read: GuardCall
    destroy: tuple[GuardCall, ...]
    stop: GuardCall | None = None
    last_resort: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = BEARER


@dataclass(frozen=True, slots=True)
class ServerTimer:
    """The provider ends it at the time that the create tells (`CreateRequest.ends_at`): nothing of ours runs there."""


@dataclass(frozen=True, slots=True)
class PowerOff:
    """It powers off; `verbs` are shell commands tried in order, without end. What that ends is in the traits."""

    verbs: tuple[str, ...]


GuardRecipe = SelfDestroy | ServerTimer | PowerOff
OnInstance = SelfDestroy | PowerOff
"""The recipes that a guard on the instance carries out."""

_FITTING: dict[EndingKind, type | None] = {
    EndingKind.SELF_DESTROY: SelfDestroy,
    EndingKind.SERVER_TIMER: ServerTimer,
    EndingKind.POWEROFF_STOPS_BILLING: PowerOff,
    EndingKind.POWEROFF_ONLY: PowerOff,
    EndingKind.NONE: None,
}


def carries_guard(recipe: GuardRecipe | None) -> bool:
    """Whether a guard of ours runs on instances with this recipe."""
    return isinstance(recipe, SelfDestroy | PowerOff)


def fits(recipe: GuardRecipe | None, kind: EndingKind) -> bool:
    """Whether an adapter's recipe is of the kind that its traits declare: nothing is rented where they disagree."""
    wanted = _FITTING[kind]
    return recipe is None if wanted is None else isinstance(recipe, wanted)
