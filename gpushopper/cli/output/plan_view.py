"""The text of a plan: three lines, max cost first, and what it bills without this computer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

from gpushopper.cli.app import App
from gpushopper.cli.output.text_format import clock_time, money, per_gb, per_hour, plural, rate, when
from gpushopper.cli.terminal_text import clean, wrapped
from gpushopper.core.timing.clock_snapshot import HOUR
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper.wire import Plan, PlanAccount


def summary_lines(found: Plan, now: int) -> list[str]:
    """The plan in three lines, max cost first; a fourth where it may cost more than that."""
    best = found.offers[0]
    count = f"{best.gpu_count}x " if best.gpu_count > 1 else ""
    spare = len(found.offers) - 1
    others = f", else {plural(min(spare, found.retries), 'further offer')}" if spare and found.retries else ""
    where = f", {best.region}" if best.region else ""
    return [
        f"Cost: {_cost(found, now)}{_traffic(best)}.",
        clean(f"{count}{best.gpu} at {per_hour(best.rate)}: {best.key}{where}{others}. Ends {_end(found, now)}."),
        clean(f"Disk {_disk(found)}, image {found.image}, self-destruct: {_guard(found.guard_kind)}{_minimum(found)}."),
        *_accounts(found),
        *_billing_on(found),
    ]


def _cost(found: Plan, now: int) -> str:
    """`$0.42 for 2h (at most $0.51 if it falls back to another offer)`; with one offer, `at most $0.42 for 2h`."""
    how_long = span(found.duration_us or found.deadline_at - now)
    first = found.offers[0].rate * (found.deadline_at - now) // HOUR
    if found.max_cost <= first or len(found.offers) < 2:
        return f"at most {money(found.max_cost)} for {how_long}"
    return f"{money(first)} for {how_long} (at most {money(found.max_cost)} if it falls back to another offer)"


def _end(found: Plan, now: int) -> str:
    return when(found.deadline_at, now) if found.duration_us else clock_time(found.deadline_at, now)


def _accounts(found: Plan) -> list[str]:
    """Where the shortlist's offers are, and what differs there from the first; empty where all are at one account."""
    if len(found.accounts) < 2:
        return []
    first, *others = found.accounts
    offers = ", ".join(f"{offer.key} ({rate(offer.rate)})" for offer in found.offers)
    return [clean(f"Shortlist: {offers}."), *(clean(_differs(first, other)) for other in others)]


def _disk(found: Plan) -> str:
    """The disk that is made at the first offer's cloud, and what was asked for where that is another size."""
    made = next((account.disk_gb for account in found.accounts), 0) or found.disk_gb
    return f"{made:g} GB" if made == found.disk_gb else f"{made:g} GB (asked: {found.disk_gb:g} GB)"


def _differs(first: PlanAccount, other: PlanAccount) -> str:
    cloud = f" ({other.cloud})" if other.cloud != other.provider else ""
    image = f"image {other.image}" if other.image != first.image else "the same image"
    minimum = f", minimum rental {span(other.minimum_us)}" if other.minimum_us else ""
    disk = f"disk {other.disk_gb:g} GB, " if other.disk_gb != first.disk_gb else ""
    return f"At {other.provider}{cloud}: {disk}{image}, self-destruct: {_guard(other.guard_kind)}{minimum}."


def _minimum(found: Plan) -> str:
    return f", minimum rental {span(found.minimum_us)}" if found.minimum_us else ""


def _billing_on(found: Plan) -> list[str]:
    """What happens where nothing but this computer ends the bill (E9)."""
    if not found.bills_on:
        return []
    names = [account.provider for account in found.accounts if account.bills_on]
    rates = per_hour(max(offer.rate for offer in found.offers if not names or offer.provider in names))
    where = f" at {', '.join(names)}" if len(found.accounts) > 1 else ""
    text = f"If this computer never comes back it bills {rates}{where} until your balance is used up"
    return [
        f"{text} (--allow-unguarded).",
        "Only this computer ends it there, or a second one: gpu-shopper watchdog --help",
    ]


def _traffic(offer: Any) -> str:
    if not offer.upload_gb and not offer.download_gb:
        return ""
    if offer.upload_gb == offer.download_gb:
        return f" + traffic at {per_gb(offer.upload_gb)}/GB"
    return f" + traffic at {per_gb(offer.upload_gb)}/GB out and {per_gb(offer.download_gb)}/GB in"


def _guard(guard: str) -> str:
    words = {
        "not_applicable": "none (simulated instances)",
        "self_destroy": "on",
        "server_timer": "by the cloud's own timer",
        "poweroff_only": "powers off only, which does not end the bill",
    }
    return words.get(guard, guard)


def print_plan(app: App, found: Plan, more: Sequence[str] = ()) -> None:
    """Print the plan and `more` lines on stderr, before the confirmation prompt."""
    print_sentences(app, (*summary_lines(found, app.now().wall), *map(clean, more)), sys.stderr)


def print_sentences(app: App, lines: Sequence[str], stream: TextIO) -> None:
    """Print each on a line of its own, broken between words where a terminal is narrower."""
    for line in lines:
        shown = wrapped(line, get_terminal_size().columns) if app.is_terminal(stream) else [line]
        print(*shown, sep="\n", file=stream, flush=True)
