"""Answers held against docs/schemas: a field that a schema does not name is a fault, too."""

from __future__ import annotations

import json
import re
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from gpushopper.cli.output.documents import shapes
from tests.cli import json_schemas
from tests.cli.conftest import Shell
from tests.cli.in_process import Inside
from tests.cli.ran import Ran

FILES = {name: json.loads(text) for name, text in json_schemas.files().items()}
CLOSED = {name: json_schemas.closed(schema) for name, schema in FILES.items()}
REGISTRY = Registry().with_resources([(name, Resource.from_contents(schema)) for name, schema in CLOSED.items()])
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_time(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


def valid(instance: object, schema: dict[str, object]) -> None:
    Draft202012Validator(schema, registry=REGISTRY, format_checker=FORMATS).validate(instance)


def check(gs: Inside | Shell, line: str, **given: Any) -> Ran:
    """Run a command with --json: both streams have nothing but what the schemas say."""
    words = line.split()
    end = words.index("--") if "--" in words else len(words)
    ran = gs(*words[:end], "--json", *words[end:], **given)
    if ran.out:
        valid(json.loads(ran.out), schema_of(command_of(words)))
    for text in ran.err.splitlines():
        said = json.loads(text)
        valid(said, CLOSED["error.json" if "error" in said else "note.json"])
    assert ran.out or ran.err, line
    return ran


def schema_of(command: str) -> dict[str, object]:
    """The schema of what a command prints."""
    found: dict[str, object] = CLOSED[json_schemas.file_of(command)]
    return found


def command_of(words: list[str]) -> str:
    """The longest beginning that is a command: in `run ls NAME` it has two words."""
    return next(name for size in (3, 2, 1) if (name := " ".join(words[:size])) in shapes.SHAPES)
