"""Which fields each command's JSON document has: `docs/schemas` is made of it, and the headings of CSV.

A shape has the fields beside `schema`, as types of `gpushopper.wire` or of `rows` here. A command that prints different
documents has several. `lines` are the rows of its table by the name of their field: what `-o jsonl` and `-o csv` print.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_type_hints

from gpushopper import wire
from gpushopper.cli.output import json_output
from gpushopper.cli.output.documents import rows, sandbox_rows

Fields = Mapping[str, Any]


class Shape(NamedTuple):
    """The documents that a command may print, and the rows of its table."""

    documents: tuple[Fields, ...]
    lines: Mapping[str, type] = {}
    is_raw: bool = False
    """Whether its fields are printed as they are called here: those of the sandbox's control surface."""


def fields_of(kind: type) -> Fields:
    """The fields of a type, for a document that has them at its top."""
    return get_type_hints(kind, include_extras=True)


SESSIONS = Shape(({"sessions": list[wire.SessionView]},), {"sessions": wire.SessionView})
SESSION = Shape(({"session": wire.SessionView},), {"sessions": wire.SessionView})
_RECEIPT = {"session": str, "complete": bool, "receipts": list[rows.ReceiptRow]}
_RECEIPTS = {"receipts": rows.ReceiptRow}
_OFFERS = {
    "total": int, "more": bool, "unavailable": dict[str, str], "missing": list[wire.MissingAccount],
    "invalid_prices": int, "unstated": dict[str, int],
}  # fmt: skip
_COSTS = {
    "accrued": int, "max_cost": int, "by": str, "start_at": int | None, "end_at": int | None, "time_zone": str,
    "forecast": wire.CostForecast | None,
}  # fmt: skip
_SHARES = dict[str, rows.Share]
_BY_GROUP = {"costs": list[wire.CostGroup], **_COSTS}
_BUDGET = Shape(({"budget": wire.BudgetView},), {"budgets": wire.BudgetView, "limits": rows.LimitRow})
_CONSUMER = Shape((fields_of(wire.ConsumerView),), {"consumers": wire.ConsumerView})
_RUN = get_type_hints(rows.RunRow)
_RUNNING = {"running": bool, "pid": int, "version": str, "home": str}
_SETTING = Shape(({"key": str, "value": Any, "origin": str},))
_KEY = Shape((fields_of(rows.KeyAnswer), fields_of(rows.LoginAnswer)))
_SCRIPT = Shape(({"shell": str, "script": str},))
_INSTALLED = Shape(({"shell": str, "script": str | None, "start_file": str | None},))
_SANDBOX = Shape(({
    "home": str, "pid": int, "now": str, "clock_offset_us": int, "seed": int, "instances_are": str,
    "live": list[sandbox_rows.SandboxLive], "rate_gaps": str, "registry": sandbox_rows.SandboxRegistry,
    "dialects": dict[str, sandbox_rows.SandboxCloud],
},), is_raw=True)  # fmt: skip
_SSH_CONFIG = Shape(({"path": str, "changed": bool, "backup": str | None},))

ON_STDERR: Mapping[str, Fields] = {
    "error": {"error": rows.ErrorRow},
    "note": {"note": str},
    "progress": {"progress": rows.ProgressRow},
}
"""What stderr has where JSON is wanted, each on a line: why the command failed, a remark, a step."""

