"""click classes of all commands: lazy import, output options (-o, --json, --sandbox) before or after the name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from gpushopper.cli.app import FORMATS, LOCAL, App

_OPTION = re.compile(r"-{1,2}[a-zA-Z-]{1,20}")
SAME_VERBS = {"ls": "list", "list": "ls", "rm": "remove", "remove": "rm"}
"""A verb that a noun lacks, and what it is called there: `keys ls`, `budget list`."""
F = TypeVar("F", bound=Callable[..., Any])


def _app(ctx: click.Context) -> App:
    found = ctx.find_object(App)
    assert found is not None, "the root command needs an App as its object"
    return found


def _store(name: str, fixed: object = None) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Build the callback that stores an option's value in the App."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None and value is not False:
            setattr(_app(ctx), name, value if fixed is None else fixed)

    return callback


def _store_fields(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Keep the fields that were named, and choose JSON, unless JSON lines or CSV are chosen."""
    if value is not None:
        app = _app(ctx)
        app.fields = tuple(word.strip() for word in value.split(",") if word.strip())
        app.output = app.output if app.output in ("jsonl", "csv") else "json"


def with_fields(args: list[str]) -> list[str]:
    """`--json=A,B` as `--fields A,B`, up to `--` or `exec NAME`: what follows that is another program's."""
    end = args.index("--") if "--" in args else len(args)
    command = next((place for place, word in enumerate(args) if not word.startswith("-")), end)
    end = command if args[command : command + 1] == ["exec"] else end
    return [
        f"--fields={word.removeprefix('--json=')}" if place < end and word.startswith("--json=") else word
        for place, word in enumerate(args)
    ]


def output_options(*, hidden: bool) -> list[click.Parameter]:
    """The options of every command; after the command's name they are accepted, but not listed in its help."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, hidden=hidden, default=None, **more)

    formats, colors = click.Choice(FORMATS), click.Choice(["auto", "always", "never"])
    steps = click.Choice(["auto", "plain", "json", "none"])
    fields_help = "JSON or CSV with these fields of each row (--json=A,B); --json= lists them."
    return [
        option("-o", "--output", type=formats, callback=_store("output"), help="Output format."),
        option("--json", is_flag=True, callback=_store("output", "json"), help="Same as -o json."),
        option("-q", "--quiet", is_flag=True, callback=_store("output", "name"), help="Same as -o name."),
        option("--fields", metavar="A,B", callback=_store_fields, help=fields_help),
        option("--progress", type=steps, callback=_store("progress"), help="Steps on stderr: lines, or JSON lines."),
        option("--color", type=colors, callback=_store("color"), help="When to colour."),
        option(
            "--sandbox", is_flag=True, callback=_store("use_sandbox", True),
            help="Use the sandbox instead of real clouds.",
        ),
        option("--host", metavar="SERVER", callback=_store("host"), help="Use the daemon of a lab server, over ssh."),
    ]  # fmt: skip


def add_options(options: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """Apply several option decorators, so that help lists them in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def load(target: str) -> click.Command | None:
    """Import the command that `module:attribute` names."""
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(f"gpushopper.cli.commands.{module}"), attribute)
    return found if isinstance(found, click.Command) else None


