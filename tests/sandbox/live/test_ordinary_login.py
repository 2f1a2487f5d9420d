"""A live VM whose login cannot become root: the drop folder with real users and permissions (ends.md E4)."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

import pytest

from gpushopper.core.cloud import Planting, PlantingMethod
from gpushopper.core.lifecycle.ends.idle_watch import STARTING
from gpushopper.core.model.guard_recipe import PowerOff
from gpushopper.core.model.heartbeat import Brought, GuardRenewal, GuardStatus
from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.remote import boot_script, guard_protocol
from gpushopper.remote.agent import parts
from gpushopper.remote.planting.cloud_config import HEAD
from tests.sandbox.live.live_sandbox import LiveSandbox
from tests.sandbox.live.machines import Machine

pytestmark = pytest.mark.proofs

LIFE_S = 3600
LINE = "idle=1800 when=gpu contact=0 disuse=0 warn=300 tick=10 stale=60 hold=0 grace=120 failed=1800"
NO_SUDO = "setpriv --ambient-caps=-all --inh-caps=-all --bounding-set=-all sh -c "
HOOK = "id -un; pwd; echo kept"


class Ordinary:
    """A login as `user` that has lost what its sudo needs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def sh(self, command: str) -> str:
        return str(self.machine.ssh(NO_SUDO + shlex.quote(command)).stdout)

    def asked(self, lines: str) -> str:
        return self.sh(over_ssh(lines).removeprefix("exec "))

    def renewed(self, seq: int, left_s: int) -> GuardStatus | None:
        return guard_protocol.read_report(self.asked(guard_protocol.renew_command(GuardRenewal(seq, left_s))))

    def status(self) -> GuardStatus | None:
        return guard_protocol.read_report(self.asked(guard_protocol.status_command()))

    def bring(self) -> Brought:
        return parts.read_brought(self.asked(parts.bring_command(LINE)))


@pytest.fixture(scope="module")
def there(market: LiveSandbox) -> Ordinary:
    planting = Planting(PlantingMethod.CLOUD_INIT, user="user")
    text = boot_script.write_boot_script(
        PowerOff(("systemctl poweroff",)), Path(f"{market.key}.pub").read_text(), LIFE_S, int(time.time()) + LIFE_S,
        2 * LIFE_S, 2, 30, planting=planting, ends_bill=False,
    )  # fmt: skip
    machine = Machine(market, json.loads(text.removeprefix(HEAD)))
    machine.finished()
    return Ordinary(machine)


def test_it_is_served_and_reads_nothing_of_roots(there, wait_until):
    assert there.sh("sudo -n id; cat /root/.gs-guard/limits /root/.gs-guard/state") == ""
    wait_until(lambda: (found := there.status()) and found.armed and found.knows_ends, timeout_s=60)
    wait_until(lambda: (found := there.renewed(5, 3000)) and found.seq == 5 and found.left_s <= 3000, timeout_s=60)
    assert there.bring() == Brought(problem=STARTING)
    wait_until(lambda: there.bring().checksum, timeout_s=60)
    assert there.bring() == Brought(there.status().parts, "", "/var/lib/gs-drop/gpu-shopper-done")
    wait_until(lambda: '"idle": 1800' in there.asked(parts.report_command()), timeout_s=60)


def test_its_work_is_done_and_its_script_runs_as_itself_before_the_end(there, wait_until):
    wait_until(lambda: there.bring().checksum, timeout_s=60)
    there.sh(f"echo {shlex.quote(HOOK)} >/var/lib/gs-drop/user/before-end")
    assert "told to end" in there.asked("/var/lib/gs-drop/gpu-shopper-done")
    wait_until(lambda: (found := there.status()) and [name for name, _ in found.ends] == ["done"], timeout_s=60)
    out = "/home/user/.gpu-shopper/runs/before-end/out"
    wait_until(lambda: there.sh(f"cat {out}") == "user\n/home/user\nkept\n", timeout_s=60)
    assert there.sh(f"stat -c %U {out}") == "user\n"
