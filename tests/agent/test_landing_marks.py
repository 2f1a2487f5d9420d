"""What an instance is told of a pull: only what had ended before that began counts as pulled (ends.md E7)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.providers.vast.guard_recipe import self_destroy_recipe
from gpushopper.remote.agent import landing_marks
from tests.agent.conftest import boot_text
from tests.agent.contained_instance import Image, Instance, make_scratch
from tests.sandbox.live.conftest import wait

RUNS = "/root/.gpu-shopper/runs"


@pytest.fixture(scope="module", params=["dash", pytest.param("busybox", marks=pytest.mark.proofs)])
def shared(request: pytest.FixtureRequest) -> Iterator[Instance]:
    recipe = self_destroy_recipe("https://console.vast.ai")
    instance = Instance(make_scratch(), Image(request.param), boot_text(recipe, unstarted=True))
    try:
        instance.start()
        wait(lambda: "authorized_keys" in instance.sh("ls $HOME/.ssh"))
        yield instance
    finally:
        instance.stop()
        shutil.rmtree(instance.scratch, ignore_errors=True)


@pytest.fixture
def there(shared: Instance) -> Instance:
    shared.sh(f"rm -rf {RUNS} /root/.gs-guard/pull*")
    for run, pid in (("ended", 999_999), ("going", 1), ("lost", 999_999), ("other", 999_999)):
        shared.sh(f"mkdir -p {RUNS}/{run}; echo {pid} >{RUNS}/{run}/pid; echo always 60 1 77 >{RUNS}/{run}/ends")
    shared.sh(f"echo 0 >{RUNS}/ended/status; rm {RUNS}/other/ends")
    return shared


def asked(there: Instance, lines: str) -> None:
    there.sh(over_ssh(lines).removeprefix("exec "))


def pulled(there: Instance) -> list[str]:
    return [path.split("/")[-2] for path in there.sh(f"ls {RUNS}/*/pulled").split()]


def begun(there: Instance) -> str:
    return there.sh("read -r x y </proc/uptime; read -r y </proc/sys/kernel/random/boot_id; echo $y ${x%%.*}")


def test_a_run_that_ends_during_a_pull_was_not_pulled(there):
    asked(there, landing_marks.begin_lines())
    assert pulled(there) == [] and there.sh("ls /root/.gs-guard/pulled") == "", "nothing is here yet"
    at = there.sh("cat /root/.gs-guard/pulling")
    assert at == begun(there)
    there.sh(f"echo 0 >{RUNS}/going/status")
    there.run_for(60)
    asked(there, landing_marks.pulled_lines())
    assert pulled(there) == ["ended", "lost"]
    assert there.sh("cat /root/.gs-guard/pulled") == at, "what was asked for since then waits for the next pull"
    asked(there, landing_marks.begin_lines())
    asked(there, landing_marks.pulled_lines())
    assert pulled(there) == ["ended", "going", "lost"]


def test_a_disk_that_takes_no_new_file_is_told_still(there):
    there.sh("printf '%-200s\\n' '' >/root/.gs-guard/pulled.room; mkdir /root/.gs-guard/pulling.new")
    asked(there, landing_marks.begin_lines())
    asked(there, landing_marks.pulled_lines())
    assert there.sh("head -n 1 /root/.gs-guard/pulled") == begun(there)
    asked(there, landing_marks.begin_lines())
    assert there.sh("head -n 1 /root/.gs-guard/pulling") == "", "no room is left"


@pytest.mark.parametrize("what", ["mkdir {}", "ln -s /etc/passwd {}", "ln -s /nowhere {}", "mkfifo {}"])
def test_nothing_is_written_through_what_users_put_there(there, what):
    before = there.sh("cat /etc/passwd")
    for mark in ("pulling", "pulled"):
        there.sh(what.format(f"{RUNS}/ended/{mark}"))
    asked(there, landing_marks.begin_lines())
    asked(there, landing_marks.pulled_lines())
    assert there.sh("cat /etc/passwd") == before and there.sh("ls /nowhere") == ""
    assert "lost" in pulled(there)
