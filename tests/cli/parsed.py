"""A command line through the real parser, without running it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from gpushopper.cli import new_app, root
from gpushopper.cli.input.command_classes import with_fields


def parse_line(words: Sequence[str]) -> str:
    """Parse the words after `gpu-shopper` to the last verb; its full name.

    Raises:
        click.UsageError: the parser does not take them.
    """
    try:
        ctx = root.make_context("gpu-shopper", with_fields(list(words)), obj=new_app())
        return _rest(root, ctx)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):  # help is what they print
        return "--help"


def _rest(command: click.Command, ctx: click.Context) -> str:
    if not isinstance(command, click.Group):
        return ctx.command_path
    _, verb, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
    assert verb is not None
    return _rest(verb, verb.make_context(verb.name, rest, parent=ctx, obj=ctx.obj))
