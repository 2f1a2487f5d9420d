"""Writes docs/openapi.json, and the part of docs/api.md below its mark: `python -m tests.daemon.api_reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from gpushopper import __version__
from gpushopper.daemon.api.dispatch import table, types_of
from gpushopper.daemon.api.openapi import MEANINGS, document
from gpushopper.wire.api.routes import COMMAND_ERRORS, COMMON_ERRORS

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE, DOCUMENT = DOCS / "api.md", DOCS / "openapi.json"
MARK = "<!-- What follows is made from the table of routes by tests/daemon/api_reference.py. -->\n"

Json = dict[str, Any]


def document_text() -> str:
    """The OpenAPI document as it is kept."""
    return json.dumps(document(__version__), indent=1, ensure_ascii=False) + "\n"


def guide_text() -> str:
    """The guide: what people have written, and below the mark what is made."""
    written, mark, _ = GUIDE.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{GUIDE} has lost its mark: {MARK}"
    return written + mark + "\n" + "\n".join(_reference(document(__version__))) + "\n"


def _reference(found: Json) -> Iterator[str]:
    yield from _routes(found)
    yield from ["", "## Errors", ""]
    yield "Any request can have the statuses " + ", ".join(map(str, COMMON_ERRORS)) + "; all but GET also "
    yield ", ".join(map(str, COMMAND_ERRORS)) + ". Further ones are in the tables above."
    yield from ["", "| status | meaning |", "|---|---|"]
    yield from (f"| {status} | {text} |" for status, text in MEANINGS.items())
    yield from [
        "",
        "## Types",
        "",
        "In a request, a field that is not *required* may be left out; its default is shown. Answers have all fields.",
    ]
    schemas = found["components"]["schemas"]
    for name in sorted(schemas):
        yield from _type(name, schemas[name])


def _routes(found: Json) -> Iterator[str]:
    rows = [(path, method, each) for path, methods in found["paths"].items() for method, each in methods.items()]
    yield "## Routes"
    for tag, group in groupby(sorted(rows, key=lambda row: row[2]["tags"][0]), lambda row: row[2]["tags"][0]):
        yield from ["", f"### {tag}", "", "| route | | who | takes | answers | errors |", "|---|---|---|---|---|---|"]
        for path, method, each in group:
            common = {*COMMON_ERRORS, *COMMAND_ERRORS}
            errors = ", ".join(
                status for status in each["responses"] if int(status) >= 400 and int(status) not in common
            )
            route = f"`{method.upper()} {path}`"
            yield f"| {route} | {each['summary']} | {each['x-who']} | {_takes(each)} | {_gives(each)} | {errors} |"


def _takes(operation: Json) -> str:
    query, body, _ = types_of(table()[operation["operationId"].upper()])
    kinds = [("query ", query), ("", body)]
    return ", ".join(f"{how}[{kind.__name__}](#{kind.__name__.lower()})" for how, kind in kinds if kind is not None)


def _gives(operation: Json) -> str:
    status, answer = next((s, a) for s, a in operation["responses"].items() if int(s) < 300)
    return f"{status} {_kind(next(iter(answer['content'].values()))['schema'])}"


def _type(name: str, schema: Json) -> Iterator[str]:
    yield from ["", f"### {name}", "", schema.get("description", "").replace("\n\n", " ").replace("\n", " ").strip()]
    yield from ["", "| field | type | | |", "|---|---|---|---|"]
    required = schema.get("required", ())
    for field, each in schema.get("properties", {}).items():
        default = "*required*" if field in required else f"`{json.dumps(each['default'])}`" if "default" in each else ""
        text = each.get("description", "").replace("|", "\\|")
        yield f"| `{field}` | {_kind(each)} | {default} | {text} |"


def _kind(schema: Json) -> str:
    """A type as people write it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        pair = schema.get("prefixItems")
        return "[" + ", ".join(map(_kind, pair)) + "]" if pair else f"list of {_kind(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(schema['additionalProperties'])}"
    return str(schema.get("type", "anything"))


if __name__ == "__main__":
    DOCUMENT.write_text(document_text(), encoding="utf-8")
    GUIDE.write_text(guide_text(), encoding="utf-8")
