"""The wheel is installed by pipx and by uv, in a home that has nothing else: no clone, no network, no registry."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpushopper import __version__
from tests.floors.tree import ROOT
from tests.packages import installers
from tests.packages.built import Packages
from tests.packages.test_contents import COMPLETIONS
from tests.sandbox_home import kill_groups

pytestmark = pytest.mark.proofs

LIMIT_S = 240


@dataclass(frozen=True)
class Stranger:
    """Somebody with a bare home, who has installed the wheel."""

    home: Path
    prefix: Path
    """Where the installer has put the package: `bin` and `share` are below."""
    told: str
    """What the installer has printed."""

    def run(self, *words: str) -> str:
        """What a command prints that has to succeed; started in the home, with hardly a variable."""
        return call(self.home, *words)


def call(home: Path, *words: str) -> str:
    """Run a program with a bare environment; what it printed."""
    path = f"{home}/.local/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    alone = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TMPDIR": str(home / "tmp")}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(installers.WHEELS), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        words, cwd=home, env=alone | offline | {"UV_PYTHON_DOWNLOADS": "never"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def by_pipx(home: Path, wheel: str) -> Stranger:
    told = call(home, str(installers.program("pipx")), "install", "--backend", "pip", "--python", sys.executable, wheel)
    return Stranger(home, home / ".local/share/pipx/venvs/gpu-shopper", told)


def by_uv(home: Path, wheel: str) -> Stranger:
    offline = ("--offline", "--no-index", "--find-links", str(installers.WHEELS))
    told = call(home, str(installers.program("uv")), "tool", "install", *offline, "--python", sys.executable, wheel)
    return Stranger(home, home / ".local/share/uv/tools/gpu-shopper", told)


@pytest.fixture(scope="module", params=[by_pipx, by_uv])
def stranger(request: pytest.FixtureRequest, packages: Packages) -> Iterator[Stranger]:
    """The wheel alone is copied into their home, as if it had been sent to them. A short path: the demo has sockets."""
    installers.program("uv")
    home = Path(tempfile.mkdtemp(prefix="gs-"))
    (home / "tmp").mkdir()
    wheel = shutil.copy(packages.wheel, home)
    yield request.param(home, f"{wheel}[sandbox]")
    kill_groups(home)
    shutil.rmtree(home, ignore_errors=True)


def test_the_command_is_there_and_runs_from_where_it_was_installed(stranger: Stranger):
    assert stranger.run("gpu-shopper", "--version").split()[-1] == __version__
    where = stranger.run(str(stranger.prefix / "bin" / "python"), "-c", "import gpushopper; print(gpushopper.__file__)")
    assert where.startswith(str(stranger.prefix)) and str(ROOT) not in where


def test_the_demo_ends_with_a_receipt_that_the_ledger_confirms(stranger: Stranger):
    told = stranger.run("gpu-shopper", "demo", "--seed", "5")
    assert re.search(r"They agree.*: rented, used, gone, and accounted for\.", told), told[-1500:]
    assert list((stranger.home / "tmp").iterdir()) == [], "nothing is left behind"


def test_manual_pages_are_found(stranger: Stranger):
    """pipx links them beside its commands, where man looks; uv does not, and README says where they are."""
    pages = sorted(path.name for path in (ROOT / "man").iterdir())
    linked = stranger.home / ".local/share/man/man1"
    kept = stranger.prefix / "share/man/man1"
    assert sorted(path.name for path in kept.iterdir()) == pages
    if "pipx" in stranger.prefix.parts:
        assert sorted(path.name for path in linked.iterdir()) == pages and linked.joinpath(pages[0]).read_bytes()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_those_that_the_command_writes(stranger: Stranger, shell: str):
    kept = stranger.prefix / COMPLETIONS[f"gpu-shopper.{shell}"]
    assert kept.read_text() == stranger.run("gpu-shopper", "completion", shell)


def test_completions_install_themselves(stranger: Stranger):
    stranger.run("gpu-shopper", "completion", "install", "bash")
    typed = "source ~/.bashrc; COMP_WORDS=(gpu-shopper inv) COMP_CWORD=1; complete -p gpu-shopper"
    assert "gpu-shopper" in stranger.run("bash", "-c", typed)
