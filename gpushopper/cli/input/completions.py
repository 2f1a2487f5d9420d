"""Values that the shell completes with Tab: clouds and regions, from tables, never from the network."""

from __future__ import annotations

import click

from gpushopper.core.spelling.regions import COUNTRIES, GROUPS


def clouds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The clouds of this installation."""
    from gpushopper import clouds as table  # reads what is installed

    return [name for name in table.known() if name.startswith(incomplete.lower())]


def regions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Groups, and countries by code and name, in the letters that were typed."""
    groups = ["EU", *(name.title() for name in GROUPS if name != "eu")]
    known = [*groups, *COUNTRIES, *COUNTRIES.values()]
    return [name for name in known if name.lower().startswith(incomplete.lower())]
