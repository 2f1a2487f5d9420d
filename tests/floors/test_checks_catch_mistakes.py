"""Lints, import contracts and floor tests work: each fails on a mistake planted in a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.floors.tree import ROOT

BIN = Path(sys.executable).parent
COPIED = ("gpushopper", "agent", "tests", "pyproject.toml", "README.md", "Makefile")
RUFF = (str(BIN / "ruff"), "check", "--no-cache", ".")
CONTRACTS = (str(BIN / "lint-imports"), "--no-cache")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def contract(name: str) -> tuple[str, ...]:
    """The command that checks one import contract alone."""
    return (*CONTRACTS, "--contract", name)


def floor_tests(*names: str) -> tuple[str, ...]:
    """The command that runs floor tests of the copy it is started in."""
    return (*PYTEST, *(f"tests/floors/{name}.py" for name in names))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: the package it is written in, the command that must find it, and what that must print."""

    package: str
    text: str
    checker: tuple[str, ...]
    said: str
    neighbour: str = ""
    """What `other.py` beside it holds."""


BOUND = """
from peewee import Model, SqliteDatabase


class Planted(Model):
    class Meta:
        database = SqliteDatabase("planted.db")"""
MISTAKES = {
    "httpx in the command line": Mistake("cli", "import httpx", contract("thin"), "-> httpx"),
    "the engine behind the command line": Mistake("cli", "import gpushopper.engine", contract("thin"), ".engine"),
    "a command in the output": Mistake(
        "cli/output", "import gpushopper.cli.commands.rent.plan", contract("rooms"), "commands.rent.plan"
    ),
    "one section of commands in another": Mistake(
        "cli/commands/use", "import gpushopper.cli.commands.rent.plan", contract("sections"), "commands.rent.plan"
    ),
    "a circle in the command line": Mistake(
        "cli/remote",
        "import gpushopper.cli.remote.other",
        contract("circles"),
        ".other",
        neighbour="import gpushopper.cli.remote.planted",
    ),
    "a circle of an account's parts, by an import for types": Mistake(
        "engine/account",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import gpushopper.engine.account.other",
        contract("circles"),
        ".other",
        neighbour="import gpushopper.engine.account.planted",
    ),
    "a command in the queries": Mistake(
        "engine/requests/queries",
        "import gpushopper.engine.requests.commands.end",
        contract("requests"),
        "requests.commands.end",
    ),
    "the store in core": Mistake("core", "import gpushopper.store", contract("floors"), "gpushopper.store"),
    "the rules of a list in those of one attempt": Mistake(
        "core/lifecycle", "import gpushopper.core.listing.reconcile", contract("core-rooms"), "listing.reconcile"
    ),
    "a circle in core": Mistake(
        "core/model",
        "import gpushopper.core.model.other",
        contract("circles"),
        ".other",
        neighbour="import gpushopper.core.model.planted",
    ),
    "a library in core": Mistake("core", "import httpx", contract("core"), "-> httpx"),
    "one provider in another": Mistake("providers", "from . import other", contract("providers"), ".other"),
    "the product in the sandbox": Mistake("sandbox", "import gpushopper.core", contract("sandbox"), ".core"),
    "the sandbox in the daemon": Mistake("daemon", "import gpushopper.sandbox", contract("alone"), ".sandbox"),
    "logging in core": Mistake("core", "import logging", floor_tests("test_imports"), "planted.py:2 logging"),
    "a clock read in the engine": Mistake("engine", "import time", RUFF, "TID251"),
    "a global bind": Mistake("store", BOUND, floor_tests("test_store"), "planted.py:8"),
    "a whole-row save": Mistake("store", "row.save()", floor_tests("test_store"), "planted.py:2 row.save()"),
    "a module of 401 lines": Mistake("core", "\n" * 399, floor_tests("test_size"), "planted.py': 401"),
}


# A contract speaks of packages; those that a partial tree lacks are made, so that each mistake has its package.
PACKAGES = ("cli", "core", "daemon", "engine", "providers", "sandbox", "store")


def run(command: tuple[str, ...], tree: Path) -> tuple[int, str]:
    """Run a checker on a copy as `make lint` or `make test` would."""
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[], Path]:
    """Copy the tree as it stands, without what tools left behind."""

    def make() -> Path:
        skip = shutil.ignore_patterns("__pycache__", ".*")
        for name in COPIED:
            source, target = ROOT / name, tmp_path / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=skip)
            elif source.exists():
                shutil.copy(source, target)
        return tmp_path

    return make


@pytest.mark.sweep
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_found(mistake: str, copy: Callable[[], Path]):
    case, tree = MISTAKES[mistake], copy()
    for name in PACKAGES:
        (tree / "gpushopper" / name).mkdir(exist_ok=True)
        (tree / "gpushopper" / name / "__init__.py").touch()
    package = tree / "gpushopper" / case.package
    (package / "other.py").write_text(f'"""A neighbour."""\n{case.neighbour}\n')
    (package / "planted.py").write_text(f'"""Planted."""\n{case.text}\n')
    code, output = run(case.checker, tree)
    assert code != 0
    assert "planted" in output and case.said in output, output


@pytest.mark.sweep
def test_the_plain_copy_is_green(copy: Callable[[], Path]):
    tree = copy()
    for checker in (RUFF, CONTRACTS, floor_tests("test_imports", "test_store", "test_size")):
        code, output = run(checker, tree)
        assert code == 0, output
