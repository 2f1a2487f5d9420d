"""The guard recipe: how an instance of a provider destroys itself (self-destruct calls) without us (D7)."""

from __future__ import annotations

from dataclasses import dataclass

ID_MARK = "$ID"
"""Placeholder in a call's path for the instance's own id, which only the instance knows when it boots."""


@dataclass(frozen=True, slots=True)
class GuardCall:
    """One HTTPS request an instance may make about itself, with its own scoped key as bearer token."""

    method: str
    path: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class GuardRecipe:
    """How an instance of one provider destroys itself.

    `id_variable` and `key_variable` name what the provider puts into the container's environment; the key they name
    can do nothing but these calls to this one instance. Never an account's key (F93). `last_resort` holds shell
    commands tried in order, without end, where the calls fail; `max_startup_length` is the longest boot script that
    the provider accepts, in characters.
    """

    endpoint: str
    id_variable: str
    key_variable: str
    read: GuardCall
    destroy: GuardCall
    stop: GuardCall | None
    last_resort: tuple[str, ...]
    max_startup_length: int