SHAPES: Mapping[str, Shape] = {
    "inventory": Shape(
        ({"offers": list[wire.OfferView], **_OFFERS}, {"groups": list[wire.OfferGroup], **_OFFERS}),
        {"offers": wire.OfferView, "groups": wire.OfferGroup},
    ),
    "plan": Shape(({"plan": wire.Plan},), {"offers": wire.OfferView}),
    "provision": Shape(({"session": wire.SessionView}, {"dry_run": bool, "plan": wire.Plan}), SESSION.lines),
    "ls": SESSIONS,
    "sessions list": SESSIONS,
    "get": Shape((*SESSION.documents, _RECEIPT), {**SESSION.lines, **_RECEIPTS}),
    "sessions get": Shape((*SESSION.documents, _RECEIPT), {**SESSION.lines, **_RECEIPTS}),
    "wait": Shape((*SESSIONS.documents, {"session": str, **_RUN}), {**SESSIONS.lines, "runs": rows.RunRow}),
    "extend": Shape((*SESSION.documents, {"dry_run": bool, **SESSION.documents[0]}), SESSION.lines),
    "sessions extend": Shape((*SESSION.documents, {"dry_run": bool, **SESSION.documents[0]}), SESSION.lines),
    "restart": Shape(({"session": str, "restarted": bool}, {"dry_run": bool, "session": str})),
    "set": SESSION,
    "done": SESSIONS,
    "sessions done": SESSIONS,
    "sessions delete": SESSIONS,
    "shutdown": SESSIONS,
    "receipt": Shape((_RECEIPT,), _RECEIPTS),
    "sessions receipt": Shape((_RECEIPT,), _RECEIPTS),
    "ssh": Shape(({"argv": list[str]},)),
    "cp": Shape(({
        "copied": str, "to": str, "by": str, "sources": list[str], "files": int, "bytes": int, "left_out": list[str],
    },)),
    "pull": Shape(({"pulled": list[rows.PulledRow]},), {"pulled": rows.PulledRow}),
    "sync": Shape(({
        "direction": str, "here": str, "there": str, "copied": list[str], "newer_at_target": list[str], "same": int,
        "dry_run": bool,
    },)),
    "code": Shape(({"session": str, "host": str, "folder": str, "argv": list[str]},)),
    "jupyter": Shape(({"session": str, "url": str, "port": int, "run": str | None},)),
    "run": Shape(({"session": str, "run": str},)),
    "run ls": Shape(({"runs": list[rows.RunRow], "kept_at": int | None},), {"runs": rows.RunRow}),
    "run stop": Shape(({"session": str, "run": str, "outcome": str, "status": str, "ends_session": bool},)),
    "logs": Shape(
        (fields_of(wire.ProviderLog), {"runs": list[rows.RunRow], "kept_at": int | None}), {"runs": rows.RunRow}
    ),
    "costs show": Shape(
        (
            {"costs": list[wire.CostRow], **_COSTS},
            _BY_GROUP,
            {"bills": list[wire.BillRow], "accounts": list[wire.AccountBill], "unbilled": list[str],
             "ours_micros": int, "billed_micros": int},
        ),
        {"costs": wire.CostRow, "bills": wire.BillRow},
    ),
    "costs summary": Shape(({
        "accrued": int, "max_cost": int, "sessions": int, "by_provider": _SHARES, "by_gpu": _SHARES,
        "by_consumer": _SHARES,
    },)),
    "budget ls": Shape(({"budgets": list[wire.BudgetView]},), {"budgets": wire.BudgetView, "limits": rows.LimitRow}),
    "budget show": _BUDGET,
    "budget set": _BUDGET,
    "budget rm": Shape(({"removed": wire.BudgetView},)),
    "report": Shape(({"report": wire.Report}, _BY_GROUP), {"costs": wire.CostGroup}),
    "consumers ls": Shape(({"consumers": list[wire.ConsumerView]},), {"consumers": wire.ConsumerView}),
    "consumers show": _CONSUMER,
    "consumers add": _CONSUMER,
    "consumers rename": _CONSUMER,
    "status": Shape(
        ({"status": wire.DaemonStatus, "alarms": list[wire.AlarmView], "tonight": rows.Tonight},),
        {"providers": wire.ProviderStatus},
    ),
    "why": Shape(
        ({"why": wire.WhyView, "events": list[wire.EventView]},), {"ends": wire.EndView, "history": wire.UseSpan}
    ),
    "alarms list": Shape(({"alarms": list[wire.AlarmView]},), {"alarms": wire.AlarmView}),
    "alarms ack": Shape(({"acknowledged": int},)),
    "audit instances": Shape(
        ({"instances": list[wire.AuditRow], "unavailable": dict[str, str], "problems": int, "warnings": list[str]},),
        {"instances": wire.AuditRow},
    ),
    "audit log": Shape(
        ({"acts": list[rows.ActRow]},
         {"ok": bool, "lines": int, "head": str, "problems": list[str], "compared": int}),
        {"acts": rows.ActRow},
    ),
    "adopt": Shape((*SESSION.documents, {"dry_run": bool, "adoption": wire.AdoptView}), SESSION.lines),
    "forget": SESSION,
    "watchdog": Shape(
        ({"instances": list[rows.OverdueRow], "installations": list[str], "accounts": list[str],
          "unavailable": dict[str, str], "ended": int, "unverified": int},),
        {"instances": rows.OverdueRow},
    ),
    "custody": Shape((fields_of(wire.Custody),), {"hosts": wire.CustodyRow}),
    "events": Shape(({"events": list[wire.EventView], "next": int},), {"events": wire.EventView}),
    "keys list": Shape(
        ({"keys": list[rows.KeyRow], "registries": list[rows.RegistryRow], "warnings": list[str]},),
        {"keys": rows.KeyRow, "registries": rows.RegistryRow},
    ),
    "keys set": _KEY,
    "keys test": _KEY,
    "keys remove": _KEY,
    "config show": Shape(
        ({"settings": list[rows.SettingRow], "home": str, "config_file": str, "installation": str | None,
          "skipped_clouds": dict[str, str], "unknown_providers": list[str]},),
        {"settings": rows.SettingRow},
    ),
    "config get": _SETTING,
    "config set": _SETTING,
    "config unset": _SETTING,
    "config path": Shape(({"path": str, "exists": bool},)),
    "config installation": Shape(
        ({"installations": list[rows.InstallationRow]},), {"installations": rows.InstallationRow}
    ),
    "notify ls": Shape(({"channels": list[wire.ChannelView]},), {"channels": wire.ChannelView}),
    "notify add": Shape((fields_of(rows.ChannelAnswer),)),
    "notify rm": Shape((fields_of(rows.ChannelAnswer),)),
    "notify test": Shape(({"channels": list[wire.ChannelTest]},), {"channels": wire.ChannelTest}),
    "ssh-config print": Shape(({"include": str, "installed": bool, "entries": str},)),
    "ssh-config install": _SSH_CONFIG,
    "ssh-config remove": _SSH_CONFIG,
    "daemon start": Shape((_RUNNING,)),
    "daemon restart": Shape((_RUNNING,)),
    "daemon stop": Shape((
        {"running": bool, "was_running": bool, "may_still_bill": list[wire.SessionView] | None},
    )),
    "daemon status": Shape(({"running": bool}, {"running": bool, **fields_of(wire.DaemonStatus)})),
    "daemon install": Shape(({"installed": bool, "path": str},)),
    "daemon uninstall": Shape(({"installed": bool, "path": str, "may_still_bill": list[wire.SessionView]},)),
    "daemon purge": Shape((
        {"ok": bool, "removed": list[str], "secrets": list[str], "warnings": list[str]},
        {"would_remove": list[str], "secrets": list[str]},
    )),
    "backup ls": Shape(({"backups": list[rows.BackupRow]},), {"backups": rows.BackupRow}),
    "backup make": Shape(({"ok": bool, "path": str, "size_bytes": int},)),
    "backup restore": Shape(({
        "ok": bool, "restored": str, "replaced": str | None, "open_sessions": list[str], "daemon": str,
    },)),
    "doctor": Shape(({"checks": list[rows.CheckRow]},), {"checks": rows.CheckRow}),
    "completion bash": _SCRIPT,
    "completion zsh": _SCRIPT,
    "completion fish": _SCRIPT,
    "completion install": _INSTALLED,
    "completion uninstall": _INSTALLED,
    "version": Shape(({"version": str, "daemon": str | None},)),
    "help": Shape(({"topic": str, "text": str},)),
    "sandbox start": _SANDBOX,
    "sandbox status": _SANDBOX,
    "sandbox stop": Shape(({"running": bool, "was_running": bool, "daemon_was_running": bool},)),
    "sandbox ledger": Shape(
        ({"at": str, "instances": list[sandbox_rows.SandboxInstance], "creates": list[sandbox_rows.SandboxCreate],
          "destroys": list[sandbox_rows.SandboxDestroy]},),
        {"instances": sandbox_rows.SandboxInstance},
        is_raw=True,
    ),
    "sandbox launch": Shape(({"id": str, "provider": str, "label": str | None},), is_raw=True),
    "sandbox advance": Shape(({"clock_offset_us": int, "now": str},), is_raw=True),
    "sandbox revise": Shape(({"id": str, "state": str},), is_raw=True),
    "sandbox fault add": Shape(({"fault": sandbox_rows.SandboxFault},), is_raw=True),
    "sandbox fault list": Shape(
        ({"faults": list[sandbox_rows.SandboxFault]},), {"faults": sandbox_rows.SandboxFault}, is_raw=True
    ),
    "sandbox fault words": Shape(
        ({"words": list[sandbox_rows.SandboxWord]},), {"words": sandbox_rows.SandboxWord}, is_raw=True
    ),
    "sandbox fault clear": Shape(({"cleared": int},), is_raw=True),
}  # fmt: skip
"""By the words of the command."""


def prints_rows(command: str) -> bool:
    """Whether a command prints a table."""
    return command in SHAPES and bool(SHAPES[command].lines)


def names(command: str, noun: str) -> list[str]:
    """The fields of a command's rows, as JSON calls them; none where they are not known here."""
    return [name for name, _ in columns(command, noun)]


def columns(command: str, noun: str) -> list[tuple[str, Any]]:
    """Name in JSON and type of each field of a command's rows; money and spans have other names there than here."""
    kind = SHAPES[command].lines.get(noun) if command in SHAPES else None
    if kind is None:
        return []
    return [(name, hint) for field, hint in get_type_hints(kind).items() for name in json_names(field, hint)]


def json_names(field: str, hint: object) -> list[str]:
    """What one field is called in JSON: `rate` is there twice, in micro-dollars and in dollars."""
    return list(json_output.to_json_fields({field: 0 if is_amount(hint) else ""}))


def is_amount(hint: object) -> bool:
    """Whether a field is an integer, which may be a time, money or a span."""
    return hint is int or hint == int | None
