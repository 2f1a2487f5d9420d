"""What can be completed after each command, as values: read from click, so that no option is forgotten.

A *kind* says what a value may be: `=a,b` these words, `file`, `gpu`, `session` (open), `any` (ended ones too),
`remote` (`NAME:`, a path there, or a file), `run` (of the session before it), `offer`, `cloud`, `consumer`, `budget`,
`channel`, `alarm` (its number), `backup`, `tag` (`key=value`), `tag_key`, or empty: nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import click

from gpushopper.cli.commands.completion.known_values import ARGUMENTS, OPTIONS, WAIT_STATES, listed
from gpushopper.cli.input.command_classes import Command, Group, load, output_options
from gpushopper.cli.input.help_topics import TOPICS
from gpushopper.core.model.run_folder import FOLDER

SSH_OPTIONS = "-o BatchMode=yes -o ConnectTimeout=2 -o LogLevel=QUIET"
"""How the scripts ask an instance: over the connection that is open, or a new one that asks for nothing."""
LIST_RUNS = f"ls -1t {FOLDER} 2>/dev/null | head -n 50"
LIST_PATHS = "ls -1dp -- {}* 2>/dev/null | head -n 200"
"""Run there, with the beginning of a path in place of the braces; a folder ends in a slash."""

ANY = frozenset({"get", "receipt", "why", "logs", "report", "custody", "ls"})
"""Commands that also take the name of an ended session."""


@dataclass(frozen=True, slots=True)
class Completed:
    """One command: its verbs with their help, its options with the kind of their value (None: a flag), arguments.

    One with verbs and arguments, as `run` is, takes either.
    """

    path: str
    verbs: dict[str, str] = field(default_factory=dict)
    options: dict[str, str | None] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    """The kind of each; one that may be repeated ends in `...`."""


def common() -> dict[str, str | None]:
    """The options of every command."""
    shown = [each for each in output_options(hidden=False) if isinstance(each, click.Option)]
    return {"--help": None, "-h": None} | {
        name: None if each.is_flag else _kind(each, "") for each in shown for name in each.opts
    }


def tree(root: click.Group) -> list[Completed]:
    """Every command of the program that is shown in help, the program itself first."""
    return list(_below(root, "", click.Context(root, info_name="gpu-shopper")))


def _below(command: click.Command, path: str, ctx: click.Context) -> list[Completed]:
    verbs, found = {}, []
    options, arguments = _options(command, path), _arguments(command, path, ctx)
    for name, verb in verbs_of(command, ctx).items():
        verbs[name] = verb.get_short_help_str(200)
        inner = click.Context(verb, parent=ctx, info_name=name)
        found += _below(verb, f"{path} {name}".strip(), inner)
    if isinstance(command, Group) and command.default and (default := command.get_command(ctx, command.default)):
        options = {**_options(default, path), **options}
    return [Completed(path, verbs, options, arguments), *found]


def verbs_of(command: click.Command, ctx: click.Context) -> dict[str, click.Command]:
    """The commands below this one that are shown in help."""
    if isinstance(command, click.Group):
        named = {name: command.get_command(ctx, name) for name in command.list_commands(ctx)}
    else:
        named = {name: load(target) for name, target in command.verbs.items()} if isinstance(command, Command) else {}
    return {name: verb for name, verb in named.items() if verb is not None and not verb.hidden}


def _options(command: click.Command, path: str) -> dict[str, str | None]:
    own = [each for each in command.params if isinstance(each, click.Option)]
    return {
        name: None if each.is_flag or each.count else _kind(each, path)
        for each in own
        for name in (*each.opts, *each.secondary_opts)
        if not (path == "" and name in common())
    }


def _kind(option: click.Option, path: str) -> str:
    if path == "wait" and option.name == "wanted":
        return WAIT_STATES
    if path.startswith("budget") and option.name == "session":
        return ""
    if isinstance(option.type, click.Choice):
        return listed(option.type.choices)
    return next((OPTIONS[name] for name in option.opts if name in OPTIONS), "")


def _arguments(command: click.Command, path: str, ctx: click.Context) -> tuple[str, ...]:
    root = ctx.find_root().command
    if path == "help" and isinstance(root, click.Group):
        return (listed([*root.list_commands(ctx), *TOPICS]),)
    found = [each for each in command.params if isinstance(each, click.Argument)]
    return tuple(f"{_argument(each, path)}{'...' if each.nargs == -1 else ''}" for each in found)


def _argument(argument: click.Argument, path: str) -> str:
    if isinstance(argument.type, click.Choice):
        return listed(argument.type.choices)
    first, last = path.split(" ", maxsplit=1)[0], path.rsplit(" ", maxsplit=1)[-1]
    name = argument.name or ""
    if (first, name) in ARGUMENTS:
        return ARGUMENTS[first, name]
    if name in ("name", "names") and first not in ("budget", "consumers", "notify", "keys"):
        return "any" if last in ANY else "session"
    return "file" if name in ("local", "here") else ""
