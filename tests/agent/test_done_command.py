"""`gpu-shopper-done` on an instance: in everybody's path, else beside the guard; it ends that instance alone (E4)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.providers.vast.guard_recipe import self_destroy_recipe
from gpushopper.remote.agent_files import upkeep_text
from gpushopper.remote.planting.done_command import INSTALL
from tests.agent.conftest import LIFE, boot_text
from tests.agent.contained_instance import TRUE_START, Image, Instance, make_scratch
from tests.agent.early_ends import put
from tests.agent.fixture_root import LIMITS
from tests.sandbox.live.conftest import wait

COMMAND = "/usr/local/bin/gpu-shopper-done"


@pytest.fixture(scope="module")
def shared() -> Iterator[Instance]:
    recipe = self_destroy_recipe("https://console.vast.ai")
    instance = Instance(make_scratch(), Image("dash"), boot_text(recipe, unstarted=True))
    try:
        instance.start()
        wait(lambda: "authorized_keys" in instance.sh("ls $HOME/.ssh"))
        words = dict(word.split("=") for word in LIMITS.split()) | {"END": str(TRUE_START + LIFE)}
        put(instance, "limits", " ".join(f"{name}={text}" for name, text in words.items()))
        (instance.scratch / "upkeep.sh").write_text(upkeep_text())
        instance.sh("cat /mnt/upkeep.sh >$HOME/.gs-guard/upkeep.sh")
        yield instance
    finally:
        instance.stop()
        shutil.rmtree(instance.scratch, ignore_errors=True)


@pytest.fixture
def there(shared: Instance) -> Instance:
    shared.sh(f"rm -rf $HOME/.gs-guard/end-done $HOME/.gs-guard/gpu-shopper-done {COMMAND}")
    return shared


def install(there: Instance) -> str:
    return there.sh(f"umask 077\nD=$HOME/.gs-guard\n{INSTALL}echo $C").strip()


def test_typed_at_a_login_it_ends_the_instance_soon(there):
    assert install(there) == install(there) == "gpu-shopper-done", "it is brought again where it is already"
    assert "ends in 91 s" in there.sh(over_ssh("gpu-shopper-done"))
    found = there.status()
    assert found is not None and found.ends == (("done", 91),)


@pytest.mark.parametrize("what", ["echo other >{}", "mkdir {}", "mkfifo {}", "ln -s /nowhere {}", "mkdir {}.new"])
def test_what_is_there_already_is_left_alone_and_the_one_beside_the_guard_works(there, what):
    there.sh(what.format(COMMAND))
    before = there.sh(f"ls -l {COMMAND}")
    place = install(there)
    assert place.endswith("/.gs-guard/gpu-shopper-done") and there.sh(f"ls -l {COMMAND}") == before
    assert "ends in 91 s" in there.sh(over_ssh(place))
    there.sh(f"rm -rf {COMMAND}.new")
