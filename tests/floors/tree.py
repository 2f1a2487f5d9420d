"""The tree that the floor tests read: its files, their text and their syntax."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("gpushopper", "agent")
# Folders and files whose text is ours; what is not listed here (caches, .venv) is not checked.
FOLDERS = ("gpushopper", "agent", "tests", "completions", "docs", ".ci")
TEXTS = (*FOLDERS, "Makefile", "pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")


@cache
def files(*tops: str, suffix: str = "") -> tuple[Path, ...]:
    """List the files under these names, sorted, caches left out."""
    found: list[Path] = []
    for top in tops:
        path = ROOT / top
        found += [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return tuple(sorted(p for p in found if p.name.endswith(suffix) and "__pycache__" not in p.parts))


def name_of(path: Path) -> str:
    """Name a file as messages show it: relative to the repository."""
    return path.relative_to(ROOT).as_posix()


@cache
def text_of(path: Path) -> str:
    """Read a file; what is not text reads as its decodable part."""
    return path.read_text(encoding="utf-8", errors="replace")


@cache
def syntax_of(path: Path) -> ast.Module:
    """Parse a Python file."""
    return ast.parse(text_of(path), filename=str(path))


@cache
def nodes_of(module: ast.Module) -> tuple[ast.AST, ...]:
    """All of a module's syntax, as `ast.walk` finds it: that takes as long as parsing, and most rules look at it."""
    return tuple(ast.walk(module))


def lines_with(pattern: re.Pattern[str], *tops: str, suffix: str = "") -> list[str]:
    """Name the lines under these names in which the pattern is found, with how they begin.

    No pattern may span lines: a file in which it is not found at all is not split into lines.
    """
    return [
        f"{name_of(path)}:{number} {line.strip()[:80]}"
        for path in files(*tops, suffix=suffix)
        if pattern.search(text_of(path))
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def product_modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield name and syntax of every module we ship."""
    for path in files(*PRODUCT, suffix=".py"):
        yield name_of(path), syntax_of(path)


def imports_of(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every import, also the late ones inside functions."""
    for node in nodes_of(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from gpushopper import errors` imports a module, not the package's own names.
            inside = [f".{alias.name}" for alias in node.names] if node.module == "gpushopper" else [""]
            yield from ((node.lineno, f"{node.module or ''}{name}") for name in inside)
