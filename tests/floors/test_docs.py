"""The docs name only what exists: paths, functions, folders, states."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.core.model.attempt import TRANSITIONS, State
from tests.floors.guides import ARCHITECTURE, GUIDES, PAIR, QUOTED, WALKS, chapter, functions_in
from tests.floors.tree import ROOT, files, name_of, product_modules, syntax_of, text_of

STEPS = 10

BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)\)")
# `folder/`, `folder/file.py`, `file.py`, `.ci/run`; `SRC/` is an argument of a command.
PATH = re.compile(r"(?![A-Z]+/)[\w-][\w.-]*(/[\w.-]+)*(/|\.(py|sh|md))|(\.ci|agent|docs|tests)(/[\w.-]+)+")

pytestmark = pytest.mark.skipif(not ARCHITECTURE.exists(), reason="the docs are not in this tree")


def is_there(path: str, *under: Path) -> bool:
    """Whether a path exists, in the repository, in the package, or in one of the given folders."""
    return any((top / path).exists() for top in (ROOT, ROOT / "gpushopper", *under))


def wrong_paths(text: str, *under: Path) -> list[str]:
    """The paths that a text names and that do not exist."""
    prose = BLOCK.sub("", text)
    named = [quoted for quoted in QUOTED.findall(prose) if PATH.fullmatch(quoted)]
    named += [link for link in LINK.findall(prose) if "://" not in link]
    return [path for path in named if not is_there(path, *under)]


def names_in(path: Path) -> set[str]:
    """The functions of a file, methods as `Class.method`; of a shell script, its functions."""
    if path.suffix == ".sh":
        return set(re.findall(r"^(\w+)\(\) \{", text_of(path), re.MULTILINE))
    return set(_functions(syntax_of(path).body, ""))


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def wrong_functions(text: str) -> list[str]:
    """The pairs of file and function that a text names and that do not exist."""
    wrong = []
    for name, function in functions_in(text):
        found = [top / name for top in (ROOT, ROOT / "gpushopper") if (top / name).is_file()]
        if not found or function not in names_in(found[0]):
            wrong.append(f"{name} ({function})")
    return wrong


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_every_path_that_a_guide_names_exists(guide: Path):
    assert wrong_paths(text_of(guide), guide.parent) == []


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_every_function_that_a_guide_names_is_in_the_file_it_names(guide: Path):
    assert wrong_functions(text_of(guide)) == []


def test_every_path_that_a_docstring_names_exists():
    wrong = {}
    for name, module in product_modules():
        here = (ROOT / name).parent
        tops = (here, *(parent for parent in here.parents if parent.is_relative_to(ROOT / "gpushopper")))
        if bad := wrong_paths(ast.get_docstring(module) or "", *tops):
            wrong[name] = bad
    assert wrong == {}


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_has_at_most_ten_steps_each_with_file_and_function(walk: str):
    steps = re.split(r"^\d+\. ", chapter(walk), flags=re.MULTILINE)[1:]
    assert 0 < len(steps) <= STEPS
    assert [step for step in steps if not PAIR.search(step)] == []


def test_every_folder_of_the_package_is_in_the_list_of_folders():
    listed = set(re.findall(r"^\| `([\w/]+/)`", chapter("Folders"), re.MULTILINE))
    packages = {
        name_of(path.parent).removeprefix("gpushopper/") + "/"
        for path in files("gpushopper", suffix="__init__.py")
        if path.parent != ROOT / "gpushopper"
    }
    assert packages - listed == set()


def test_the_life_of_an_attempt_has_the_states_and_transitions_of_the_code():
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", chapter("Life of an attempt"), re.MULTILINE)
    states = {str(state) for state in State}
    found = {name: {word for word in re.findall(r"\w+", after) if word in states} for name, after in rows}
    assert found == {str(state): set(map(str, after)) for state, after in TRANSITIONS.items()}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see `core/nowhere.py`", ["core/nowhere.py"]), ("see `nowhere.py`", ["nowhere.py"]),
        ("see `core/nowhere/`", ["core/nowhere/"]), ("[there](docs/nowhere.md)", ["docs/nowhere.md"]),
        ("see `core/policy.py`, `agent/guard.sh`, `tests/`", []), ("`make`, `a b.py`, `<home>/x.py`", []),
        ("```\n`core/nowhere.py`\n```", []), ("[away](https://example.org/nowhere)", []),
    ],
)  # fmt: skip
def test_a_wrong_path_is_found(text: str, wrong: list[str]):
    assert wrong_paths(text) == wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("`core/spending/ledger.py` (`accrue`, `nothing`)", ["core/spending/ledger.py (nothing)"]),
        ("`agent/guard.sh` (`finish`)", []), ("`agent/guard.sh` (`nothing`)", ["agent/guard.sh (nothing)"]),
        ("`core/model/offer.py` (`Offer.rate`)", []), ("`core/nowhere.py` (`rate`)", ["core/nowhere.py (rate)"]),
        ("`core/model/offer.py`\n   (`rate`)", ["core/model/offer.py (rate)"]),
    ],
)  # fmt: skip
def test_a_wrong_function_is_found(text: str, wrong: list[str]):
    assert wrong_functions(text) == wrong


FOR_USERS = (
    "README.md", "CHANGELOG.md", "docs/api.md", "docs/openapi.json", "docs/metrics.md", "docs/conventions.md",
    "docs/schemas/*", "docs/screens/*", "man/*", "completions/*",
)  # fmt: skip
"""What users read: the numbers of our own design are in docs/safety.md and docs/architecture.md."""
NUMBERED = re.compile(r"\((?:[SIFDC]\d{1,3}(?:, )?)+\)")


def test_no_text_for_users_cites_a_number_of_the_design():
    """A docstring that goes into an answer's description does, too."""
    cited = {
        (name_of(path), found)
        for pattern in FOR_USERS
        for path in ROOT.glob(pattern)
        for found in NUMBERED.findall(text_of(path))
    }
    assert cited == set()
    assert NUMBERED.search("can go on (S12, S20).") and not NUMBERED.search("RTX A100 (S) in (C)")
