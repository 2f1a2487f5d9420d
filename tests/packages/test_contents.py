"""Wheel and sdist hold what an installation needs, and nothing else: a clone is never needed."""

from __future__ import annotations

import email.parser
import subprocess
import tarfile
from pathlib import Path

import pytest

from gpushopper import __version__
from tests.floors.tree import ROOT
from tests.packages.built import Packages, build, in_sdist, in_wheel

DATA = f"gpu_shopper-{__version__}.data/data/"
INFO = f"gpu_shopper-{__version__}.dist-info/"
COMPLETIONS = {
    "gpu-shopper.bash": "share/bash-completion/completions/gpu-shopper",
    "gpu-shopper.zsh": "share/zsh/site-functions/_gpu-shopper",
    "gpu-shopper.fish": "share/fish/vendor_completions.d/gpu-shopper.fish",
}
INSTANCE_PROGRAMS = sorted(path.name for path in (ROOT / "agent").iterdir() if path.suffix in (".sh", ".py"))
"""What is brought to an instance; agent/Dockerfile is for those who have the sources."""


def in_repository() -> set[str]:
    """Every file that git keeps, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(packages: Packages) -> dict[str, bytes]:
    return in_wheel(packages.wheel)


@pytest.fixture(scope="module")
def sdist(packages: Packages) -> dict[str, bytes]:
    return in_sdist(packages.sdist)


def test_the_wheel_has_every_file_of_the_package(wheel: dict[str, bytes]):
    kept = {name for name in in_repository() if name.startswith("gpushopper/")}
    instance = {f"gpushopper/remote/{name}" for name in INSTANCE_PROGRAMS}
    assert {name for name in wheel if name.startswith("gpushopper/")} == kept | instance
    assert "gpushopper/py.typed" in wheel


def test_the_programs_for_instances_are_those_of_the_checkout(wheel: dict[str, bytes]):
    for name in INSTANCE_PROGRAMS:
        assert wheel[f"gpushopper/remote/{name}"] == (ROOT / "agent" / name).read_bytes()


def test_man_pages_and_completions_lie_where_they_are_looked_for(wheel: dict[str, bytes]):
    found = {name.removeprefix(DATA): text for name, text in wheel.items() if name.startswith(DATA)}
    pages = {f"share/man/man1/{path.name}": path.read_bytes() for path in (ROOT / "man").glob("*.1")}
    scripts = {place: (ROOT / "completions" / name).read_bytes() for name, place in COMPLETIONS.items()}
    assert found == pages | scripts


def test_the_wheel_carries_its_licence_and_says_what_it_is(wheel: dict[str, bytes]):
    assert wheel[f"{INFO}licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    fields = email.parser.BytesParser().parsebytes(wheel[f"{INFO}METADATA"])
    assert (fields["Name"], fields["Version"]) == ("gpu-shopper", __version__)
    assert (fields["License-Expression"], fields["License-File"]) == ("MIT", "LICENSE")
    assert (fields["Requires-Python"], fields.get_all("Provides-Extra")) == (">=3.11", ["dev", "sandbox"])
    assert wheel[f"{INFO}entry_points.txt"].split() == b"[console_scripts] gpu-shopper = gpushopper.cli:run".split()


def test_a_wheel_holds_nothing_else(wheel: dict[str, bytes]):
    assert [name for name in wheel if not name.startswith(("gpushopper/", DATA, INFO))] == []


def test_the_sdist_is_what_git_keeps(sdist: dict[str, bytes]):
    assert set(sdist) == in_repository() | {"PKG-INFO"}


@pytest.mark.proofs
def test_a_wheel_that_is_built_from_the_sdist_is_the_same(packages: Packages, tmp_path: Path):
    with tarfile.open(packages.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    again = build(tmp_path / "dist", source)
    assert again.wheel.read_bytes() == packages.wheel.read_bytes()
