"""Exit status pass-through of `ssh` and `run`: the remote command's status, or 125 for our own failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.terminal_text import in_our_form
from gpushopper.errors import ShopperError, UsageError

OWN_FAILURE = 125
"""Exit status of `ssh` and `run` when they fail before or beside the remote command."""
_AFTER_DASHES = "gpushopper.after_dashes"


class ExitPassthroughCommand(Command):
    """A command with a remote command after `--`, whose exit status it returns; its own errors exit with 125."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta[_AFTER_DASHES] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _errors_exit_125():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _errors_exit_125():
            return super().invoke(ctx)


def remote_command() -> tuple[str, ...]:
    """The arguments after `--` of the current command."""
    found: tuple[str, ...] = click.get_current_context().meta[_AFTER_DASHES]
    return found


@contextmanager
def _errors_exit_125() -> Iterator[None]:
    try:
        yield
    except ShopperError as error:
        error.exit_code = OWN_FAILURE
        raise
    except click.ClickException as error:
        failure = UsageError(in_our_form(error.format_message()), "put -- before a command for the instance")
        failure.exit_code = OWN_FAILURE
        raise failure from error
