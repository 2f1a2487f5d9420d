"""The report of a session as Markdown, for the appendix of a paper or a lab's files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gpushopper.cli.output.endings.end_reasons import REASONS, reason_text
from gpushopper.cli.output.endings.run_table import status_text
from gpushopper.cli.output.json_output import rfc3339
from gpushopper.cli.output.receipt_view import MEANS
from gpushopper.cli.output.records.markdown import code, facts, plain, table
from gpushopper.cli.output.text_format import rate
from gpushopper.core.model.money import dollars
from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper import wire

OF_HOST = "host"
_UNIT = 100
"""Micro-dollars in the last place that is shown."""


def report_lines(found: wire.Report) -> list[str]:
    """The whole document, line by line."""
    lines = [f"# Compute report: {plain(found.name)}", "", *facts(_session(found))]
    used = [one for one in found.attempts if one.instance_id is not None]
    for number, one in enumerate(used, 1):
        lines += ["", f"## Instance{f' {number}' if len(used) > 1 else ''}", "", *facts(_instance(one))]
    lines += ["", "## Cost", "", *_cost(found)]
    if found.runs:
        rows = [(code(run.command), _time(run.started_at), _lasted(run), plain(status_text(run))) for run in found.runs]
        lines += ["", "## Runs", "", *table(("command", "started", "took", "status"), rows)]
    lines += ["", "## Sent to the host", "", *_sent(found)]
    lines += ["", "## Notes", "", *(f"- {plain(note)}" for note in found.notes)]
    made = f"Made by GPU Shopper {found.version} on {_time(found.made_at)}; times are UTC."
    return [*lines, "", made]


def _session(found: wire.Report) -> list[tuple[str, str]]:
    tags = ", ".join(f"{key}={value}" for key, value in found.tags.items())
    why = reason_text(found.reason) if found.reason in REASONS else found.reason.replace("_", " ")
    return [
        ("session", f"{plain(found.name)} ({code(found.session)})"),
        ("consumer", plain(found.consumer)),
        ("tags", plain(tags)),
        ("status", plain(f"{found.status}: {why}" if why else found.status)),
        ("begun", _time(found.created_at)),
        ("ready", _time(found.ready_at)),
        ("ended", _time(found.ended_at)),
        ("deadline", _time(found.deadline_at)),
        ("image", code(found.image) if found.image else ""),
        ("GPU hours", f"{found.gpu_hours:.2f}"),
        ("cost", _amount(found.accrued)),
    ]


def _instance(one: wire.ReportAttempt) -> list[tuple[str, str]]:
    return [*_hardware(one), *_rental(one)]


def _hardware(one: wire.ReportAttempt) -> list[tuple[str, str]]:
    versions = [one.driver] if one.driver else []
    versions += [f"CUDA up to {one.cuda:g}"] if one.cuda else []
    return [
        ("GPU", plain(f"{one.gpu_count} × {one.gpu}, {one.vram_mb / 1024:.0f} GB each")),
        ("CPU cores", "" if one.cpu_cores is None else f"{one.cpu_cores:g}"),
        ("memory", "" if one.ram_mb is None else f"{one.ram_mb / 1024:.0f} GB"),
        ("disk", f"{one.disk_gb:g} GB"),
        ("driver", plain(", ".join(versions))),
        ("GPU load", "" if one.gpu_load is None else f"{one.gpu_load} % in the mean"),
    ]


def _rental(one: wire.ReportAttempt) -> list[tuple[str, str]]:
    account = "" if one.provider == one.cloud else f" (account {one.provider})"
    return [
        ("cloud", plain(f"{one.cloud}{account}")),
        ("host", plain(_host(one))),
        ("offer", plain(f"{one.offer}, {'spot' if one.is_spot else 'on demand'}, {rate(one.rate)}/h with its disk")),
        ("instance", plain(one.instance_id or "")),
        ("label", code(one.label)),
        ("image", code(one.image) if one.image else ""),
        ("requested", _time(one.sent_at)),
        ("ready", _time(one.ready_at)),
        ("off", _time(one.off_at)),
        ("GPU hours", f"{one.gpu_hours:.2f}"),
        ("cost", _amount(one.accrued)),
        ("end", _end(one)),
    ]


def _host(one: wire.ReportAttempt) -> str:
    parts = [one.host or "not named by the cloud", one.region or "", "verified" if one.verified else ""]
    parts += [] if one.reliability is None else [f"reliability {one.reliability:.3f}"]
    return ", ".join(part for part in parts if part)


def _end(one: wire.ReportAttempt) -> str:
    if not one.receipt:
        return "no receipt yet: it may still bill"
    return plain(f"{MEANS.get(str(one.receipt.get('kind', '')), 'closed')} (receipt of {_time(one.closed_at)})")


def _cost(found: wire.Report) -> list[str]:
    kinds = [
        ("GPU", found.gpu_micros), ("disk", found.storage_micros), ("traffic", found.traffic_micros),
        ("beyond the time used", found.minimum_micros),
    ]  # fmt: skip
    rows = [*_adding_up((name, amount) for name, amount in kinds if amount), ("total", _amount(found.accrued))]
    lines = table(("for", "counted here"), rows)
    if len(found.days) > 1:
        by_day = _adding_up((day.key, day.accrued) for day in found.days)
        lines += ["", *table((f"day ({plain(found.time_zone)})", "counted here"), by_day)]
    if found.bill is None:
        return lines
    bill = found.bill
    state = "" if bill.is_settled else ", which may still grow"
    said = f"The cloud has billed {_amount(bill.billed_micros)} up to {_time(bill.until_at)}{state}; counted here"
    return [*lines, "", f"{said} for that time: {_amount(bill.ours_micros)}."]


def _amount(micros: int) -> str:
    """The same number of places everywhere: a reader adds these up."""
    return dollars(_rounded(micros), 4)


def _rounded(micros: int) -> int:
    return (micros + _UNIT // 2) // _UNIT * _UNIT


def _adding_up(parts: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    """Amounts that were rounded so that their sum is the rounded total: what is left over goes to the next."""
    lines, total = [], 0
    for name, micros in parts:
        lines.append((name, dollars(_rounded(total + micros) - _rounded(total), 4)))
        total += micros
    return lines


def _lasted(run: wire.ReportRun) -> str:
    return "" if run.started_at is None or run.ended_at is None else span(run.ended_at - run.started_at)


def _sent(found: wire.Report) -> list[str]:
    lines = []
    for row in found.custody.hosts:
        if row.reached != OF_HOST:
            continue
        what = [f"variable {code(name)}" for name in row.variables]
        what += [f"the login at {code(row.registry)}"] if row.registry else []
        what += [f"{code(item.name)} to {code(item.target)}" for item in row.sent if item.kind == "file"]
        what += ["the script of `--before-end`"] if row.has_hook else []
        host = f"{plain(row.cloud)} host {plain(row.host or 'without a name')}"
        lines.append(f"- to {host}: {'; '.join(what) or 'no more than the image'}")
    return lines or ["Nothing."]


def _time(at: int | None) -> str:
    """Whole seconds: `2026-11-24T18:00:00Z`."""
    return "" if at is None else rfc3339(at // SECOND * SECOND)
