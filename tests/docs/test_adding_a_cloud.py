"""docs/adding-a-cloud.md tells how Nimbus was made: its code is Nimbus's, and what it names exists."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from gpushopper import clouds
from gpushopper.core import cloud
from gpushopper.providers import base, charges, restarts
from tests.docs.followed import Typist
from tests.docs.pages import blocks_of
from tests.floors.tree import ROOT, files, text_of
from tests.third_cloud.world import PACKAGE, install

PAGE = ROOT / "docs/adding-a-cloud.md"
LEFT_OUT = {
    "pip install": "pip fetches what it builds with; the package is laid out as pip does",
    "python -m pytest tests/third_cloud": "this test is run by it",
    "gpu-shopper keys set nimbus": "asks at a terminal, and the cloud does not exist",
    "gpu-shopper doctor --trial nimbus": "the cloud does not exist",
}


def of(language: str) -> list[str]:
    return [block.text for block in blocks_of(PAGE) if block.language == language]


def test_its_code_stands_in_the_files_of_the_package():
    texts = [path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("*.py"))]
    assert len(of("python")) >= 8
    assert [code for code in of("python") if not any(code in text for text in texts)] == []


def test_every_file_of_the_package_has_a_step():
    text = text_of(PAGE)
    assert [
        path.name for path in PACKAGE.glob("*.py") if f"`tests/third_cloud/package/nimbus/{path.name}`" not in text
    ] == []


def test_every_test_of_the_third_cloud_is_named():
    text = text_of(PAGE)
    assert [path.name for path in files("tests/third_cloud", suffix=".py") if is_test(path, text)] == []


def is_test(path: Path, text: str) -> bool:
    """Whether this is a file of tests that a text does not name."""
    return path.name.startswith("test_") and f"`tests/third_cloud/{path.name}`" not in text


def test_the_entry_point_is_the_one_that_is_installed(tmp_path: Path):
    (project,) = map(tomllib.loads, of("toml"))
    written = (install(tmp_path) / "nimbus-1.0.dist-info/entry_points.txt").read_text()
    assert f"[{clouds.GROUP}]\nnimbus = {project['project']['entry-points'][clouds.GROUP]['nimbus']}\n" == written


def test_the_traits_and_calls_that_it_names_exist():
    named = set(re.findall(r"`([A-Z]\w+)(?:\.(\w+))?`", text_of(PAGE)))
    kinds = {name: each for name, each in vars(cloud).items() if is_dataclass(each)}
    for kind, field in named:
        if field and kind in kinds:
            assert field in {each.name for each in fields(kinds[kind])}, f"{kind}.{field}"
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| `(\w+)` \|$", text_of(PAGE), re.MULTILINE)
    known = protocols()
    assert {protocol for _, protocol in rows} == known.keys() - {"Provider"}
    for methods, protocol in rows:
        assert [name for name in re.findall(r"`(\w+)`", methods) if not hasattr(known[protocol], name)] == []
    assert {kind for kind, field in named if kind in kinds and field} >= {"Limits", "Ending", "Traits"}


def protocols() -> dict[str, type]:
    """What an adapter may implement, by name: whoever adds one tells on the page when a cloud needs it."""
    found = {name: each for module in (base, charges, restarts) for name, each in vars(module).items()}
    return {name: each for name, each in found.items() if getattr(each, "_is_protocol", False) and name != "Protocol"}


@pytest.mark.proofs
def test_its_commands_show_the_new_cloud(top: Path):
    (top / "tests").symlink_to(ROOT / "tests")
    typed = Typist(top, is_in_sandbox=False)
    typed.environ["PYTHONPATH"] = str(install(top / "site"))
    typed.must("gpu-shopper config set keys.keyring false")
    said = ""
    for script in of("sh"):
        kept = [line for line in script.splitlines() if not line.startswith(tuple(LEFT_OUT))]
        said += typed.must("\n".join(kept)).stdout
    assert "\nNIMBUS_CLIENT_SECRET" in said and re.search(r"(?m)^nimbus +missing", said)
    assert (top / "nimbus-cloud/nimbus/adapter.py").exists()
    assert all(any(start in script for script in of("sh")) for start in LEFT_OUT)
