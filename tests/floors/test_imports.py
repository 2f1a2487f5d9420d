"""Who imports what, beyond the contracts of pyproject.toml."""

from __future__ import annotations

import ast
import sys

from gpushopper.remote.agent_files import PARTS_OF_AGENT, agent_text
from tests.floors.tree import files, imports_of, product_modules

# Standard modules that compute and do nothing else: no clock, no randomness, no file, no socket, no log.
CORE_MAY_IMPORT = {
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "copy",
    "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "hmac",
    "heapq", "ipaddress", "itertools", "json", "math", "operator", "re", "statistics", "string",
    "struct", "textwrap", "types", "typing", "unicodedata", "zlib",
}  # fmt: skip


def test_core_imports_only_what_computes():
    bad = [
        f"{name}:{line} {imported}"
        for name, module in product_modules()
        if name.startswith("gpushopper/core/")
        for line, imported in imports_of(module)
        if imported.partition(".")[0] not in CORE_MAY_IMPORT
        and imported != "gpushopper.errors"
        and not f"{imported}.".startswith("gpushopper.core.")
    ]
    assert bad == []


def test_the_product_is_synchronous():
    """Threads everywhere; the sandbox's ssh server is the one exception."""
    bad = [
        f"{name}:{line} {imported}"
        for name, module in product_modules()
        if not name.startswith("gpushopper/sandbox/")
        for line, imported in imports_of(module)
        if imported.partition(".")[0] in ("asyncio", "asyncssh", "anyio", "trio")
    ]
    assert bad == []


def test_the_sandbox_imports_nothing_of_the_product_and_is_imported_by_nothing():
    """The contracts say so for modules; this says so for the package itself (`import gpushopper`)."""
    bad = [
        f"{name}:{line} {imported}"
        for name, module in product_modules()
        for line, imported in imports_of(module)
        if imported.partition(".")[0] == "gpushopper"
        and name.startswith("gpushopper/sandbox/") != f"{imported}.".startswith("gpushopper.sandbox.")
    ]
    assert bad == []


def test_the_agent_stands_alone():
    """It is copied to the instance as one file: the standard library is all it finds there."""
    assert {path.name for path in files("agent", suffix=".py")} == set(PARTS_OF_AGENT)
    whole = ast.parse(agent_text())
    bad = [name for _, name in imports_of(whole) if name.partition(".")[0] not in sys.stdlib_module_names]
    assert bad == []
