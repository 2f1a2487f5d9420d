"""A VM instead of a container: a guard at every boot that powers off and answers other users (F89)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gpushopper.core.cloud import Planting, PlantingMethod
from gpushopper.core.model.guard_recipe import PowerOff
from gpushopper.core.model.heartbeat import GuardStatus
from gpushopper.core.model.shell_environment import INSTALL_VARIABLES, exports, over_ssh
from gpushopper.remote import boot_script, guard_protocol
from gpushopper.remote.planting.cloud_config import HEAD
from tests.agent.conftest import LIFE, MAX_LIFE, PUBLIC_KEY
from tests.agent.contained_instance import TRUE_START, UPTIME, Image, Instance

RECIPE = PowerOff(("touch $HOME/off", "kill 1"))
SYSTEMCTL = """#!/mnt/bin/sh
[ "$1" != restart ] || $(sed -n 's/^ExecStart=//p' /etc/systemd/system/gs-guard.service)
"""
# As an init does at each boot; cloud-init runs the boot script at the first one only.
INIT = """
if [ ! -e /var/lib/booted ]; then
touch /var/lib/booted
[ "$(cat /mnt/inits)" != systemd ] || mkdir -p /run/systemd/system
sh /mnt/first
elif [ -h /etc/systemd/system/multi-user.target.wants/gs-guard.service ]; then systemctl restart gs-guard.service
elif [ -s /etc/rc.local ]; then sh /etc/rc.local
fi
"""
# An ordinary user who may become root without a password.
ID = """#!/mnt/bin/sh
case ${SUDO_USER-}$1 in -u) echo 1000 ;; -un) echo USER ;; *-u) echo 0 ;; *) echo root ;; esac
"""
SUDO = """#!/mnt/bin/sh
[ "$1" = -n ] || exit 1
shift
SUDO_USER=USER
export SUDO_USER
exec "$@"
"""


def text_for(method: PlantingMethod, user: str = "root", after_s: int = 0, **variables: str) -> str:
    planting, end = Planting(method, user=user), TRUE_START + after_s + LIFE
    return boot_script.write_boot_script(
        RECIPE, PUBLIC_KEY, LIFE, end, MAX_LIFE, planting=planting, environment=variables
    )


def script_of(cloud_config: str) -> str:
    """What cloud-init would write and run."""
    assert cloud_config.startswith(HEAD)
    (file,) = json.loads(cloud_config.removeprefix(HEAD))["write_files"]
    return str(file["content"])


def program(instance: Instance, name: str, text: str) -> None:
    path = instance.scratch / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    instance.give_to_nobody()


@pytest.fixture
def machine() -> Iterator[Callable[..., Instance]]:
    made: list[Instance] = []

    def one(first: str = "", inits: str = "", image: Image | None = None) -> Instance:
        scratch = Path(tempfile.mkdtemp(prefix="gs-inside-", dir="/tmp"))
        scratch.chmod(0o755)
        (scratch / "disk" / "etc").mkdir(parents=True)
        (scratch / "disk" / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (scratch / "first").write_text(first)
        (scratch / "inits").write_text(inits)
        # Without python3: the agent that is planted, too, would not sleep in the time of the test.
        instance = Instance(scratch, image or Image("dash", ("curl",)), INIT)
        program(instance, "systemctl", SYSTEMCTL)
        made.append(instance)
        instance.start()
        return instance

    yield one
    for instance in made:
        instance.stop()
        shutil.rmtree(instance.scratch, ignore_errors=True)


@pytest.mark.parametrize("inits", ["systemd", ""])
def test_after_a_reboot_the_guard_is_there_with_the_remaining_time(machine, wait_until, inits):
    instance = machine(script_of(text_for(PlantingMethod.CLOUD_INIT)), inits)
    instance.wait_until_armed()
    instance.run_for(600)
    instance.restart(down_s=300)
    instance.wait_until_armed()
    assert LIFE - 1000 <= instance.status().left_s <= LIFE - 900
    assert instance.sh("cat $HOME/.ssh/authorized_keys").count("ssh-ed25519") == 1


def test_its_variables_reach_login_shells_and_nobody_else_and_its_label_stays(machine, wait_until):
    given = {"A": "it's $HOME `x` \\", "GS_LABEL": "gs2-a-b"}
    instance = machine(script_of(text_for(PlantingMethod.CLOUD_INIT, **given)))
    instance.wait_until_armed()
    show = '. $HOME/.profile; printf "%s|%s" "$A" "$GS_LABEL"'
    wait_until(lambda: instance.sh(show) == "it's $HOME `x` \\|gs2-a-b", 20)
    assert instance.sh("ls -l $HOME/.gpu-shopper/environment").startswith("-rw-------")
    # As `provision` does once it is ready, with the secret ones.
    secret = exports({"A": "1", "SECRET": "s"}).replace("'", "'\"'\"'")
    instance.sh(f"printf '%s' '{secret}' | {over_ssh(INSTALL_VARIABLES)}".replace("exec ", "", 1))
    assert instance.sh(show + '; printf "|%s" "$SECRET"') == "1|gs2-a-b|s"
    assert instance.sh("ls -l $HOME/.gpu-shopper/environment").startswith("-rw-------")
    assert instance.sh("grep -c gpu-shopper/environment $HOME/.profile").strip() == "1"


@pytest.mark.proofs
@pytest.mark.parametrize("inits", ["systemd", ""])
def test_it_powers_off_at_the_deadline_and_again_after_each_boot(machine, wait_until, inits):
    instance = machine(script_of(text_for(PlantingMethod.CLOUD_INIT)), inits)
    instance.wait_until_armed()
    instance.run_for(LIFE - 120)
    assert instance.is_up()
    instance.run_for(240)
    wait_until(lambda: not instance.is_up(), 30)
    instance.restart(down_s=60)
    instance.run_for(120)
    wait_until(lambda: not instance.is_up(), 30)


@pytest.mark.parametrize("user", ["user", "ubuntu"])
def test_planted_over_ssh_by_a_user_with_sudo_it_runs_as_root_and_answers(machine, wait_until, user):
    instance = machine(inits="none")
    program(instance, "id", ID.replace("USER", user))
    program(instance, "sudo", SUDO.replace("USER", user))
    script = text_for(PlantingMethod.OVER_SSH, user, 5000)

    def ask() -> GuardStatus | None:
        return guard_protocol.read_report(
            instance.sh(over_ssh(guard_protocol.plant_command(script, guard_protocol.status_command()))).strip()
        )

    instance.write_clock("uptime", f"{UPTIME + 5000}.00 0.00")  # it was up for longer than the session lasts
    assert instance.status() is None
    wait_until(lambda: (found := ask()) and found.armed, 60)
    assert LIFE - 120 <= instance.status().left_s <= LIFE
    assert instance.renew(7, 100).left_s <= 100
    assert instance.sh("ls /root/.gs-guard").split()


def test_as_an_ordinary_user_it_says_that_it_may_not_power_off(machine, wait_until):
    instance = machine(inits="none")
    program(instance, "id", ID.replace("USER", "user"))
    script = text_for(PlantingMethod.OVER_SSH, "user")
    lines = guard_protocol.plant_command(script, guard_protocol.status_command())

    def why() -> str:
        found = guard_protocol.read_report(instance.sh(over_ssh(lines)).strip())
        return "" if found is None or found.armed else found.why

    wait_until(lambda: "power" in why(), 60)
