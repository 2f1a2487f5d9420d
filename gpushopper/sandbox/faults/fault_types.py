"""The fault words (safety.md, "How to read this"): their group, the calls they act on, their argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpushopper.sandbox.timing import parse_duration

CALLS = ("search", "create", "list", "get", "destroy", "label", "account", "logs", "log_file", "any")
"""`logs` asks for an instance's log, `log_file` fetches it."""
HOST = "host"
"""Not a call of the API: what befalls the computer under a live instance."""
KEY_SCOPES = ("none", "stop")
"""What `key_scope` leaves of an instance's own key: nothing at all, or reading and stopping (F92)."""

STRANGERS = ("listed", "unlabelled", "labelled", "sibling")
"""Whose id `stranger_id` answers a create with: that of the oldest instance of somebody else (the default; a new one
where there is none), of somebody else's that appears at this very moment, without or with a label of its own, or of
the account's newest instance before this create."""


@dataclass(frozen=True, slots=True)
class Word:
    """Where a word may be used and what its argument must look like."""

    group: str
    calls: tuple[str, ...]
    kind: str = "free"

    def check(self, arg: str | None) -> None:
        """Raise ValueError when the argument is missing or malformed."""
        _CHECKS[self.kind](arg)


def _free(arg: str | None) -> None:
    """Take anything."""


def _needed(arg: str | None) -> None:
    if not arg:
        raise ValueError("this word needs an argument")


def _duration(arg: str | None) -> None:
    if arg is not None:
        parse_duration(arg.split(",")[-1])


def _signed(arg: str | None) -> None:
    read_signed(_given(arg))


def _given(arg: str | None) -> str:
    _needed(arg)
    return arg or ""


def _stranger(arg: str | None) -> None:
    if arg is not None and arg not in STRANGERS:
        raise ValueError(f"this word takes one of {' '.join(STRANGERS)}")


def _scope(arg: str | None) -> None:
    if arg not in KEY_SCOPES:
        raise ValueError(f"this word needs one of {' '.join(KEY_SCOPES)}")


def _number(arg: str | None) -> None:
    if arg is not None:
        float(arg.split(",")[0].removeprefix("x"))


_CHECKS: dict[str, Callable[[str | None], None]] = {
    "free": _free,
    "needed": _needed,
    "duration": _duration,
    "number": _number,
    "signed": _signed,
    "scope": _scope,
    "stranger": _stranger,
}


def read_signed(text: str) -> int:
    """Return microseconds of a duration that may go back: `1d`, `+90s`, `-1d`; raises ValueError."""
    size = parse_duration(text.lstrip("+-"))
    return -size if text.startswith("-") else size


def _group(group: str, calls: tuple[str, ...], words: str) -> dict[str, Word]:
    """Read `word word:kind ...` into a table."""
    pairs = (word.partition(":") for word in words.split())
    return {name: Word(group, calls, kind or "free") for name, _, kind in pairs}


WORDS: dict[str, Word] = {
    **_group(
        "create",
        ("create",),
        "drop commit_then_500 commit_then_hang commit_then_reset commit_then_garbage commit_then_no_id"
        " error_with_id late:duration dup stopped label_drop label_cut:number env_drop stuck_loading"
        " start_failure unavailable reject id_never_exists refused_yet_created stranger_id:stranger",
    ),
    **_group(
        "list",
        ("list",),
        "lag:duration omit:duration page_cut:number page_shift:number dup_rows foreign:number",
    ),
    **_group("list", ("list", "search"), "empty200 null200"),
    **_group("get", ("get",), "null 404"),
    **_group("get", ("get", "list"), "stale:duration provider_status no_field:needed"),
    **_group(
        "destroy",
        ("destroy",),
        "ack_noop:number delay:duration 500_done 404_alive 404_gone stop_instead zombie:duration"
        " needs_min_age:duration",
    ),
    **_group("account_wide", ("account",), "revoke zero_balance balance_lag:duration price_change:number"),
    **_group("reply", CALLS, "status:number auth404 429:number 429_plain_text:number schema_change:needed"),
    **_group(
        "network",
        CALLS,
        "hang dns blackhole drip huge:number reset offline:duration captive_portal slow:duration",
    ),
}

HOST_WORDS = _group(
    HOST,
    (HOST,),
    "ssh_refuse:duration ssh_authfail hostkey_change reboot offline:duration clock_skew:signed no_egress disk_full"
    " agent_kill key_scope:scope",
)
"""Words for live instances (S28). A word holds while its line is there and its time is not up; `reboot`,
`hostkey_change` and an `agent_kill` without a time happen once to each instance. `--count` counts instances."""

COUNTED = frozenset({"429", "429_plain_text", "ack_noop"})
"""Words whose argument says how often they act."""

UNTIL_ARG = frozenset({"offline", "omit", "ssh_refuse"})
"""Words whose argument says how long they act, counted from when they were added."""
