"""The fields that programs may rely on: names and types per document, frozen in `released_fields.json`.

`python -m tests.cli.released_fields` (part of `make schemas`) adds what is new; it never takes a field out or retypes
one. To do that on purpose, raise the schema number in `gpushopper/cli/app.py` and write the file anew by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cli import json_schemas

FILE = Path(__file__).with_suffix(".json")

Released = dict[str, dict[str, str]]


def of_schemas(schemas: Mapping[str, Any]) -> Released:
    """Type of each field, by the document that has it: `ls`, `get (2)` for a second form, `views SessionView`."""
    found: Released = {}
    for name, schema in schemas.items():
        title = name.removesuffix(".json")
        forms = schema.get("anyOf", [schema] if "properties" in schema else [])
        for number, form in enumerate(forms, 1):
            found[title if number == 1 else f"{title} ({number})"] = _fields(form)
        for row, form in schema.get("$defs", {}).items():
            if "properties" in form:
                found[f"{title} {row}"] = _fields(form)
            else:  # a line of -o jsonl
                found[f"{title} {row}"] = {each: "row" for each in _type(form).split("|")}
    return found


def _fields(form: Mapping[str, Any]) -> dict[str, str]:
    required = form["required"]
    return {name: _type(hint) + ("" if name in required else "?") for name, hint in form["properties"].items()}


def _type(hint: Mapping[str, Any]) -> str:
    """`string`, `string|null`, `string date-time`, `array of SessionView`; `any` where it may be anything."""
    if "anyOf" in hint:
        return "|".join(map(_type, hint["anyOf"]))
    if "$ref" in hint:
        return str(hint["$ref"]).rpartition("/")[2]
    if "const" in hint:
        return f"always {hint['const']}"
    kinds = hint.get("type", "any")
    words = "|".join(kinds) if isinstance(kinds, list) else str(kinds)
    if "items" in hint:
        return f"{words} of {_type(hint['items'])}"
    if isinstance(hint.get("additionalProperties"), dict):
        return f"{words} of {_type(hint['additionalProperties'])}"
    return f"{words}{' date-time' * ('format' in hint)}{' dollars' * ('pattern' in hint)}"


def broken(released: Released, now: Released) -> Iterator[str]:
    """What programs that were written for the released fields would miss, or find to be something else."""
    for document, fields in released.items():
        if document not in now:
            yield f"{document} is gone"
            continue
        for name, kind in fields.items():
            found = now[document].get(name, "gone")
            if found not in (kind, kind.removesuffix("?")):  # what may be absent may come to be there always
                yield f"{document}: {name} was {kind}, and is {found}"


def merged(released: Released, now: Released) -> Released:
    """The released fields and those that are new."""
    return {name: {**released.get(name, {}), **fields} for name, fields in {**released, **now}.items()}


def read() -> Released:
    found: Released = json.loads(FILE.read_text())
    return found


def present() -> Released:
    """As the shapes have them now."""
    return of_schemas({name: json.loads(text) for name, text in json_schemas.files().items()})


def text_of(released: Released) -> str:
    return json.dumps(released, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Add new fields to the file; refuse where one is gone or another type."""
    released, now = read() if FILE.exists() else {}, present()
    faults = list(broken(released, now))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        FILE.write_text(text_of(merged(released, now)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
