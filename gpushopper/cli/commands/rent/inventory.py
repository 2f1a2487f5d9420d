"""`inventory`: list the offers of all clouds, cheapest first, or how they spread over GPUs, clouds and countries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.options import SEARCH, load_settings, search_request
from gpushopper.cli.output import tables
from gpushopper.cli.output.offer_table import COLUMNS, group_columns, note_missing, note_unstated
from gpushopper.cli.output.text_format import plural
from gpushopper.core.model.offer import GROUPINGS, SORTS

if TYPE_CHECKING:
    from gpushopper.wire import Inventory


@click.command("inventory", cls=Command)
@add_options(SEARCH)
@click.option("--sort", type=click.Choice(SORTS), help="Order (default price); value: GPU memory per dollar.")
@click.option("--group-by", type=click.Choice(GROUPINGS), help="Show a line for each instead of the offers.")
@click.option("--offset", type=click.IntRange(0, 100_000), default=0, metavar="N", help="Leave out the first N.")
@click.option("--limit", type=click.IntRange(1, 100_000), metavar="N", help="Show so many (default 20).")
@click.pass_obj
def inventory(
    app: App, /, sort: str | None, group_by: str | None, offset: int, limit: int | None, **filters: Any
) -> None:
    """Show the offers of all clouds, cheapest first.

    $/HR is GPU and disk together, for the requested disk, vCPU and memory; traffic comes on top (-o wide shows it).
    A cloud that does not answer within 8 seconds is named, and the others' offers are shown.
    """
    defaults = load_settings(app).inventory
    order, many = sort or defaults.sort or "price", limit or defaults.limit or 20
    found = app.client.inventory(
        search_request(defaults, filters, sort=order, limit=many, offset=offset, group_by=group_by)
    )
    extra: dict[str, Any] = {
        "total": found.total,
        "more": found.more,
        "unavailable": found.unavailable,
        "missing": found.missing,
        "invalid_prices": found.invalid_prices,
        "unstated": found.unstated,
    }
    if group_by is not None:
        tables.rows(app, "groups", found.groups, group_columns(group_by), **extra)
    else:
        tables.rows(app, "offers", found.offers, COLUMNS, name="key", **extra)
    _remarks(app, found, offset, many, is_grouped=group_by is not None)


UNREAD = "there are more: name a GPU, a number of them or a country to see those that fit"


def _remarks(app: App, found: Inventory, offset: int, limit: int, *, is_grouped: bool) -> None:
    note_missing(app, found.missing)
    if app.output not in ("table", "wide"):
        return
    if not found.total:
        app.note(f"No offer matches among those that were read; {UNREAD}." if found.more else "No offer matches.")
    elif is_grouped:
        if found.more:
            app.note("There are more offers than were read.")
    elif found.more and len(found.offers) == found.total < limit:
        # It was time that cut the list, and a higher limit shows no more.
        app.note(f"{plural(found.total, 'offer')} found among those that were read; {UNREAD}.")
    elif found.more or found.total > len(found.offers):
        app.note(f"{_share(len(found.offers), found.total, offset, more=found.more)}; --limit shows more.")
    if found.invalid_prices:
        app.note(f"{plural(found.invalid_prices, 'offer')} left out: the price is zero or implausible.")
    note_unstated(app, found.unstated)


def _share(shown: int, total: int, offset: int, *, more: bool) -> str:
    """How many of the offers are shown; `more`: the clouds have more than the `total` that was read."""
    if shown == total:
        return f"The first {shown}, and there are more"
    which = f"The first {shown}" if not offset else f"Number {offset + 1} to {offset + shown}"
    return f"{which} of {'more than ' if more else ''}{total}"
