"""Every error class is raised or caught somewhere, and errors are written in one form."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from gpushopper import errors
from tests.floors.tree import ROOT, nodes_of, product_modules, syntax_of

ERRORS = ROOT / "gpushopper" / "errors.py"
COMMANDS = ROOT / "gpushopper" / "cli" / "__init__.py"
KINDS = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, Exception)}
NO_ERRORS_OF_USERS = {"RuntimeError"}
"""What a person never sees but as an unexpected one, with its name before it."""
STANDS_ALONE = ("Cancelled. ",)
"""What is no error, and has no `error: ` before it."""


@pytest.mark.skipif(not COMMANDS.exists(), reason="the command line is not in this tree")
def test_every_error_class_is_used():
    classes = [found for found in syntax_of(ERRORS).body if isinstance(found, ast.ClassDef)]
    bases = {base.id for found in classes for base in found.bases if isinstance(base, ast.Name)}
    used = {
        found.id if isinstance(found, ast.Name) else found.attr
        for name, module in product_modules()
        if name != "gpushopper/errors.py"
        for found in nodes_of(module)
        if isinstance(found, ast.Name | ast.Attribute)
    }
    assert [found.name for found in classes if found.name not in bases | used] == []


def written() -> Iterator[tuple[str, str]]:
    """Place and text of each error that our code raises, and of the hint below it."""
    for name, module in product_modules():
        for node in nodes_of(module):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            kind = ast.unparse(node.func).rpartition(".")[2]
            if (kind in KINDS or kind.endswith("Error")) and kind not in NO_ERRORS_OF_USERS:
                yield from ((f"{name}:{node.lineno}", text_of(text)) for text in node.args[:2])


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(text_of, node.values))
    return str(node.value) if isinstance(node, ast.Constant) else "…"


def test_an_error_begins_with_a_small_letter_and_has_no_full_stop():
    found = [(place, text) for place, text in written() if not text.startswith(STANDS_ALONE)]
    assert len(found) > 300
    assert [
        each for each in found if each[1][:1].isupper() or (each[1].endswith(".") and not each[1].endswith("..."))
    ] == []
