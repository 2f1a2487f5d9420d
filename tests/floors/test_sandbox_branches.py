"""The product does not know that it is being tried out: `if sandbox` stands in three places only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch

from tests.floors.tree import ROOT, product_modules, text_of

# The clock follows the market's offset; the command line owns the sandbox's commands and its home.
ALLOWED = (
    "gpushopper/clock.py",
    "gpushopper/cli/commands/try_out/sandbox.py",
    "gpushopper/cli/process/homes.py",
    "gpushopper/cli/process/sandbox_process.py",
    "gpushopper/sandbox/*",
)


def conditions_in(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield every condition, except in functions that choose the policy (`choose_policy`, `policy_for`)."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef) and "policy" in child.name.split("_"):
            continue
        if isinstance(child, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield child.test
        elif isinstance(child, ast.comprehension):
            yield from child.ifs
        elif isinstance(child, ast.BoolOp):
            yield child
        elif isinstance(child, ast.Match):
            yield child.subject
        yield from conditions_in(child)


def asks_for_sandbox(condition: ast.expr) -> bool:
    for part in ast.walk(condition):
        name = {ast.Name: "id", ast.Attribute: "attr", ast.Constant: "value"}.get(type(part), "")
        word = getattr(part, name, "") if name else ""
        if isinstance(word, str) and word.isascii() and "sandbox" in word.lower().split("_"):
            return True
    return False


def test_only_three_places_ask_whether_this_is_a_sandbox():
    bad = [
        f"{path}:{condition.lineno}"
        for path, module in product_modules()
        if "sandbox" in text_of(ROOT / path).lower()
        if not any(fnmatch(path, allowed) for allowed in ALLOWED)
        for condition in conditions_in(module)
        if asks_for_sandbox(condition)
    ]
    assert sorted(set(bad)) == []
