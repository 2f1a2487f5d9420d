"""Contained instances for the guard's tests, one provider each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gpushopper.core.model.guard_recipe import SelfDestroy
from gpushopper.providers.vast.guard_recipe import STARTUP_LIMIT
from gpushopper.remote import boot_script, guard_files
from gpushopper.remote.planting.guard_text import guard_for
from tests.agent.contained_instance import TRUE_START, Image, Instance, containment_problem, make_scratch
from tests.agent.fixture_root import FixtureRoot
from tests.agent.provider import Provider
from tests.needs import needs
from tests.waiting import patience

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zq5v0b2Jb9n8m7l6k5j4h3g2f1d0s9a8p7o6i5u4y somebody"
LIFE, MAX_LIFE = 3600, 7200
FORMER = {name: Path(__file__).with_name(f"{name}.txt") for name in ("former_guard", "guard_1")}
"""Guards of versions before, as instances have them that were created then: the first, and the last without early ends.

The first one answers by itself; over_ssh.sh speaks for each later one.
"""
REASON = containment_problem()

PROOFS = ("test_guard_calls", "test_guard_time", "test_early_lives")
"""Whole lives, second by second; test_guard_rules and test_early_ends check the same rules with single calls."""

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}
LONG_AGO = (1, 1)

IMAGES = {"dash": Image("dash"), "busybox": Image("busybox")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if not str(item.path).startswith(ours):
            continue
        if REASON:
            item.add_marker(pytest.mark.skip(reason=REASON))
        # One shell each time; the other where it ends its instance at all, and everything in the long proofs.
        if "[busybox" in item.name and item.path.stem in PROOFS:
            item.add_marker(pytest.mark.sweep)
        elif item.get_closest_marker("sweep"):
            continue
        elif item.path.stem in PROOFS or ("[busybox" in item.name and item.path.stem == "test_guard_rules"):
            item.add_marker(pytest.mark.proofs)


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> Image:
    return IMAGES[request.param]


@pytest.fixture
def provider() -> Iterator[Provider]:
    one = Provider()
    yield one
    one.close()


def boot_text(
    recipe: SelfDestroy,
    life_s: int = LIFE,
    max_life_s: int = MAX_LIFE,
    whole: bool = False,
    former: str = "",
    unstarted: bool = False,
) -> str:
    """Write the boot script.

    `whole`: with the guard as it is checked in, comments and all; `former`: with one of a version before it;
    `unstarted`: the guard is installed and not started, so that its functions can be called one by one.
    """
    end, limit = TRUE_START + life_s, STARTUP_LIMIT
    text = boot_script.write_boot_script(recipe, PUBLIC_KEY, life_s, end, max_life_s, max_length=limit)
    if unstarted:
        text = text.replace("sh $G boot\n", "")
    ours = guard_files.stripped(guard_files.guard_script())
    other = guard_files.guard_script() if whole else FORMER[former].read_text() if former else ours
    if former == "former_guard":
        text = text.replace(f" {guard_files.END_MARK}=", " DEADLINE=")
    packed = [guard_files.pack(guard_for(recipe, script)) for script in (ours, other)]
    return text.replace(packed[0], packed[1])


@pytest.fixture
def rent(provider: Provider) -> Iterator[Callable[..., Instance]]:
    """Start instances: `rent(image, last_resort=..., disk=..., ...)`; all are stopped after the test."""
    made: list[Instance] = []

    def one(
        image: Image,
        *last_resort: str,
        disk: str = "kept",
        uid: int = 0,
        started: bool = True,
        stop: bool = True,
        skew: int = 0,
        variables: Mapping[str, str] | None = None,
        **text: object,
    ) -> Instance:
        instance = Instance(
            make_scratch(),
            image,
            boot_text(provider.recipe(*last_resort, stop=stop), **text),
            disk,
            uid,  # type: ignore[arg-type]
        )
        provider.now = instance.true_now
        instance.skew = skew
        instance.users |= variables or {}
        made.append(instance)
        if started:
            instance.start()
        return instance

    yield one
    for instance in made:
        instance.stop()
        shutil.rmtree(instance.scratch, ignore_errors=True)
    assert not (Path(__file__).parent / ".must-not-be-written").exists()
    assert os.getpid()


@pytest.fixture(
    params=[
        pytest.param(name, marks=[needs(name), *([] if name == "dash" else [pytest.mark.proofs])]) for name in SHELLS
    ]
)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


@pytest.fixture
def root(tmp_path: Path) -> FixtureRoot:
    made = FixtureRoot(tmp_path)
    os.utime(tmp_path / "dev/pts/0", LONG_AGO)
    return made


@pytest.fixture
def upkeep(root: FixtureRoot, shell: list[str]) -> Callable[..., str]:
    """Call it as the guard does at a tick, after so many seconds."""

    def call(seconds: int = 10, *words: str, timeout_s: float = 20) -> str:
        root.let_pass(seconds)
        script = str(root.folder / "upkeep.sh")
        done = subprocess.run(
            [*shell, script, "--root", str(root.top), *words],
            env={"PATH": f"{root.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(root.top / "root")},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s * patience(), check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return done.stdout

    return call
