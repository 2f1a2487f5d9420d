"""How a Vast instance ends itself (guard recipe): the API calls with its own key, and the last resort without them.

vastai.md 14, D7.
"""

from __future__ import annotations

from gpushopper.core.model.guard_recipe import ID_MARK, GuardCall, SelfDestroy

STARTUP_LIMIT = 4000
"""Characters of `onstart`; a live client names 4048 as the server's limit (vastai.md 4.1, 16)."""

LAST_RESORT = ("kill 1", "poweroff -f", "halt -f", "kill -9 1")
"""Only the end of a container's first process has an effect: the instance is then `exited`, its disk still bills."""


def self_destroy_recipe(endpoint: str) -> SelfDestroy:
    """The recipe for instances that reach Vast at this address.

    `CONTAINER_API_KEY` is documented to start, stop, show and destroy that one instance, and nothing else.
    """
    own = f"/api/v0/instances/{ID_MARK}/"
    return SelfDestroy(
        endpoint=endpoint.rstrip("/"),
        id_variable="CONTAINER_ID",
        key_variable="CONTAINER_API_KEY",
        read=GuardCall("GET", f"{own}?owner=me"),
        destroy=(GuardCall("DELETE", own, "{}"),),
        stop=GuardCall("PUT", own, '{"state":"stopped"}'),
        last_resort=LAST_RESORT,
    )
