"""`inventory`: list the offers of all clouds, cheapest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpushopper.cli.app import App
from gpushopper.cli.input.command_classes import Command, add_options
from gpushopper.cli.input.options import SEARCH, load_settings, search_request
from gpushopper.cli.output import tables
from gpushopper.cli.output.offer_table import COLUMNS, note_unstated
from gpushopper.cli.output.text_format import plural
from gpushopper.core.model.offer import SORTS
from gpushopper.errors import ProviderFailed

if TYPE_CHECKING:
    from gpushopper.wire import Inventory


@click.command("inventory", cls=Command)
@add_options(SEARCH)
@click.option("--sort", type=click.Choice(SORTS), help="Order (default price).")
@click.option("--limit", type=click.IntRange(1, 100_000), metavar="N", help="Show so many (default 20).")
@click.pass_obj
def inventory(app: App, /, sort: str | None, limit: int | None, **filters: Any) -> None:
    """Show the offers of all clouds, cheapest first.

    $/HR is GPU and disk together, for the requested disk; traffic comes on top (-o wide shows it).
    """
    defaults = load_settings(app).inventory
    request = search_request(
        defaults, filters, sort=sort or defaults.sort or "price", limit=limit or defaults.limit or 20
    )
    found = app.client.inventory(request)
    extra = {
        "total": found.total,
        "more": found.more,
        "unavailable": found.unavailable,
        "invalid_prices": found.invalid_prices,
        "unstated": found.unstated,
    }
    tables.rows(app, "offers", found.offers, COLUMNS, name="key", **extra)
    _remarks(app, found)


def _remarks(app: App, found: Inventory) -> None:
    for name, why in found.unavailable.items():
        if not app.as_json:
            app.note(f"{name} did not answer: {why}")
    if found.unavailable and not found.offers:
        raise ProviderFailed("no cloud answered", "see: gpu-shopper status")
    if app.output not in ("table", "wide"):
        return
    if not found.offers:
        app.note("No offer matches.")
    elif found.more or found.total > len(found.offers):
        app.note(f"{_share(len(found.offers), found.total, more=found.more)}; --limit shows more.")
    if found.invalid_prices:
        app.note(f"{plural(found.invalid_prices, 'offer')} left out: the price is zero or implausible.")
    note_unstated(app, found.unstated)


def _share(shown: int, total: int, *, more: bool) -> str:
    """How many of the offers are shown; `more`: the clouds have more than the `total` that was read."""
    if shown == total:
        return f"The first {shown}, and there are more"
    return f"The first {shown} of {'more than ' if more else ''}{total}"
