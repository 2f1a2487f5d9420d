"""Rows change by guarded updates, and no model is bound to a database for everybody."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.floors.tree import files, name_of, nodes_of, product_modules, text_of

WHOLE_ROW_SAVE = re.compile(r"\.save\(")
GLOBAL_BINDS = {"bind_ctx", "set_database", "DatabaseProxy"}


def test_nothing_saves_a_whole_row():
    """A whole-row write puts back what another thread just changed; a guarded update does not."""
    bad = [
        f"{name_of(path)}:{number} {line.strip()}"
        for path in files("gpushopper", suffix=".py")
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if WHOLE_ROW_SAVE.search(line)
    ]
    assert bad == []


def at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield what runs when a module is imported: everything outside functions."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            yield from at_import(statement.body)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from ast.walk(statement)


def binds(module: ast.Module) -> Iterator[int]:
    """Yield the lines that bind models for the whole process."""
    for found in nodes_of(module):
        if isinstance(found, ast.ClassDef) and found.name == "Meta":
            names = [t for s in found.body if isinstance(s, ast.Assign) for t in s.targets]
            yield from (t.lineno for t in names if isinstance(t, ast.Name) and t.id == "database")
        elif isinstance(found, ast.Attribute | ast.Name):
            name = found.attr if isinstance(found, ast.Attribute) else found.id
            if name in GLOBAL_BINDS:
                yield found.lineno
    calls = (found.func for found in at_import(module.body) if isinstance(found, ast.Call))
    yield from (call.lineno for call in calls if isinstance(call, ast.Attribute) and call.attr == "bind")


def test_no_model_is_bound_globally():
    """A global bind crosses threads: one thread's transaction would carry another one's rows."""
    assert [f"{name}:{line}" for name, module in product_modules() for line in binds(module)] == []
