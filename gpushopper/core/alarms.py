"""The kinds of alarm: the hint of each, which clear by themselves, and which a person must acknowledge."""

from __future__ import annotations

import re

DEGRADED = "degraded"
WRONG_ACCOUNT = "wrong_account"
ACCOUNT_UNPROVEN = "account_unproven"
SAME_ACCOUNT = "same_account"
KEY_REJECTED = "key_rejected"
LIST_INCONSISTENT = "list_inconsistent"
MASS_DISAPPEARANCE = "mass_disappearance"
DESTROY_SLOW = "destroy_slow"
DESTROY_OVERDUE = "destroy_overdue"
MANUAL_DESTROY_NEEDED = "manual_destroy_needed"
UNCERTAIN = "uncertain"
MISSING = "missing"
INTERRUPTED = "interrupted"
STOPPED_BILLS = "stopped_bills"
PRICE_CHANGED = "price_changed"
POSSIBLE_ORPHAN = "possible_orphan"
DUPLICATE = "duplicate"
REOPENED = "reopened"
ADOPTED = "adopted"
CLOCK_SKEW = "clock_skew"
UNKNOWN_RESPONSE = "unknown_response"
DESTROY_REFUSED = "destroy_refused"
DATABASE_CONSTRAINT = "database_constraint"
DATABASE_REBUILT = "database_rebuilt"
ROW_REPAIRED = "row_repaired"
SSH_UNREACHABLE = "ssh_unreachable"
HOST_KEY_CHANGED = "host_key_changed"
GUARD_UNCONFIRMED = "guard_unconfirmed"
WRONG_INSTANCE_ID = "wrong_instance_id"
UNLABELLED = "unlabelled"
END_UNVERIFIED = "end_unverified"
LEFTOVER = "leftover"
SELF_ENDED = "self_ended"
IDLE_UNWATCHED = "idle_unwatched"
END_IGNORED = "end_ignored"
OFFLINE = "offline"
NOT_PULLED = "not_pulled"
BUDGET_WARNING = "budget_warning"
BUDGET_USED_UP = "budget_used_up"
BUDGET_OVERCOMMITTED = "budget_overcommitted"
BUDGET_ENDS = "budget_ends"
BUDGET_DOUBTED = "budget_doubted"
BILL_DIFFERS = "bill_differs"
ALERT_UNDELIVERED = "alert_undelivered"
SETTINGS_UNREADABLE = "settings_unreadable"

_NAME = re.compile(r"\bNAME\b")
HINTS = {
    DEGRADED: "no instance counts as gone; deadlines still hold. See: gpu-shopper status",
    WRONG_ACCOUNT: "put back the key of the account that holds your sessions: gpu-shopper keys set PROVIDER",
    ACCOUNT_UNPROVEN: "put back the key that made them, or, if this one is of the same account: gpu-shopper keys set "
    "PROVIDER --same-account; until then, look at CONSOLE",
    SAME_ACCOUNT: "give one of them another key, or remove it: gpu-shopper keys remove PROVIDER; ends go on",
    KEY_REJECTED: "set a working key: gpu-shopper keys set PROVIDER; until then, end what must end at CONSOLE",
    LIST_INCONSISTENT: "the list is ignored; nothing was changed",
    MASS_DISAPPEARANCE: "nothing was changed; check at CONSOLE",
    DESTROY_SLOW: "it may still bill; the destroy is retried",
    DESTROY_OVERDUE: "it may still bill; look at CONSOLE",
    END_UNVERIFIED: "it is not listed any more; its end is proven once the provider answers",
    MANUAL_DESTROY_NEEDED: "it may still bill; destroy it at CONSOLE; once it is gone there: gpu-shopper forget NAME",
    UNCERTAIN: "it counts as billed until the provider's list has settled",
    MISSING: "it is still counted as billed; end it with: gpu-shopper shutdown NAME",
    INTERRUPTED: "its disk still bills; it is ended after the grace time unless it runs again",
    STOPPED_BILLS: "it is kept as you asked; end it with: gpu-shopper shutdown NAME",
    PRICE_CHANGED: "end it with: gpu-shopper shutdown NAME",
    POSSIBLE_ORPHAN: "check at CONSOLE; it carries no label, so it is not touched",
    DUPLICATE: "the second instance is being destroyed",
    REOPENED: "a closed instance was seen again and is being destroyed",
    ADOPTED: "end it with shutdown, or keep it with: gpu-shopper extend NAME",
    CLOCK_SKEW: "set this computer's clock",
    DESTROY_REFUSED: "set a key that may destroy: gpu-shopper keys set PROVIDER; or destroy it yourself at CONSOLE",
    DATABASE_CONSTRAINT: "nothing was changed; please report it with: gpu-shopper daemon logs",
    UNKNOWN_RESPONSE: "the provider changed its answers; update gpu-shopper",
    DATABASE_REBUILT: "instances are adopted again from the provider's list",
    ROW_REPAIRED: "its instance ends at the hard maximum at the latest. See: gpu-shopper sessions",
    SSH_UNREACHABLE: "it may run on; its deadline holds. See: gpu-shopper get NAME",
    HOST_KEY_CHANGED: "do not log in; end it with: gpu-shopper shutdown NAME",
    WRONG_INSTANCE_ID: "it is not touched; look at CONSOLE",
    UNLABELLED: "it is known by its id alone; if this computer's records are lost, look at CONSOLE",
    LEFTOVER: "look at CONSOLE, and remove it there if it stays; a disk bills until it is gone",
    SELF_ENDED: "its cost stands still; close it with: gpu-shopper shutdown NAME; its deadline closes it too",
    IDLE_UNWATCHED: "its deadline holds. See: gpu-shopper get NAME",
    END_IGNORED: "its deadline holds; when its work is over, end it with: gpu-shopper done NAME",
    NOT_PULLED: "it is tried again until the session ends; copy them yourself: gpu-shopper pull NAME",
    BUDGET_WARNING: "see: gpu-shopper budget",
    BUDGET_USED_UP: "nothing more is rented under it; see: gpu-shopper budget",
    BUDGET_OVERCOMMITTED: "end a session earlier, or raise the limit: gpu-shopper budget",
    BUDGET_ENDS: "raise the limit to keep it: gpu-shopper budget",
    BUDGET_DOUBTED: "end a session yourself: gpu-shopper done NAME; or raise the limit: gpu-shopper budget",
    BILL_DIFFERS: "compare them: gpu-shopper costs --verify; and with the billing page at CONSOLE",
    ALERT_UNDELIVERED: "see: gpu-shopper notify; try the channel: gpu-shopper notify test CHANNEL",
    SETTINGS_UNREADABLE: "correct the file; what it says is shown by: gpu-shopper config",
    OFFLINE: "instances go on without it, and end at their deadlines; nothing is concluded from their silence",
    GUARD_UNCONFIRMED: "only this daemon ends it now; end it with: gpu-shopper shutdown NAME",
}
"""What a person can do about each kind, in one line; `fill_hint` puts in cloud, session and console."""

