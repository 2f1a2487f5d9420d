"""A login that cannot become root reaches a VM's guard by a folder of which root reads digits alone (ends.md E4)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from gpushopper.core.cloud import PlantingMethod
from gpushopper.core.lifecycle.ends.idle_watch import STARTING
from gpushopper.core.model.heartbeat import Brought, GuardRenewal, GuardStatus
from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.remote import guard_protocol
from gpushopper.remote.agent import parts
from tests.agent.conftest import LIFE
from tests.agent.contained_instance import Image, Instance, make_scratch
from tests.agent.test_machines import INIT, SYSTEMCTL, program, script_of, text_for

LINE = "idle=1800 when=gpu contact=0 disuse=0 warn=300 tick=10 stale=60 hold=0 grace=120 failed=1800 life=77"
TICKS_S = 31
# One id can be mapped here: who one is depends on how one came in.
ID = """#!/mnt/bin/sh
case ${GS_AS:+login}$1 in login-u) echo 1000 ;; login-un) echo $GS_AS ;; -u) echo 0 ;; *) echo root ;; esac
"""


class Machine:
    """A VM in which one logs in as an ordinary user."""

    def __init__(self, instance: Instance, user: str) -> None:
        self.instance, self.user = instance, user

    def sh(self, command: str) -> str:
        return self.instance.sh(f"GS_AS={self.user}; export GS_AS; {command}")

    def asked(self, lines: str) -> str:
        return self.sh(over_ssh(lines).removeprefix("exec "))

    def status(self) -> GuardStatus | None:
        return guard_protocol.read_report(self.asked(guard_protocol.status_command()))

    def after_ticks(self) -> GuardStatus:
        self.instance.run_for(TICKS_S)
        found = self.status()
        assert found is not None
        return found

    def bring(self, line: str = LINE) -> Brought:
        return parts.read_brought(self.asked(parts.bring_command(line)))

    def drop(self, name: str, how: str) -> None:
        self.instance.sh(f"F=/var/lib/gs-drop/{self.user}/{name}; {how}")


@pytest.fixture
def rented() -> Iterator[Callable[..., Machine]]:
    made: list[Instance] = []

    def one(user: str = "user", clients: tuple[str, ...] = ("curl",), shell: str = "dash") -> Machine:
        scratch = make_scratch()
        (scratch / "disk" / "etc").mkdir(parents=True)
        entries = f"root:x:0:0:root:/root:/bin/sh\n{user}:x:0:0::/home/{user}:/bin/sh\n"
        (scratch / "disk" / "etc" / "passwd").write_text(entries)
        (scratch / "first").write_text(script_of(text_for(PlantingMethod.CLOUD_INIT, user)))
        (scratch / "inits").write_text("")
        instance = Instance(scratch, Image(shell, clients), INIT)
        (scratch / "disk" / "home" / user).mkdir()
        program(instance, "systemctl", SYSTEMCTL)
        program(instance, "id", ID)
        made.append(instance)
        instance.start()
        return Machine(instance, user)

    yield one
    for instance in made:
        instance.stop()
        shutil.rmtree(instance.scratch, ignore_errors=True)


@pytest.mark.parametrize("user", ["user", pytest.param("ubuntu", marks=pytest.mark.proofs)])
@pytest.mark.parametrize("shell", ["dash", pytest.param("busybox", marks=pytest.mark.proofs)])
def test_it_renews_is_brought_limits_ends_after_a_run_and_by_done(rented, wait_until, user, shell):
    there = rented(user, shell=shell)
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    # Between two ticks, of which the first may have been already.
    wait_until(lambda: there.instance.sh("rm -f /var/lib/gs-drop/report") == "" and there.status() is None, 20)
    found = there.after_ticks()
    assert found.armed and found.knows_ends and LIFE - 120 < found.left_s <= LIFE

    there.asked(guard_protocol.renew_command(GuardRenewal(5, 1000)))
    there.instance.run_for(TICKS_S)
    found = there.status()
    assert found is not None and found.seq == 5 and abs(found.left_s - 1000 + TICKS_S) <= 2

    assert there.bring() == Brought(problem=STARTING)
    there.instance.run_for(TICKS_S)
    now, brought = there.status(), there.bring()
    assert now is not None and brought == Brought(now.parts, "it has no python3", "gpu-shopper-done")
    assert there.instance.sh("cat /root/.gs-guard/limits").endswith(f" {LINE}\n")

    run = f"/home/{user}/.gpu-shopper/runs/abc"
    there.sh(f"mkdir -p {run}; echo always 0 0 77 >{run}/ends; echo 7 >{run}/pid; echo 0 >{run}/status")
    ((name, left),) = there.after_ticks().ends
    assert name == "run" and 0 < left <= 120
    there.sh(f"rm -r {run}")
    assert there.after_ticks().ends == ()

    assert "told to end" in there.asked("gpu-shopper-done")
    ((name, left),) = there.after_ticks().ends
    assert name == "done" and 0 < left <= 91


def test_the_script_before_the_end_lies_where_its_login_reads_it_and_goes_with_it(rented, wait_until):
    there = rented()
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    packed = parts.Programs("up", "agent").packed("echo saved\n").decode()
    bring = over_ssh(parts.bring_command(LINE, with_hook=True)).removeprefix("exec ")
    assert "brought=later" in there.sh(f"printf %s '{packed}' | {bring}")
    assert there.instance.sh("cat /var/lib/gs-drop/user/before-end") == "echo saved\n"
    there.bring()
    assert there.instance.sh("ls /var/lib/gs-drop/user") == "limits\n"


HOSTILE = {
    "letters": "echo '9 60 $(reboot)' >$F",
    "too many": "echo 9 60 1 1 1 1 1 1 1 1 1 1 1 1 1 1 >$F",
    "of the future": "echo 9 60 999999999999 >$F",
    "negative": "echo 9 -60 1 >$F",
    "link": "echo 9 60 1 >/tmp/x; ln -s /tmp/x $F",
    "pipe": "mkfifo $F",
    "octal": "echo 08 09 01 >$F",
    "endless": "ln -s /dev/zero $F",
}


def test_what_is_not_digits_is_nothing_and_holds_nothing_up(rented, wait_until):
    there = rented()
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    there.instance.sh("rm -f /var/lib/gs-drop/report")
    assert there.status() is None
    before = there.after_ticks()
    for name in ("renew", "heard", "pulled", "limits", "done"):
        for how in HOSTILE.values() if name in ("renew", "done") else [HOSTILE["letters"]]:
            there.drop(name, how)
            there.instance.sh("rm /var/lib/gs-drop/report; sh /root/.gs-guard/upkeep.sh")
            assert there.instance.sh("ls /var/lib/gs-drop/report"), f"{name}: {how}: others are served"
            assert there.instance.sh(f"ls -d /var/lib/gs-drop/user/{name}") == "", f"{name}: {how}"
    found = there.status()
    assert found is not None and (found.seq, found.ends, found.left_s) == (0, (), before.left_s)
    assert there.instance.sh("ls /root/.gs-guard/limits /root/.gs-guard/end-done /root/.gs-guard/pulled") == ""


def test_root_looks_into_no_folder_that_a_login_made(rented, wait_until):
    """While root goes through it, its owner could put a link in the place of one inside, to what is root's."""
    there = rented()
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    there.instance.sh("sh /root/.gs-guard/upkeep.sh")
    there.drop("heard", "mkdir -p $F/a; echo 1 >$F/a/b")
    there.drop("done", "mkdir $F")
    there.drop("renew", "read -r up x </proc/uptime; echo 9 900 ${up%%.*} >$F")
    there.instance.sh("sh /root/.gs-guard/upkeep.sh")
    assert there.instance.sh("cat /var/lib/gs-drop/user/heard/a/b") == "1\n"
    assert there.instance.sh("ls /root/.gs-guard/end-done") == "" and there.instance.sh(
        "ls -d /var/lib/gs-drop/user/done"
    )
    assert there.status() is not None and there.after_ticks().seq == 9, "what else it asks for is done"


