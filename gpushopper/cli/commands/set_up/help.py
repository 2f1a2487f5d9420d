"""`help`: the help of a command, or a text about a topic."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import click

from gpushopper.cli.app import App
from gpushopper.cli.input import synonyms
from gpushopper.cli.input.command_classes import Command
from gpushopper.cli.input.help_topics import TOPICS, text_of
from gpushopper.cli.output import tables
from gpushopper.cli.terminal_text import either
from gpushopper.errors import NotFound

LIST = "\n".join(f"  {name:<13}{line}" for name, (line, _) in TOPICS.items())


TEXT = f"Show the help of a command, or a text about a topic.\n\n\b\nTopics:\n{LIST}"


@click.command("help", cls=Command, help=TEXT)
@click.argument("words", nargs=-1, metavar="[COMMAND|TOPIC]")
@click.pass_context
def help_command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, or a text about a topic."""
    app: App = ctx.obj
    root = ctx.find_root()
    if not words:
        tables.out(f"{root.get_help()}\n\nTopics (gpu-shopper help TOPIC):\n{LIST}")
    elif words[0] in TOPICS and len(words) == 1:
        text = text_of(words[0])
        tables.answer(app, text, topic=words[0], text=text)
    else:
        tables.out(_found(root, words).get_help())


def _found(ctx: click.Context, words: Sequence[str]) -> click.Context:
    """The context of the command that the words name; a synonym stands for its command."""
    if words[0] in synonyms.COMMANDS:
        words = [*synonyms.COMMANDS[words[0]], *words[1:]]
    for place, word in enumerate(words):
        group = ctx.command
        command = group.get_command(ctx, word) if isinstance(group, click.Group) else None
        if command is None:
            if place:
                named = f"gpu-shopper {' '.join(words[:place])}"
                raise NotFound(f"{named} has no such command", f"see: {named} --help")
            close = get_close_matches(
                word, [*group.list_commands(ctx), *TOPICS] if isinstance(group, click.Group) else []
            )
            meant = [*synonyms.meant(word), *close][:3]
            hint = f"did you mean {either(meant)}?" if meant else "see: gpu-shopper help"
            raise NotFound("there is no such command or topic", hint)
        ctx = click.Context(command, parent=ctx, info_name=word)
    return ctx
