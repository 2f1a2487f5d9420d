"""Edit one table of a TOML text; every other byte stays, comments included."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
"""The names of a table from the outside in: `[registry."ghcr.io"]` is ("registry", "ghcr.io")."""

_HEADER = re.compile(r"\s*\[")
_STRING = re.compile(r"""(?P<before>[^=]*=\s*)(?:"(?!"")(?:[^"\\\n]|\\.)*"|'(?!'')[^'\n]*')(?P<after>\s*(?:#.*)?\s*)""")


@dataclass(frozen=True, slots=True)
class _Part:
    """A blank line or comment (`path` and `key` are None), a table's header, or one `key = value` of any length."""

    text: str
    path: Path | None = None
    key: str | None = None


def set_table(text: str, table: Path, fields: Mapping[str, str | None], *, before: str) -> str:
    """Set these fields of a table, or remove those that are None; a new table is put before the first table `before`.

    The text must be valid TOML. The caller checks that the result parses to what it expects.
    """
    parts = list(_parts(text))
    heads = [number for number, part in enumerate(parts) if part.path == table]
    if not heads:
        lines = [f"{name} = {quote(value)}\n" for name, value in fields.items() if value is not None]
        return _with_new(parts, table, lines, before)
    start, end = heads[0] + 1, _end_of(parts, heads[0])
    body = [changed for part in parts[start:end] if (changed := _changed(part, fields)) is not None]
    there = {part.key for part in parts[start:end]}
    added = [_Part(f"{name} = {quote(value)}\n") for name, value in fields.items() if value and name not in there]
    head = parts[heads[0]]
    head = head if head.text.endswith("\n") else _Part(f"{head.text}\n", head.path)
    return _joined([*parts[: heads[0]], head, *added, *body, *parts[end:]])


def set_key(text: str, table: Path, key: str, literal: str | None) -> str:
    """Set one key of a table to a TOML literal, or remove it where that is None; a new table is put at the end.

    The text must be valid TOML. The caller checks that the result parses to what it expects.
    """
    parts = list(_parts(text))
    head = next((number for number, part in enumerate(parts) if part.path == table), None)
    new = [] if literal is None else [_Part(f"{key} = {literal}\n", key=key)]
    if head is None:
        return _with_new(parts, table, [part.text for part in new], before="") if new else text
    end = _end_of(parts, head)
    at = next((number for number in range(head + 1, end) if parts[number].key == key), None)
    if at is None:
        top = parts[head]
        parts[head] = top if top.text.endswith("\n") else _Part(f"{top.text}\n", top.path)
        return _joined([*parts[: head + 1], *new, *parts[head + 1 :]])
    return _joined([*parts[:at], *new, *parts[at + 1 :]])


def remove_table(text: str, table: Path) -> str:
    """Remove a table, with the tables in it and the blank lines after it; comments above the next one stay."""
    parts = list(_parts(text))
    while (at := next((n for n, p in enumerate(parts) if p.path and p.path[: len(table)] == table), None)) is not None:
        end = _end_of(parts, at)
        last = max((n for n in range(at, end) if parts[n].key is not None), default=at)
        while last + 1 < end and not parts[last + 1].text.strip():
            last += 1
        del parts[at : last + 1]
    return _joined(parts)


def quote(text: str) -> str:
    """A TOML basic string; our values are printable ASCII, so only two characters need an escape."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parts(text: str) -> Iterator[_Part]:
    """Split the text. A value may have several lines: a part ends where it is valid TOML by itself."""
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        try:
            tree = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        is_header = _HEADER.match(pending) is not None
        yield _Part(pending, _names(tree) if is_header else None, None if is_header else next(iter(tree), None))
        pending = ""
    if pending:
        yield _Part(pending)


def _names(tree: Any) -> Path:
    """The path in the parsed header. An array of tables (`[[x]]`) ends in a list."""
    names: list[str] = []
    while isinstance(tree, dict) and tree:
        ((name, tree),) = tree.items()
        names.append(name)
    return (*names, "[]") if isinstance(tree, list) else tuple(names)


def _end_of(parts: Sequence[_Part], head: int) -> int:
    return next((n for n in range(head + 1, len(parts)) if parts[n].path is not None), len(parts))


def _changed(part: _Part, fields: Mapping[str, str | None]) -> _Part | None:
    if part.key is None or part.key not in fields:
        return part
    value = fields[part.key]
    if value is None:
        return None
    plain = _STRING.fullmatch(part.text)
    return part if plain is None else _Part(f"{plain['before']}{quote(value)}{plain['after']}", key=part.key)


def _with_new(parts: list[_Part], table: Path, lines: Sequence[str], before: str) -> str:
    at = next((n for n, part in enumerate(parts) if part.path and part.path[0] == before), len(parts))
    while 0 < at < len(parts) and parts[at - 1].text.lstrip().startswith("#"):
        at -= 1  # a comment belongs to the table below it
    head = ".".join(name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quote(name) for name in table)
    above = _joined(parts[:at])
    gap = "" if not above or above.endswith(("\n\n", "\r\n\r\n")) else "\n" if above.endswith("\n") else "\n\n"
    return "".join([f"{above}{gap}[{head}]\n", *lines, "\n", _joined(parts[at:])])


def _joined(parts: Sequence[_Part]) -> str:
    return "".join(part.text for part in parts)