KEPT_HINT = "it is kept until its deadline; end it with: gpu-shopper shutdown NAME"
"""The hint about an interrupted instance that only its deadline ends."""

OWN_HINT = frozenset({DEGRADED, INTERRUPTED, DATABASE_REBUILT})
"""Kinds whose alarms may carry a hint of their own, in place of their kind's."""

NEEDS_ACK = frozenset(
    {
        DUPLICATE,
        REOPENED,
        ADOPTED,
        DATABASE_REBUILT,
        ROW_REPAIRED,
        UNKNOWN_RESPONSE,
        DATABASE_CONSTRAINT,
        WRONG_INSTANCE_ID,
        NOT_PULLED,
    }
)
"""Alarms about something that happened once: they stay until a person acknowledges them."""

DESTROY_ALARMS = (DESTROY_SLOW, DESTROY_OVERDUE, MANUAL_DESTROY_NEEDED)
"""How the alarm about a slow destroy escalates; each kind replaces the one before it (D6)."""

ABOUT_ATTEMPT = (
    *DESTROY_ALARMS, DESTROY_REFUSED, UNCERTAIN, MISSING, INTERRUPTED, PRICE_CHANGED, POSSIBLE_ORPHAN, SSH_UNREACHABLE,
    HOST_KEY_CHANGED, GUARD_UNCONFIRMED, UNLABELLED, END_UNVERIFIED, LEFTOVER, SELF_ENDED,
    IDLE_UNWATCHED, END_IGNORED, STOPPED_BILLS,
)  # fmt: skip
"""Alarms whose subject is an attempt; they clear when it is closed."""

ABOUT_BUDGETS = frozenset({BUDGET_WARNING, BUDGET_USED_UP, BUDGET_OVERCOMMITTED, BUDGET_ENDS, BUDGET_DOUBTED})
"""Alarms that follow from budgets; they clear once a budget no longer says so."""

ABOUT_STATE = {
    "missing": (MISSING, SELF_ENDED),
    "interrupted": (INTERRUPTED, STOPPED_BILLS),
    "uncertain": (UNCERTAIN, POSSIBLE_ORPHAN),
}
"""Alarms that clear when the attempt leaves the state they are about."""


def names_cloud(hint: str) -> bool:
    """Whether a hint has a blank for a cloud."""
    return "PROVIDER" in hint or "CONSOLE" in hint


def names_session(hint: str) -> bool:
    """Whether a hint has a blank for a session's name."""
    return _NAME.search(hint) is not None


def fill_hint(hint: str, provider: str, console: str, session: str = "") -> str:
    """The hint with the name of the cloud it is about, and the web page where a person can end what runs there.

    And with the name of the session, where it is about one, so that its command can be pasted.
    """
    filled = hint.replace("PROVIDER", provider).replace("CONSOLE", console)
    return _NAME.sub(session, filled) if session else filled
