"""Rows as CSV for spreadsheets: the fields of the JSON output, money in dollars, times as RFC 3339."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from gpushopper.cli.output import json_output, tables

FORMULA = ("=", "+", "-", "@")
"""What begins so is a formula to a spreadsheet; a name must not be one."""


def print_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print a heading and one line for each row, of the named fields of an answer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_shown(dict.fromkeys(columns)))
    for row in rows:
        writer.writerow(_shown({name: row[name] for name in columns}).values())
    tables.out(text.getvalue().rstrip("\n"))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as JSON has them, without micro-dollars: each amount stands there in dollars too."""
    fields = json_output.to_json_fields(row)
    return {name: _safe(value) for name, value in fields.items() if not name.endswith("_micros")}


def _safe(value: Any) -> Any:
    """`true` and `false` as JSON has them; text that a spreadsheet would compute is quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
