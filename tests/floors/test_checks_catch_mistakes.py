"""The guards are awake: a mistake planted in a copy of the tree turns its checker red."""

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
    """Name the command that checks one import contract: the others may not lend it their red."""
    return (*CONTRACTS, "--contract", name)


def guards(*names: str) -> tuple[str, ...]:
    """Name the command that runs guard tests of the copy it is started in."""
    return (*PYTEST, *(f"tests/floors/{name}.py" for name in names))


@dataclass(frozen=True, slots=True)
class Plant:
    """One mistake: the package it is written in, and which command must see it and say so."""

    package: str
    text: str
    checker: tuple[str, ...]
    said: str
    neighbour: str = ""
    """What `other.py` beside it holds."""


BOUND = '''
from peewee import Model, SqliteDatabase


class Planted(Model):
    class Meta:
        database = SqliteDatabase("planted.db")'''
PLANTS = {
    "httpx in the command line": Plant("cli", "import httpx", contract("thin"), "-> httpx"),
    "the engine behind the command line": Plant("cli", "import gpushopper.engine", contract("thin"), ".engine"),
    "a command in the output": Plant(
        "cli/output", "import gpushopper.cli.commands.rent.plan", contract("rooms"), "commands.rent.plan"
    ),
    "one section of commands in another": Plant(
        "cli/commands/use", "import gpushopper.cli.commands.rent.plan", contract("sections"), "commands.rent.plan"
    ),
    "a circle in the command line": Plant(
        "cli/remote",
        "import gpushopper.cli.remote.other",
        contract("circles"),
        ".other",
        neighbour="import gpushopper.cli.remote.planted",
    ),
    "a circle of an account's parts, by an import for types": Plant(
        "engine/account",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import gpushopper.engine.account.other",
        contract("circles"),
        ".other",
        neighbour="import gpushopper.engine.account.planted",
    ),
    "a command in the queries": Plant(
        "engine/requests/queries",
        "import gpushopper.engine.requests.commands.end",
        contract("requests"),
        "requests.commands.end",
    ),
    "the store in core": Plant("core", "import gpushopper.store", contract("floors"), "gpushopper.store"),
    "the rules of a list in those of one attempt": Plant(
        "core/lifecycle", "import gpushopper.core.listing.reconcile", contract("core-rooms"), "listing.reconcile"
    ),
    "a circle in core": Plant(
        "core/model",
        "import gpushopper.core.model.other",
        contract("circles"),
        ".other",
        neighbour="import gpushopper.core.model.planted",
    ),
    "a library in core": Plant("core", "import httpx", contract("core"), "-> httpx"),
    "one provider in another": Plant("providers", "from . import other", contract("providers"), ".other"),
    "the product in the sandbox": Plant("sandbox", "import gpushopper.core", contract("sandbox"), ".core"),
    "the sandbox in the daemon": Plant("daemon", "import gpushopper.sandbox", contract("alone"), ".sandbox"),
    "logging in core": Plant("core", "import logging", guards("test_imports"), "planted.py:2 logging"),
    "a clock read in the engine": Plant("engine", "import time", RUFF, "TID251"),
    "a global bind": Plant("store", BOUND, guards("test_store"), "planted.py:8"),
    "a whole-row save": Plant("store", "row.save()", guards("test_store"), "planted.py:2 row.save()"),
    "a module of 401 lines": Plant("core", "\n" * 399, guards("test_size"), "planted.py': 401"),
}


# A contract speaks of packages; those that a partial tree lacks are made, so that each plant has its soil.
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
@pytest.mark.parametrize("mistake", PLANTS)
def test_a_planted_mistake_is_seen(mistake: str, copy: Callable[[], Path]):
    plant, tree = PLANTS[mistake], copy()
    for name in PACKAGES:
        (tree / "gpushopper" / name).mkdir(exist_ok=True)
        (tree / "gpushopper" / name / "__init__.py").touch()
    package = tree / "gpushopper" / plant.package
    (package / "other.py").write_text(f'"""A neighbour."""\n{plant.neighbour}\n')
    (package / "planted.py").write_text(f'"""Planted."""\n{plant.text}\n')
    code, output = run(plant.checker, tree)
    assert code != 0
    assert "planted" in output and plant.said in output, output


@pytest.mark.sweep
def test_the_plain_copy_is_green(copy: Callable[[], Path]):
    tree = copy()
    for checker in (RUFF, CONTRACTS, guards("test_imports", "test_store", "test_size")):
        code, output = run(checker, tree)
        assert code == 0, output
