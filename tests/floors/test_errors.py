"""Every error class is raised or caught somewhere: the tree holds no word that nothing says."""

from __future__ import annotations

import ast

import pytest

from tests.floors.tree import ROOT, nodes_of, product_modules, syntax_of

ERRORS = ROOT / "gpushopper" / "errors.py"
COMMANDS = ROOT / "gpushopper" / "cli" / "__init__.py"


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