def test_a_renewal_passes_no_hard_maximum_and_none_survives_a_restart(rented, wait_until):
    there = rented()
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    there.status()
    there.after_ticks()
    there.asked(guard_protocol.renew_command(GuardRenewal(3, 999_999)))
    found = there.after_ticks()
    assert found.left_s == found.max_left_s > LIFE
    there.asked(guard_protocol.renew_command(GuardRenewal(4, 60)))
    there.instance.restart(down_s=5)
    wait_until(lambda: any("guard.sh hold" in line for line in there.instance.processes()), 20)
    assert there.status() is None, "the report is of the boot before"
    assert there.after_ticks().seq == 3


def test_no_number_of_a_renewal_makes_all_later_ones_impossible(rented, wait_until):
    """After the largest number that fits there would be none: ten digits, or the next after those, as ours is."""
    there = rented()
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    there.status()
    for asked, is_taken in ((10**12 - 1, False), (10**10 - 1, True), (10**10 + 99, False), (10**10, True)):
        there.drop("renew", f"read -r up x </proc/uptime; echo {asked} 900 ${{up%%.*}} >$F")
        assert (there.after_ticks().seq == asked) is is_taken, asked


@pytest.mark.proofs
def test_its_agent_runs_as_root_and_its_report_is_shown(rented, wait_until):
    there = rented(clients=("curl", "python3"))
    wait_until(lambda: there.instance.sh("ls /usr/local/bin/gpu-shopper-done"), 20)
    there.bring()
    upkeep = "sh /root/.gs-guard/upkeep.sh"
    there.instance.sh(upkeep)

    def shown() -> str:
        there.instance.sh(upkeep)
        return there.asked(parts.report_command())

    wait_until(lambda: '"idle": 1800' in shown(), 30)
    assert '"when": "gpu"' in shown()
