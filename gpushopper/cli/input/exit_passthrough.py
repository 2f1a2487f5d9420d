"""Commands that pass on a status from the instance: all that is not its own is 125 (architecture 10)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from gpushopper.cli.input.command_classes import Command
from gpushopper.errors import ShopperError, UsageError

OWN_FAILURE = 125
_REST = "gpushopper.rest"


class WithCommand(Command):
    """A command whose words after `--` are another command, whatever they look like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        cut = args.index("--") if "--" in args else len(args)
        ctx.meta[_REST] = tuple(args[cut + 1 :])
        return super().parse_args(ctx, args[:cut])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


class Passing(WithCommand):
    """Such a command, whose exit status is that of the other one."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _own_failures():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _own_failures():
            return super().invoke(ctx)


def words_after_dashes() -> tuple[str, ...]:
    """The words after `--` of the command that runs now."""
    found: tuple[str, ...] = click.get_current_context().meta[_REST]
    return found


@contextmanager
def _own_failures() -> Iterator[None]:
    try:
        yield
    except ShopperError as error:
        error.exit_code = OWN_FAILURE
        raise
    except click.ClickException as error:
        failure = UsageError(error.format_message().rstrip("."), "put -- before a command for the instance")
        failure.exit_code = OWN_FAILURE
        raise failure from error
