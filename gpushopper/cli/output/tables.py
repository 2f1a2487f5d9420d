"""Print rows in the chosen output format; tables coloured by rich on a terminal, plain aligned text elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from gpushopper.cli.app import App
from gpushopper.cli.output import json_output
from gpushopper.errors import UsageError

PIPE_WIDTH = 240
LEAST_WIDTH = 40
"""Narrower terminals are treated as ones of this width."""
_PADDING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")
"""Spaces after the last cell; where a table is wider than the terminal, they would show as empty lines."""
STYLES = {
    "running": "green", "ready": "green", "pending": "yellow", "provisioning": "yellow", "stopping": "yellow",
    "starting": "yellow", "failed": "red", "degraded": "red", "keyless": "red", "stopped": "dim", "foreign": "dim",
    "destroyed": "dim", "ours": "green", "ours_unknown": "red", "ok": "green",
    "problem": "red", "optional": "yellow",
}  # fmt: skip
"""Colours of status words; the word itself always says the same."""


class Column(NamedTuple):
    """A heading and how to read its cell from a row."""

    title: str
    value: Callable[[Any], object]
    right: bool = False
    wide: bool = False
    """Only shown with `-o wide`."""
    whole: bool = False
    """Never cut, as numbers are: names, ids, times, states, and what is as short."""
    short: Callable[[Any], object] | None = None
    """The same in fewer characters, where a terminal is too narrow."""
    spare: int = 0
    """Which column is left out where even that is too wide: 1 first; 0: never."""
    wraps: bool = False
    """A text that goes on in further lines where it has too little room, and is not cut."""
    brief: str = ""
    """The heading in fewer characters, where a terminal is too narrow; no heading is cut."""


def out(text: str) -> None:
    """Print a line of the answer on stdout."""
    print(text, flush=True)


def document(app: App, /, **fields: Any) -> None:
    """Print one JSON document; on one line where JSON lines are wanted."""
    out(json_output.document(fields, indent=_indent(app)))


def raw_document(app: App, fields: Mapping[str, Any]) -> None:
    """Print fields that have names of their own as one JSON document."""
    out(json_output.raw_document(fields, indent=_indent(app)))


def _indent(app: App) -> int | None:
    return None if app.output == "jsonl" else 2


def answer(app: App, shown: str, /, **fields: Any) -> None:
    """Print a text, or as JSON what it says."""
    if app.as_json:
        document(app, **fields)
    else:
        out(shown)


def rows(
    app: App,
    noun: str,
    items: Sequence[Any],
    columns: Sequence[Column],
    *,
    name: str = "name",
    **extra: Any,
) -> None:
    """Print rows in the chosen output format; `extra` are further fields of the JSON document."""
    if app.output == "json":
        document(app, **{noun: picked(app, items, noun)}, **extra)
    elif app.output == "jsonl":
        for line in json_output.lines(picked(app, items, noun)):
            out(line)
    elif app.output == "name":
        _names(items, name)
    elif app.output == "csv":
        csv(app, noun, items)
    elif items:
        table(app, items, columns)


def csv(app: App, noun: str, items: Sequence[Any]) -> None:
    """Print rows as CSV; their fields are those that the command's rows have in JSON under this noun."""
    from gpushopper.cli.output.documents import csv_output

    out(csv_output.of_rows(app.command, noun, items, app.fields))


def refuse_csv(app: App, form: str) -> None:
    """Refuse CSV for a form of a command, such as `audit log --verify`, whose other forms print a table.

    Raises:
        UsageError: CSV is wanted.
    """
    if app.output == "csv":
        from gpushopper.cli.output.documents.csv_output import no_table

        raise no_table(form)


def picked(app: App, items: Sequence[Any], noun: str = "") -> Sequence[Any]:
    """The rows with the fields that were asked for, as they are called in JSON.

    Raises:
        UsageError: one is unknown, or `--json=` asks which there are; the hint lists them.
    """
    if app.fields is None:
        return items
    whole = [json_output.to_json_fields(item) for item in items]
    known = list(dict.fromkeys(name for row in whole for name in row)) or _known_fields(app, noun)
    unknown = [name for name in app.fields if name not in known]
    if known and (unknown or not app.fields):
        text = f"no field {', '.join(unknown)}" if unknown else "name the fields"
        raise UsageError(text, f"one or several of: {','.join(known)}", code="fields")
    return [{name: row.get(name) for name in app.fields} for row in whole]


def _known_fields(app: App, noun: str) -> list[str]:
    """The fields that rows would have if there were any."""
    from gpushopper.cli.output.documents import shapes

    return shapes.names(app.command, noun)


def _names(items: Iterable[Any], name: str) -> None:
    from gpushopper.cli.terminal_text import clean

    for item in items:
        out(clean(item[name]))


def table(app: App, items: Iterable[Any], columns: Sequence[Column]) -> None:
    """Print a table on stdout; in a terminal that is too narrow for its columns, each row as labelled lines."""
    from gpushopper.cli.terminal_text import clean

    def text(value: object) -> str:
        return clean(app.with_sandbox_flag(str(value)))

    shown, rows = [column for column in columns if app.output == "wide" or not column.wide], list(items)
    if not app.is_terminal(sys.stdout) and app.color != "always":
        cells = [[text(column.value(item)) for column in shown] for item in rows]
        for line in plain([column.title for column in shown], cells, [column.right for column in shown]):
            out(line)
        return
    room = max(_columns(), LEAST_WIDTH) if app.is_terminal(sys.stdout) else PIPE_WIDTH
    kept, cells = narrowed(_used(shown, rows), rows, room, text, leaves=app.output != "wide")
    if _fits(kept, cells, room) or not app.is_terminal(sys.stdout):
        _rich(app, kept, cells, room)
        _note_left_out(app, [column.title for column in _used(shown, rows) if column.title not in _titles(kept)])
    else:
        _cards(shown, rows, text)