def format_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Examples first: most people look for a line to change, and read on only then."""
    if ctx.parent is None or ctx.parent.parent is not None:  # the program's own help, or that of a verb
        return
    from gpushopper.cli.input import examples

    if found := examples.of(ctx.info_name or ""):
        with formatter.section("Examples"):
            formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in found))


@contextmanager
def _hide_typed_words(ctx: click.Context) -> Iterator[None]:
    """Print an unknown option only if it looks like a mistyped one: in `keys set vast --KEY` it may be a key.

    Every error names this command, whose help the hint then shows.
    """
    try:
        yield
    except click.NoSuchOption as error:
        if _OPTION.fullmatch(error.option_name):
            raise
        raise click.UsageError("no such option", ctx) from None
    except click.UsageError as error:
        error.ctx = error.ctx or ctx  # the parser names none for an option without its value
        raise


class Command(click.Command):
    """A command that also takes the output options, and whose errors do not repeat what was typed (F103).

    Unless it `takes_bytes`, bytes in arguments that are not UTF-8 are replaced.
    """

    verbs: Mapping[str, str] = {}
    """Verbs of a command that takes arguments of its own, as `run` does; `module:attribute` of each."""

    def __init__(self, *args: Any, takes_bytes: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.takes_bytes = takes_bytes

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        taken = {text for each in own for text in each.opts}
        return [*own, *(each for each in output_options(hidden=True) if not taken & {*each.opts})]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; surplus arguments are counted, where click would print them: one may be a key."""
        if not self.takes_bytes:
            args = [word.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for word in args]
        takes_more, ctx.allow_extra_args = ctx.allow_extra_args, True
        with _hide_typed_words(ctx):
            rest = super().parse_args(ctx, args)
        ctx.allow_extra_args = takes_more
        if rest and not takes_more and not ctx.resilient_parsing:
            self.refuse_extra(ctx, len(rest))
        return rest

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        format_examples(ctx, formatter)
        super().format_help_text(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Check who owns the home folder, and that the output format can be had, then run the command."""
        app = _app(ctx)
        app.command = ctx.command_path.partition(" ")[2]
        home = app.check_home()
        if home.host:
            from gpushopper.cli.process.lab.hosts import KEEP_WATCH, refuse_what_is_local

            if app.host is None and app.command in KEEP_WATCH:
                app.host = LOCAL
            else:
                refuse_what_is_local(app.command, home)
        if app.output == "csv":
            from gpushopper.cli.output.documents import csv_output

            csv_output.check(app.command)
        return super().invoke(ctx)

    def refuse_extra(self, ctx: click.Context, count: int) -> None:
        """Fail because of surplus arguments, without printing them."""
        ctx.fail(f"{count} argument{'s' if count > 1 else ''} too many")


class Group(click.Group):
    """A noun with verbs; `default` is the verb to run when none is given.

    `lazy` maps further verbs to `module:attribute`; a module is imported when its verb is called.
    """

    command_class = Command

    def __init__(
        self, *args: Any, default: str | None = None, lazy: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.default = default
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            return load(self.lazy[cmd_name])
        return super().get_command(ctx, cmd_name)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *output_options(hidden=True)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs, and the options of the one that runs when none is given: they are typed without it, too."""
        super().format_options(ctx, formatter)
        verb = None if self.default is None else self.get_command(ctx, self.default)
        if verb is None:
            return
        with click.Context(verb, parent=ctx, info_name=self.default) as of_verb:
            records = [each.get_help_record(of_verb) for each in verb.params]
        if any(records):
            with formatter.section(f"Options of {self.default}, also without that word"):
                formatter.write_dl([record for record in records if record is not None])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if self.default and not {"--help", "-h"} & set(args) and not self._names_a_verb(args):
            args = [self.default, *args]
        with _hide_typed_words(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is not printed: it may be a key, as in `keys KEY`."""
        other = SAME_VERBS.get(args[0], "")
        if args[0] not in (known := self.list_commands(ctx)) and other in known:
            args = [other, *args[1:]]
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            if args[0].startswith("-"):
                raise
            verbs = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"no such verb: {self.name} has {verbs}", ctx) from None

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        format_examples(ctx, formatter)
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs, each with its whole first sentence: click would end a long one in `...`."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        lines = [(name, verb.get_short_help_str(200)) for name, verb in found if verb is not None and not verb.hidden]
        if lines:
            with formatter.section("Commands"):
                formatter.write_dl(lines)

    def _names_a_verb(self, args: list[str]) -> bool:
        words = [word for word in args if not word.startswith("-")]
        plain = bool(args) and not args[0].startswith("-")
        return plain or bool(words and words[0] in {*self.commands, *self.lazy})


class OutputPipeClosed(Exception):
    """The pipe that reads our output was closed (`| head`); not an error of the command."""


class LazyGroup(Group):
    """The root command: knows names and help lines from a table, and imports a command when it is called."""

    def __init__(self, *args: Any, table: Sequence[tuple[str, str, str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table
        """Section, name, `module:attribute`, help line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for _, name, _, _ in self.table]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for _, name, target, _ in self.table:
            if name == cmd_name:
                return load(target)
        return None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*click.Group.get_params(self, ctx), *output_options(hidden=False)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; suggest similar names for a mistyped one."""
        if args[0] not in self.list_commands(ctx):
            from gpushopper.cli.input import synonyms

            args = synonyms.expanded(args)
        try:
            return click.Group.resolve_command(self, ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            from gpushopper.cli.input import synonyms

            word = args[0]
            close = synonyms.meant(word) or get_close_matches(word, [*self.list_commands(ctx), *synonyms.COMMANDS], n=3)
            if close:
                from gpushopper.cli.terminal_text import either

                raise click.UsageError(f"no command {word}; did you mean {either(close)}?", ctx) from error
            if word.startswith("-"):
                raise
            # Print only what can be a mistyped command: anything else may be a key.
            shown = f" '{word}'" if word.isascii() and word.isalpha() and word.islower() and len(word) < 17 else ""
            raise click.UsageError(f"no such command{shown}", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click itself would exit with status 1 on a closed output pipe."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise OutputPipeClosed from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section from the table: `--help` imports no command."""
        width = max(len(name) for _, name, _, _ in self.table)
        for section in dict.fromkeys(section for section, *_ in self.table):
            with formatter.section(section):
                lines = [(name.ljust(width), text) for part, name, _, text in self.table if part == section]
                formatter.write_dl(lines)
