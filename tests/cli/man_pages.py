"""Writes man/: a page for each command, made of its help: `python -m tests.cli.man_pages` (`make man`)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from gpushopper import __version__
from gpushopper.cli import root as program
from gpushopper.cli.input import examples
from gpushopper.cli.input.command_classes import output_options
from gpushopper.cli.input.help_topics import TOPICS

FOLDER = Path(__file__).resolve().parents[2] / "man"
PROGRAM = "gpu-shopper"


def pages() -> dict[str, str]:
    """The name of every page's file, and its text."""
    root = click.Context(program, info_name=PROGRAM, terminal_width=80)
    found = {f"{PROGRAM}.1": _page(_program(root), PROGRAM, "rent GPUs from several marketplaces safely")}
    for name, command in _verbs(root):
        inner = click.Context(command, parent=root, info_name=name)
        title = f"{PROGRAM}-{name}"
        found[f"{title}.1"] = _page(_command(inner), title, command.get_short_help_str(200))
    return found


def _page(body: Iterator[str], title: str, summary: str) -> str:
    head = [f'.TH "{title.upper()}" 1 "" "GPU Shopper {__version__}" "GPU Shopper"', ".SH NAME"]
    return "\n".join([*head, f"{_safe(title)} \\- {_safe(summary.rstrip('.'))}", *body]) + "\n"


def _program(ctx: click.Context) -> Iterator[str]:
    yield from [".SH SYNOPSIS", f".B {_safe(PROGRAM)}", "[\\fIOPTIONS\\fR] \\fICOMMAND\\fR ..."]
    yield from [".SH DESCRIPTION", *_paragraphs(ctx.command.help or "")]
    yield ".SH COMMANDS"
    for name, command in _verbs(ctx):
        yield from [".TP", f".BR {_safe(PROGRAM)}\\-{_safe(name)} (1)", _safe(command.get_short_help_str(200))]
    yield ".SH OPTIONS"
    for option in output_options(hidden=False):
        yield from _option(option, ctx)
    for name, (_, text) in TOPICS.items():
        yield from [f'.SH "{name.upper().replace("-", " ")}"', *_as_it_stands(text.splitlines())]


def _command(ctx: click.Context) -> Iterator[str]:
    yield from [".SH SYNOPSIS", *_usage(ctx)]
    if found := examples.of(ctx.info_name or ""):
        yield from [".SH EXAMPLES", *_as_it_stands(found)]
    yield from [".SH DESCRIPTION", *_paragraphs(ctx.command.help or "")]
    yield from _options(ctx, ".SH OPTIONS")
    for name, verb in _verbs(ctx):
        inner = click.Context(verb, parent=ctx, info_name=name)
        yield from [f'.SH "{inner.command_path.removeprefix(PROGRAM).strip().upper()}"', *_usage(inner)]
        yield from [".PP", *_paragraphs(verb.help or ""), *_options(inner, ".SS Options")]
        for deeper, last in _verbs(inner):
            lowest = click.Context(last, parent=inner, info_name=deeper)
            yield from [f'.SS "{lowest.command_path.removeprefix(PROGRAM).strip()}"', *_usage(lowest)]
            yield from [".PP", *_paragraphs(last.help or ""), *_options(lowest, ".PP\nOptions:")]
    yield from [".SH SEE ALSO", _safe("Options of every command, such as --json:"), f".BR {_safe(PROGRAM)} (1)"]


def _verbs(ctx: click.Context) -> list[tuple[str, click.Command]]:
    """The commands below one, as its help lists them."""
    if not isinstance(ctx.command, click.Group):
        return []
    found = [(name, ctx.command.get_command(ctx, name)) for name in ctx.command.list_commands(ctx)]
    return [(name, verb) for name, verb in found if verb is not None and not verb.hidden]


def _usage(ctx: click.Context) -> list[str]:
    return [f".B {_safe(ctx.command_path)}", _safe(" ".join(ctx.command.collect_usage_pieces(ctx)))]


def _options(ctx: click.Context, heading: str) -> Iterator[str]:
    """The command's own options under a heading; nothing where it has none."""
    own = [each for each in ctx.command.get_params(ctx) if isinstance(each, click.Option) and "--help" not in each.opts]
    shown = [each for each in own if each.get_help_record(ctx) is not None]
    if shown:
        yield heading
    for option in shown:
        yield from _option(option, ctx)


def _option(option: click.Parameter, ctx: click.Context) -> list[str]:
    names, text = option.get_help_record(ctx) or ("", "")
    return [".TP", f".B {_safe(names)}", _safe(" ".join(text.split()))]


def _paragraphs(text: str) -> Iterator[str]:
    for number, part in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text).strip())):
        if number:
            yield ".PP"
        yield _safe(" ".join(part.replace("\b", "").split()))


def _as_it_stands(lines: list[str]) -> Iterator[str]:
    yield from [".nf", *map(_safe, lines), ".fi"]


def _safe(text: str) -> str:
    """Text that roff prints as it is: hyphens that can be copied, no escape, no request at the start of a line."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for former in FOLDER.glob("*.1"):
        former.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
