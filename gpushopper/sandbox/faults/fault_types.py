"""The fault types (S25), by their fault words: each one's group, the API calls it acts on, the form of its argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpushopper.sandbox.rate_limits import Bucket
from gpushopper.sandbox.timing import parse_duration, parse_range

CALLS = ("search", "create", "list", "get", "destroy", "label", "account", "logs", "log_file", "charges", "any")
"""The API calls a fault can act on. `logs` requests an instance's log, `log_file` fetches it."""
HOST = "host"
"""In place of an API call: the fault acts on the host of a live instance."""
KEY_SCOPES = ("none", "stop")
"""What `key_scope` leaves of an instance's own key: nothing at all, or reading and stopping (F92)."""

FOREIGN_ID_SOURCES = ("listed", "unlabelled", "labelled", "sibling")
"""Which id `stranger_id` puts into the reply to a create: that of the oldest foreign instance (`listed`, the default; a
new one where there is none), of a foreign instance started now without or with a label, or of the account's newest
instance before this create (`sibling`)."""


@dataclass(frozen=True, slots=True)
class FaultType:
    """On which calls a fault word may be set and what form its argument has (`kind`)."""

    group: str
    calls: tuple[str, ...]
    kind: str = "free"

    def check(self, arg: str | None) -> None:
        """Raise ValueError when the argument is missing or malformed."""
        _CHECKS[self.kind](arg)


def _free(arg: str | None) -> None:
    """Accept anything."""


def _needed(arg: str | None) -> None:
    if not arg:
        raise ValueError("this word needs an argument")


def _duration(arg: str | None) -> None:
    if arg is not None:
        parse_duration(arg.split(",")[-1])


def _range(arg: str | None) -> None:
    if arg is not None:
        parse_range(arg)


def _pace(arg: str | None) -> None:
    Bucket.parse(_given(arg))


def _signed(arg: str | None) -> None:
    read_signed(_given(arg))


def _given(arg: str | None) -> str:
    _needed(arg)
    return arg or ""


def _foreign_id(arg: str | None) -> None:
    if arg is not None and arg not in FOREIGN_ID_SOURCES:
        raise ValueError(f"this word takes one of {' '.join(FOREIGN_ID_SOURCES)}")


def _scope(arg: str | None) -> None:
    if arg not in KEY_SCOPES:
        raise ValueError(f"this word needs one of {' '.join(KEY_SCOPES)}")


def _number(arg: str | None) -> None:
    if arg is not None:
        float(arg.split(",")[0].removeprefix("x"))


ARGUMENTS = {
    "free": "",
    "needed": "which",
    "duration": "a time: 90s",
    "range": "a time: 2s, or 2s-70s",
    "pace": "calls in a time",
    "number": "a number",
    "signed": "a time: +90s, or -1d",
    "scope": " or ".join(KEY_SCOPES),
    "foreign_id": ", ".join(FOREIGN_ID_SOURCES),
}
"""What a word's argument is, by its kind, for people."""

_CHECKS: dict[str, Callable[[str | None], None]] = {
    "free": _free,
    "needed": _needed,
    "duration": _duration,
    "range": _range,
    "pace": _pace,
    "number": _number,
    "signed": _signed,
    "scope": _scope,
    "foreign_id": _foreign_id,
}


def read_signed(text: str) -> int:
    """Return microseconds of a duration that may be negative: `1d`, `+90s`, `-1d`; raises ValueError."""
    size = parse_duration(text.lstrip("+-"))
    return -size if text.startswith("-") else size


def _group(group: str, calls: tuple[str, ...], words: str) -> dict[str, FaultType]:
    """Parse `word word:kind ...` into fault types by word."""
    pairs = (word.partition(":") for word in words.split())
    return {name: FaultType(group, calls, kind or "free") for name, _, kind in pairs}


FAULT_TYPES: dict[str, FaultType] = {
    **_group(
        "create",
        ("create",),
        "drop commit_then_500 commit_then_hang commit_then_reset commit_then_garbage commit_then_no_id"
        " error_with_id late:duration dup stopped label_drop label_cut:number env_drop stuck_loading"
        " start_failure unavailable reject id_never_exists refused_yet_created stranger_id:foreign_id"
        " no_forwards key_drop",
    ),
    **_group(
        "list",
        ("list",),
        "lag:duration omit:duration page_cut:number page_shift:number dup_rows foreign:number",
    ),
    **_group("list", ("list", "search"), "empty200 null200"),
    **_group("search", ("search",), "needs_key stale_stock"),
    **_group("get", ("get",), "null 404"),
    **_group("get", ("get", "list"), "stale:duration no_field:needed"),
    **_group("get", ("get", "list", "create"), "status_word"),
    **_group("shape", ("create", "get", "list", "search"), "shape:needed"),
    **_group(
        "destroy",
        ("destroy",),
        "ack_noop:number delay:range 500_done 404_alive 404_gone stop_instead zombie:duration"
        " needs_min_age:duration no_content",
    ),
    **_group("bill", ("charges", "account"), "misbill:number"),
    **_group("account_wide", ("account",), "revoke zero_balance balance_lag:duration price_change:number"),
    **_group("reply", CALLS, "status:number auth404 429:number 429_plain_text:number schema_change:needed pace:pace"),
    **_group(
        "network",
        CALLS,
        "hang dns blackhole drip huge:number reset offline:duration captive_portal slow:range",
    ),
}

HOST_FAULT_TYPES = _group(
    HOST,
    (HOST,),
    "ssh_refuse:duration ssh_authfail hostkey_change reboot offline:duration clock_skew:signed no_egress disk_full"
    " agent_kill key_scope:scope",
)
"""Faults of the host of a live instance (S28). They act until they are cleared or their time is up; `reboot`,
`hostkey_change` and an `agent_kill` without a time act once on each instance. `--count` counts instances."""

COUNTED = frozenset({"429", "429_plain_text", "ack_noop"})
"""Words whose argument is a count: how often they act."""

UNTIL_ARG = frozenset({"offline", "omit", "ssh_refuse"})
"""Words whose argument is a duration: how long they act from the moment they are added."""
