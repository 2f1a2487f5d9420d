"""Rows as CSV for spreadsheets: the fields of the JSON output, money in dollars, times as RFC 3339."""

from __future__ import annotations

import csv
import io
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gpushopper.cli.output import json_output
from gpushopper.cli.output.documents import shapes
from gpushopper.errors import UsageError

FORMULA = ("=", "+", "-", "@")
"""What begins so is a formula to a spreadsheet; a name must not be one."""
CELLS = (str, int, float, bool, list[str], dict[str, str], Any)
"""Types that are one cell; fields of others are in JSON alone."""


def check(command: str) -> None:
    """Refuse CSV before a command has done anything.

    Raises:
        UsageError: it prints no table.
    """
    if not shapes.prints_rows(command):
        raise no_table(command)


def no_table(words: str) -> UsageError:
    """What a command says, or one of its forms such as `audit log --verify`, that prints no table."""
    return UsageError(f"{words} has no table for -o csv", "use --json, or -o jsonl", code="no_table")


def of_rows(command: str, noun: str, items: Sequence[Any], fields: tuple[str, ...] | None) -> str:
    """The rows of a command's table, with the fields that were asked for; the heading is there without rows too.

    Raises:
        UsageError: a field is unknown, or no cell.
    """
    converted = [json_output.to_json_fields(item) for item in items]
    known = [name for name, hint in shapes.columns(command, noun) if is_cell(hint) and not name.endswith("_micros")]
    known = known or [name for name, value in (converted or [{}])[0].items() if not isinstance(value, dict | list)]
    wrong = [name for name in fields or () if name not in known]
    if fields is not None and (wrong or not fields):
        text = f"no column {', '.join(wrong)}" if wrong else "name the columns"
        raise UsageError(text, f"one or several of: {','.join(known)}", code="fields")
    chosen = fields or known
    return _text(chosen, ([row.get(name) for name in chosen] for row in converted))


def of_fields(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> str:
    """A heading and one line for each row, of the named fields of an answer; amounts stand there in dollars alone."""

    def shown(row: Mapping[str, Any]) -> dict[str, Any]:
        found = json_output.to_json_fields(row)
        return {name: value for name, value in found.items() if not name.endswith("_micros")}

    return _text(shown(dict.fromkeys(fields)), (shown({name: row[name] for name in fields}).values() for row in rows))


def is_cell(hint: Any) -> bool:
    """Whether a value of this type, or none, fits into one cell."""
    arms = typing.get_args(hint) if typing.get_origin(hint) is types.UnionType else (hint,)
    return all(arm in CELLS for arm in arms if arm is not type(None))


def _text(heading: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().rstrip("\n")


def _cell(value: Any) -> Any:
    """`true` and `false` as JSON has them, several words with blanks between; what would be computed is quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        value = [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
