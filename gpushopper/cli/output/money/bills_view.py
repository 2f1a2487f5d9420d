"""`costs --verify`: bills beside what was counted here, and how each account is checked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gpushopper.cli.output import tables
from gpushopper.cli.output.plan_view import print_sentences
from gpushopper.cli.output.text_format import money, plural, when
from gpushopper.cli.terminal_text import clean
from gpushopper.core.timing.duration_text import span

if TYPE_CHECKING:
    from gpushopper import wire
    from gpushopper.cli.app import App


def signed(micros: int) -> str:
    """`+$0.02` where more was billed than counted, `-$0.02` where less."""
    return f"+{money(micros)}" if micros > 0 else money(micros)


def verdict(row: wire.BillRow) -> str:
    """What the difference means: `agrees`, `differs`, or that more of the bill may come."""
    if row.is_beyond:
        return "differs"
    return "agrees" if row.is_settled else "may still grow"


COLUMNS = (
    tables.Column("SESSION", lambda r: r.name),
    tables.Column("CLOUD", lambda r: r.provider, whole=True, spare=1),
    tables.Column("GPU $", lambda r: money(r.gpu_micros), right=True, wide=True),
    tables.Column("DISK $", lambda r: money(r.storage_micros), right=True, wide=True),
    tables.Column("TRAFFIC $", lambda r: money(r.traffic_micros), right=True, wide=True),
    tables.Column("OTHER $", lambda r: money(r.other_micros), right=True, wide=True),
    tables.Column("BILLED", lambda r: money(r.billed_micros), right=True),
    tables.Column("COUNTED", lambda r: money(r.ours_micros), right=True),
    tables.Column("DIFFERENCE", lambda r: signed(r.difference_micros), right=True),
    tables.Column("BILL", verdict, whole=True),
)


def print_bills(app: App, found: wire.Bills) -> None:
    """The table by session, then a sentence for each account and for what has no bill yet."""
    tables.rows(
        app, "bills", found.rows, COLUMNS, accounts=found.accounts, unbilled=found.unbilled,
        ours_micros=found.ours_micros, billed_micros=found.billed_micros,
    )  # fmt: skip
    if app.output not in ("table", "wide"):
        return
    if found.rows:
        tables.out("")
        counted = f"{money(found.ours_micros)} counted here for the same time"
        tables.sentences([f"{money(found.billed_micros)} billed, {counted}"])
    for account in found.accounts:
        print_sentences(app, [clean(account_line(account, app.now().wall))], sys.stdout)
    if found.unbilled:
        verb = "has" if len(found.unbilled) == 1 else "have"
        print_sentences(app, [f"{', '.join(found.unbilled)} {verb} no bill yet: it can take a day."], sys.stdout)


def account_line(one: wire.AccountBill, now: int) -> str:
    """How one account is checked, and what came of it."""
    if one.problem:
        return f"{one.provider}: not checked now: {one.problem}"
    if one.source == "nothing":
        return f"{one.provider}: tells neither charges nor a balance; compare at {one.console}"
    if one.source == "balance":
        return f"{one.provider}: {_balance(one, now)}"
    if one.beyond_use_us is None:
        return f"{one.provider}: checked by its charges for each instance"
    return f"{one.provider}: checked by its charges; {_beyond_use(one.beyond_use_us)}"


def _beyond_use(span_us: int) -> str:
    if abs(span_us) < 1_000_000:
        return "it bills the GPU time used, to the second"
    more = "more" if span_us > 0 else "less"
    return f"it bills {span(abs(span_us))} {more} than the GPU time counted here, for an instance (not applied)"


def _balance(one: wire.AccountBill, now: int) -> str:
    if one.start_at is None:
        return "checked by its balance, once there are readings of two days"
    since = f"since {when(one.start_at, now)}"
    if one.lost_micros is None or one.ours_micros is None:
        return f"its balance has grown {since}, so it cannot be compared"
    more = "; whatever else is rented there is in it" if one.lost_micros > one.ours_micros else ""
    return f"its balance fell by {money(one.lost_micros)} {since}, {money(one.ours_micros)} of it counted here{more}"


def problem_text(found: wire.Bills) -> str:
    """What differs, for an error; empty where nothing does."""
    differing = [row.name for row in found.rows if row.is_beyond]
    accounts = [one.provider for one in found.accounts if one.is_beyond]
    parts = [f"the bill differs for {plural(len(differing), 'session')}: {', '.join(differing)}"] if differing else []
    parts += [f"more was spent than counted at {', '.join(accounts)}"] if accounts else []
    return "; ".join(parts)
