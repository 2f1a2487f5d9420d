"""The kinds of alarm, and what each tells a person to do."""

from __future__ import annotations

DEGRADED = "degraded"
WRONG_ACCOUNT = "wrong_account"
KEY_REJECTED = "key_rejected"
LIST_CONTRADICTS = "list_contradicts"
MASS_CHANGE = "mass_change"
STILL_ENDING = "still_ending"
ENDING_LATE = "ending_late"
END_BY_HAND = "end_by_hand"
UNCERTAIN = "uncertain"
MISSING = "missing"
INTERRUPTED = "interrupted"
PRICE_MOVED = "price_moved"
PROBABLY_YOURS = "probably_yours"
TWIN = "twin"
REOPENED = "reopened"
ADOPTED = "adopted"
CLOCK_SUSPECT = "clock_suspect"
DRIFT = "drift"
DESTROY_REFUSED = "destroy_refused"
CONFLICT = "conflict"
DATABASE_REBUILT = "database_rebuilt"
ROW_REPAIRED = "row_repaired"
REACH_LOST = "reach_lost"
HOST_KEY = "host_key"
GUARD_LOST = "guard_lost"
CONTRADICTED = "contradicted"
UNLABELLED = "unlabelled"
UNPROVEN = "unproven"

HINTS = {
    DEGRADED: "nothing is assumed gone; deadlines still run. See: gpu-shopper status",
    WRONG_ACCOUNT: "put back the key of the account that holds your sessions: gpu-shopper keys set PROVIDER",
    KEY_REJECTED: "set a working key: gpu-shopper keys set PROVIDER",
    LIST_CONTRADICTS: "the list is not believed; nothing is changed by it",
    MASS_CHANGE: "nothing was changed; check the provider's console",
    STILL_ENDING: "it may still bill; it is asked for again and again",
    ENDING_LATE: "it may still bill; look at the provider's console",
    UNPROVEN: "it is not shown any more; the proof goes on as soon as the provider can be asked",
    END_BY_HAND: "it may still bill; end it by hand in the provider's console",
    UNCERTAIN: "it counts as billed until the provider's list has settled",
    MISSING: "it still bills in our books; end it with: gpu-shopper shutdown NAME",
    INTERRUPTED: "its disk still bills; it is ended after the grace time unless it runs again",
    PRICE_MOVED: "end it with: gpu-shopper shutdown NAME",
    PROBABLY_YOURS: "check the provider's console; it carries no label, so it is not touched",
    TWIN: "the second instance is being destroyed",
    REOPENED: "a closed instance was seen again and is being destroyed",
    ADOPTED: "end it with shutdown, or keep it with: gpu-shopper extend NAME",
    CLOCK_SUSPECT: "set this computer's clock",
    DESTROY_REFUSED: "set a key that may destroy: gpu-shopper keys set PROVIDER",
    CONFLICT: "nothing was changed; please report it with: gpu-shopper daemon logs",
    DRIFT: "the provider changed its answers; update gpu-shopper",
    DATABASE_REBUILT: "instances are taken in again from the provider's list",
    ROW_REPAIRED: "its instance ends at the hard maximum at the latest. See: gpu-shopper sessions",
    REACH_LOST: "it may run on; its deadline holds. See: gpu-shopper get NAME",
    HOST_KEY: "do not log in; end it with: gpu-shopper shutdown NAME",
    CONTRADICTED: "nothing is done to it; look at the provider's console",
    UNLABELLED: "it is known by its id alone; if this computer's records are lost, look at the provider's console",
    GUARD_LOST: "only this daemon ends it now; end it with: gpu-shopper shutdown NAME",
}
"""What to do about each kind, in one line."""

KEPT_HINT = "it is kept until its deadline; end it with: gpu-shopper shutdown NAME"
"""The hint about an interrupted one that nothing but its deadline ends."""

NEEDS_ACK = frozenset({TWIN, REOPENED, ADOPTED, DATABASE_REBUILT, ROW_REPAIRED, DRIFT, CONFLICT, CONTRADICTED})
"""Alarms about something that happened once: no later evidence clears them, a person acknowledges them."""

ENDING_LADDER = (STILL_ENDING, ENDING_LATE, END_BY_HAND)
"""How the alarm about a slow end grows; each step takes the place of the one before it (D6)."""

ABOUT_ATTEMPT = (
    *ENDING_LADDER, DESTROY_REFUSED, UNCERTAIN, MISSING, INTERRUPTED, PRICE_MOVED, PROBABLY_YOURS, REACH_LOST, HOST_KEY,
    GUARD_LOST, UNLABELLED, UNPROVEN,
)  # fmt: skip
"""Alarms whose subject is an attempt, and which its proven end clears."""

ABOUT_STATE = {"suspect": (MISSING,), "interrupted": (INTERRUPTED,), "uncertain": (UNCERTAIN, PROBABLY_YOURS)}
"""Alarms that end when the attempt leaves the state they are about."""
