"""docs/deploy/requirements.txt pins all that pyproject.toml asks for, each with its hashes, and nothing else."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.floors.tree import ROOT, text_of
from tests.packages.installers import LOCK

PROJECT = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
SANDBOX = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["sandbox"]}
WANTED = [Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["sandbox"]]
ENTRY = re.compile(r"^(?P<pin>\S+==\S+(?: ; [^\\\n]+)?) \\\n(?P<hashes>(?: +--hash=\S+(?: \\)?\n)+)", re.MULTILINE)


class Locked(NamedTuple):
    """One package of the lock file."""

    version: str
    applies: bool
    """Whether its marker holds for this Python and system."""
    hashes: list[str]


def locked() -> dict[str, Locked]:
    """Every package of the lock file by its canonical name."""
    found = {}
    for entry in ENTRY.finditer(text_of(LOCK)):
        pin = Requirement(entry["pin"])
        (version,) = (clause.version for clause in pin.specifier)
        applies = pin.marker is None or pin.marker.evaluate()
        found[canonicalize_name(pin.name)] = Locked(version, applies, re.findall(r"--hash=(\S+)", entry["hashes"]))
    return found


def needed_by(name: str) -> set[str]:
    """What an installed package needs here, by its own metadata."""
    asked = map(Requirement, distribution(name).requires or [])
    return {
        canonicalize_name(need.name) for need in asked if need.marker is None or need.marker.evaluate({"extra": ""})
    }


def test_every_line_of_the_lock_file_is_understood():
    names = re.findall(r"^([\w.-]+)==", text_of(LOCK), re.MULTILINE)
    assert sorted(map(canonicalize_name, names)) == sorted(locked())
    assert "://" not in text_of(LOCK), "it names no registry"


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.name)
def test_what_the_project_asks_for_is_locked_at_a_version_that_it_accepts(wanted: Requirement):
    """`make lock` writes the file anew."""
    assert wanted.specifier.contains(locked()[canonicalize_name(wanted.name)].version)


def test_every_package_has_hashes_of_sha256():
    for name, entry in locked().items():
        assert entry.hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in entry.hashes), name


def test_the_lock_file_is_closed_and_holds_nothing_that_nobody_needs():
    """By the metadata of what is installed here: of another version it may tell of other needs, and is passed over."""
    entries, reached = locked(), {canonicalize_name(wanted.name) for wanted in WANTED}
    waiting = set(reached)
    while waiting:
        name = waiting.pop()
        try:
            same = distribution(name).version == entries[name].version
        except PackageNotFoundError:
            continue
        needs = needed_by(name) & entries.keys() if not same else needed_by(name)
        assert needs <= entries.keys(), f"{name} needs {needs - entries.keys()}: make lock"
        waiting |= needs - reached
        reached |= needs
    assert {name for name, entry in entries.items() if entry.applies} - reached == set()
