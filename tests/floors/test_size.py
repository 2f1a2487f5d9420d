"""Small files, short functions, named for what they do."""

from __future__ import annotations

import ast
from collections import Counter

from tests.floors.tree import PRODUCT, files, name_of, nodes_of, product_modules, syntax_of, text_of

MODULE_LINES = 400
BODY_LINES = 40
FOLDER_MODULES = 14
MEANINGLESS_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}


def has_docstring(body: list[ast.stmt]) -> bool:
    value = body[0].value if body and isinstance(body[0], ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if has_docstring(function.body) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_module_is_longer_than_400_lines():
    modules = files(*PRODUCT, "tests", suffix=".py")
    lengths = {name_of(path): len(text_of(path).splitlines()) for path in modules}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_no_folder_has_more_than_14_modules():
    """A reader takes in about a dozen names at once."""
    counts = Counter(str(path.parent) for path in files("gpushopper", suffix=".py") if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > FOLDER_MODULES} == {}


def test_no_function_body_is_longer_than_40_lines():
    long = {
        f"{name}:{node.lineno} {node.name}": body_lines(node)
        for name, module in product_modules()
        for node in nodes_of(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > BODY_LINES
    }
    assert long == {}


def test_no_module_has_a_meaningless_name():
    bad = [
        name_of(path)
        for path in files(*PRODUCT, "tests", suffix=".py")
        for part in path.with_suffix("").parts[-2:]
        if MEANINGLESS_NAMES & set(part.lower().split("_"))
    ]
    assert bad == []


def test_every_module_docstring_begins_with_one_line():
    bad = []
    for path in files(*PRODUCT, suffix=".py"):
        lines = (ast.get_docstring(syntax_of(path), clean=True) or "").splitlines()
        if not lines or not lines[0].strip() or (len(lines) > 1 and lines[1].strip()):
            bad.append(name_of(path))
    assert bad == [], "a module begins with a docstring whose first line stands alone"