def _used(columns: Sequence[Column], items: Sequence[Any]) -> list[Column]:
    """The columns that are not empty in every row: somebody at a terminal learns nothing from those."""
    return [column for column in columns if not items or any(str(column.value(item)) for item in items)]


def _titles(columns: Sequence[Column]) -> set[str]:
    return {column.title for column in columns}


def _cards(columns: Sequence[Column], items: Sequence[Any], text: Callable[[object], str]) -> None:
    """Each row as labelled lines, with an empty line between two rows."""
    for place, item in enumerate(items):
        if place:
            out("")
        facts((column.title, text(column.value(item))) for column in columns if column.title or column is columns[0])


def narrowed(
    columns: Sequence[Column],
    items: Sequence[Any],
    room: int,
    text: Callable[[object], str],
    *,
    leaves: bool = True,
) -> tuple[list[Column], list[list[str]]]:
    """The columns that have room, and their cells.

    Where it is too little, short values and headings; then, if columns may leave, without spare columns.
    """
    kept = list(columns)
    for short in (False, True):
        cells = [[text(((column.short if short else None) or column.value)(item)) for column in kept] for item in items]
        if _fits(kept, cells, room, brief=short):
            return kept, cells
    for spare in sorted((column for column in kept if column.spare), key=lambda column: column.spare):
        if not leaves:
            break
        place = kept.index(spare)
        kept.pop(place)
        cells = [line[:place] + line[place + 1 :] for line in cells]
        if _fits(kept, cells, room):
            break
    return kept, cells


def headings(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> list[str]:
    """The headings, in full where there is room for that."""
    if _fits(columns, cells, room, brief=False):
        return [column.title for column in columns]
    return [column.brief or column.title for column in columns]


def _fits(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int, *, brief: bool = True) -> bool:
    from gpushopper.cli.output.column_widths import narrowest

    titles = [(column.brief if brief else "") or column.title for column in columns]
    return narrowest(titles, cells, [column.right or column.whole for column in columns]) <= room


def _note_left_out(app: App, titles: Sequence[str]) -> None:
    if named := ", ".join(filter(None, titles)):
        app.note(f"no room for {named}: -o wide shows all columns")


def plain(titles: list[str], cells: list[list[str]], right: list[bool]) -> list[str]:
    """Headings and rows, aligned."""
    return aligned([titles, *cells], right)


def aligned(grid: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Align columns with two spaces between them, nothing after the last."""
    widths = [max(len(line[place]) for line in grid) for place in range(len(right))] if grid else []
    lines = []
    for line in grid:
        padded = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _rich(app: App, columns: Sequence[Column], cells: list[list[str]], room: int) -> None:
    """The same table with rich, which is imported only here: it costs 40 ms."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gpushopper.cli.output.column_widths import fit

    colored = app.has_color(sys.stdout)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    titles, kept = headings(columns, cells, room), [column.right or column.whole for column in columns]
    widths = fit(titles, cells, kept, room)
    for column, title, width in zip(columns, titles, widths, strict=True):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        # A word that is longer than the column, such as a path or a command, stays whole: half of one is of no use.
        whole = {"min_width": width} if column.wraps else {"width": width}
        grid.add_column(Text(title), justify=justify, no_wrap=True, **whole)  # type: ignore[arg-type]
    for line in _broken(columns, cells, widths):
        grid.add_row(*(Text(cell, style=STYLES.get(cell.partition(" ")[0], "")) for cell in line))
    console = Console(
        file=sys.stdout,
        force_terminal=colored,
        no_color=not colored,
        highlight=False,
        width=max(room, PIPE_WIDTH),
    )
    with console.capture() as printed:
        console.print(grid)
    for shown in printed.get().splitlines():
        out(_PADDING.sub(r"\1", shown))


def _broken(columns: Sequence[Column], cells: Iterable[Sequence[str]], widths: Sequence[int]) -> Iterator[list[str]]:
    """The cells, those of columns that wrap as several lines: broken between words, and not inside a command."""
    from gpushopper.cli.terminal_text import wrapped

    for line in cells:
        yield [
            "\n".join(part.strip() for part in wrapped(cell, width)) if column.wraps else cell
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print labelled lines, the labels aligned; empty values are left out."""
    from gpushopper.cli.terminal_text import clean

    kept = [(label, clean(value)) for label, value in pairs if value not in (None, "")]
    width = max((len(label) for label, _ in kept), default=0)
    room = max(_columns(), LEAST_WIDTH) - width - 2
    for label, value in kept:
        first, *others = _lines(value, room)
        out(f"{label.ljust(width)}  {first}")
        for line in others:
            out(f"{'':{width}}  {line.strip()}")


def sentences(lines: Iterable[str]) -> None:
    """Print each on a line of its own, broken between words where a terminal is narrower."""
    for line in lines:
        for shown in _lines(line, _columns()):
            out(shown)


def _columns() -> int:
    """Of the terminal, or of COLUMNS. Asked by the tables of people alone: shutil costs 2 ms to import."""
    from shutil import get_terminal_size

    return get_terminal_size().columns


def _lines(text: str, room: int) -> list[str]:
    """A text as lines of so many characters on a terminal, as one elsewhere."""
    try:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
    except ValueError:
        is_terminal = False  # closed
    if not is_terminal:
        return [text]
    from gpushopper.cli.terminal_text import wrapped

    return wrapped(text, room)
