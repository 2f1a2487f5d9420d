"""Values that the shell completes with Tab as a running daemon knows them: consumers, budgets, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from gpushopper.cli.app import App
from gpushopper.errors import ShopperError

if TYPE_CHECKING:
    from gpushopper.client import Client

PATIENCE_S = 1.0
"""Whoever presses Tab waits no longer for the daemon."""


def consumers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Whom sessions are charged to."""
    return _of_daemon(ctx, incomplete, lambda client: [each.name for each in client.consumers().consumers])


def budgets(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The budgets by name."""
    return _of_daemon(ctx, incomplete, lambda client: [each.name for each in client.budgets().budgets])


def tags(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The tags that sessions have, as `key=value`."""
    return _of_daemon(ctx, incomplete, _tags)


def tags_and_keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Those, and their keys alone: what sessions can be chosen by."""
    return _of_daemon(ctx, incomplete, lambda client: [tag.partition("=")[0] for tag in _tags(client)] + _tags(client))


def _tags(client: Client) -> list[str]:
    keys = [str(group["key"]) for group in client.costs(by="tag").groups]  # type: ignore[index]
    return [key for key in keys if "=" in key]  # but for those without a tag


def _of_daemon(ctx: click.Context, incomplete: str, ask: Callable[[Client], Iterable[str]]) -> list[str]:
    """What a running daemon tells; nothing where none runs or it is busy, for Tab starts and reports nothing."""
    app = ctx.find_object(App)
    if app is None:
        return []
    try:
        found = list(ask(app.client_without_start(PATIENCE_S)))
    except ShopperError:
        return []
    return sorted({name for name in found if name.startswith(incomplete)})
