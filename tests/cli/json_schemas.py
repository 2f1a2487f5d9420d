"""JSON schemas of what commands print, made from their shapes: `python -m tests.cli.json_schemas` writes them."""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

from gpushopper.cli.app import SCHEMA
from gpushopper.cli.output import json_output
from gpushopper.cli.output.documents import shapes
from gpushopper.cli.output.documents.shapes import Fields, Shape

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
VIEWS = "views.json"
PLAIN = {str: "string", bool: "boolean", float: "number", int: "integer"}
DOLLARS = {"type": "string", "pattern": r"^-?\d+\.\d{6}$"}

Schema = dict[str, Any]


def of_type(kind: Any) -> Schema:
    """The schema of a value that is not itself a time, money or a span."""
    if kind is Any:
        return {}
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    match get_origin(kind):
        case types.UnionType:
            return _nullable(*(of_type(arm) for arm in get_args(kind) if arm is not type(None)))
        case origin if origin is list:
            return {"type": "array", "items": of_type(get_args(kind)[0])}
        case origin if origin is dict:
            return {"type": "object", "additionalProperties": _of_values(get_args(kind)[1])}
    assert is_dataclass(kind) or is_typeddict(kind), kind
    return {"$ref": f"{VIEWS}#/$defs/{kind.__name__}"}


def _of_values(kind: Any) -> Schema:
    """Values of a table: its keys may be those of spans, which are seconds in JSON."""
    return {"type": ["number", "null"]} if kind == int | None else of_type(kind)


def _nullable(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def of_field(field: str, hint: Any) -> dict[str, Schema]:
    """One field by its names in JSON: an amount of money is there twice."""
    if not shapes.is_amount(hint):
        return {field: of_type(hint)}
    found: dict[str, Schema] = {}
    for name, value in json_output.to_json_fields({field: 0}).items():
        schema: Schema = {"type": PLAIN[type(value)]}
        if isinstance(value, str):
            schema = DOLLARS if name.endswith("_usd") else {"type": "string", "format": "date-time"}
        found[name] = schema if hint is int else _nullable(schema)
    return found


def of_fields(fields: Fields, *, is_raw: bool = False) -> Schema:
    """An object; all its fields are required but those that may be absent. Raw ones are called as they are here."""
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for field, hint in fields.items():
        may_be_absent = get_origin(hint) is NotRequired
        kind = get_args(hint)[0] if may_be_absent else hint
        found = {field: of_type(kind)} if is_raw else of_field(field, kind)
        properties |= found
        required += [] if may_be_absent else found
    return {"type": "object", "properties": properties, "required": required}


def of_document(fields: Fields, *, is_raw: bool = False) -> Schema:
    """A whole document, with its schema number."""
    schema = of_fields(fields, is_raw=is_raw)
    properties = {"schema": {"const": SCHEMA}, **schema["properties"]}
    return {**schema, "properties": properties, "required": ["schema", *schema["required"]]}


def of_command(command: str, shape: Shape) -> Schema:
    """What one command prints with --json; under `$defs`, a line of -o jsonl."""
    documents = [of_document(fields, is_raw=shape.is_raw) for fields in shape.documents]
    schema: Schema = {"$schema": DRAFT, "title": f"gpu-shopper {command} --json"}
    schema |= documents[0] if len(documents) == 1 else {"anyOf": documents}
    if rows := [of_type(kind) for kind in dict.fromkeys(shape.lines.values())]:
        schema["$defs"] = {"line": rows[0] if len(rows) == 1 else {"anyOf": rows}}
    return schema


def views() -> Schema:
    """All rows and answers that documents are made of."""
    found: dict[str, Schema] = {}
    waiting = [*_kinds(shapes.ON_STDERR.values())]
    for shape in shapes.SHAPES.values():
        waiting += [*_kinds(shape.documents), *_kinds([shape.lines])]
    while waiting:
        kind = waiting.pop()
        if kind.__name__ not in found:
            hints = get_type_hints(kind, include_extras=True)
            about = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
            # Not what Python makes up, nor what is said of units: JSON has others.
            is_apt = about and not re.search(rf"^({kind.__name__}|dict)\(|µs|micro-dollar", about)
            found[kind.__name__] = {**({"description": about} if is_apt else {}), **of_fields(hints)}
            waiting += _kinds([hints])
    return {"$schema": DRAFT, "title": "Rows and answers", "$defs": dict(sorted(found.items()))}


def _kinds(tables: Any) -> Iterator[Any]:
    for table in tables:
        for hint in table.values():
            yield from _named(hint)


def _named(hint: Any) -> Iterator[Any]:
    if is_dataclass(hint) or is_typeddict(hint):
        yield hint
    for arm in get_args(hint):
        yield from _named(arm)


def file_of(command: str) -> str:
    """The file's name: `sessions list` is in sessions-list.json."""
    return f"{command.replace(' ', '-')}.json"


def files() -> Mapping[str, str]:
    """Every file of docs/schemas by its name."""
    schemas = {VIEWS: views()}
    for name, fields in shapes.ON_STDERR.items():
        schemas[f"{name}.json"] = {"$schema": DRAFT, "title": f"{name}, on stderr", **of_document(fields)}
    schemas |= {file_of(command): of_command(command, shape) for command, shape in shapes.SHAPES.items()}
    return {name: json.dumps(schema, indent=1) + "\n" for name, schema in schemas.items()}


def closed(schema: Any) -> Any:
    """The same schema, under which a field that it does not name is a fault: no answer has undocumented ones."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    return {"additionalProperties": False, **found} if "properties" in found else found


def main() -> int:
    """Write the files anew."""
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
