"""Lives with early ends: in time, withdrawn without a trace, and never in the way of the deadline (ends.md E4, E5)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.agent.contained_instance import TRUE_START, UPTIME
from tests.agent.early_ends import put

LIFE_S, TICK_S = 1800, 15
AT = UPTIME + 600
DEADLINE = TRUE_START + LIFE_S


def end_file(at: int = AT, reason: str = "run", boot: str = "boot-0001") -> str:
    return f"{DEADLINE} {boot} {at} {reason}"


@pytest.fixture
def living(rent, provider, image, wait_until):
    instance = rent(image, life_s=LIFE_S, max_life_s=LIFE_S)
    instance.wait_until_armed()
    return instance


def destroyed_at(provider) -> int:
    return provider.did("destroy")[0] - TRUE_START


def live_to_the_deadline(instance, provider, wait_until) -> None:
    instance.run_for(LIFE_S - 1 - (instance.true_now() - TRUE_START))
    assert provider.asked("destroy") == []
    instance.run_for(2 * TICK_S)
    wait_until(lambda: provider.did("destroy"), 60)
    assert LIFE_S <= destroyed_at(provider) <= LIFE_S + TICK_S


def test_the_earliest_end_ends_it_in_time_and_not_before(living, provider, wait_until):
    put(living, "end-done", end_file(AT + 300, "done"))
    put(living, "end-run", end_file())
    living.run_for(600 - 1 - (living.uptime() - UPTIME))
    assert provider.asked("destroy") == []
    living.run_for(2 * TICK_S)
    wait_until(lambda: provider.did("destroy"), 60)
    assert 600 <= destroyed_at(provider) <= 600 + TICK_S


def test_a_withdrawn_end_stops_the_tries_and_delays_nothing(living, provider, wait_until):
    """The pause to the next try had grown to minutes: it must not last into the deadline."""
    put(living, "end-run", end_file(UPTIME + 60))
    provider.behaviour = 500
    living.run_for(1500)
    tries = len(provider.asked("destroy"))
    assert tries >= 4
    living.sh("rm $HOME/.gs-guard/end-run")
    living.run_for(LIFE_S - 1 - (living.uptime() - UPTIME))
    assert len(provider.asked("destroy")) == tries
    provider.behaviour = "well"
    living.run_for(2 * TICK_S)
    wait_until(lambda: provider.did("destroy"), 60)
    assert LIFE_S <= destroyed_at(provider) <= LIFE_S + TICK_S


@pytest.mark.parametrize(("new_host_boot", "ends"), [(False, True), (True, False)], ids=["container", "host"])
def test_a_restart_keeps_them_and_another_boot_voids_them(living, provider, wait_until, new_host_boot, ends):
    put(living, "end-run", end_file())
    living.run_for(60)
    living.restart(down_s=20, new_host_boot=new_host_boot)
    wait_until(lambda: (found := living.status()) and found.holders == 2, 60)
    assert bool(living.status().ends) is ends and (living.status().bad_ends == ("run",)) is not ends
    assert "end-run" in living.sh("ls $HOME/.gs-guard")
    living.run_for(700)
    assert bool(provider.did("destroy")) is ends


TAMPERING = """
cd $HOME/.gs-guard
n=0
while [ $n -lt 10000 ]; do
  : >end-$n
  n=$((n + 1))
done
"""


@pytest.mark.parametrize(
    "tampering",
    [
        TAMPERING,
        "cd $HOME/.gs-guard; for n in idle contact run done; do mkfifo end-$n; done",
        "cd $HOME/.gs-guard; mkdir end-idle; ln -s /dev/zero end-contact; ln -s end-run end-run; echo x >end-done",
        f"cd $HOME/.gs-guard; for n in run done; do echo {end_file(AT + 9000)} >end-$n; done",
        "cd $HOME/.gs-guard; dd if=/dev/zero of=end-run bs=1000 count=1 seek=9000000; echo 0 >end-done; rm state",
        f"cd $HOME/.gs-guard; echo {end_file(boot='boot-0000')} >end-run; echo {end_file()} 5 1 100 >end-idle",
    ],
    ids=["10,000", "pipes", "other things", "too late", "huge", "another boot"],
)
def test_no_tampering_moves_the_deadline(living, provider, wait_until, tampering):
    living.run_for(60)
    living.sh(tampering)
    live_to_the_deadline(living, provider, wait_until)


# ---- upkeep.sh

NOTE = "read -r up _ </proc/uptime; echo ${up%%.*} >>$HOME/ran\n"


def upkeep(instance, text: str) -> None:
    path = instance.scratch / "upkeep"
    path.write_text(text)
    instance.sh("cat /mnt/upkeep >$HOME/.gs-guard/upkeep.sh-; mv $HOME/.gs-guard/upkeep.sh- $HOME/.gs-guard/upkeep.sh")


def ran(instance) -> list[int]:
    return [int(line) - UPTIME for line in instance.sh("cat $HOME/ran").split()]


def test_upkeep_runs_at_each_tick_once(living):
    upkeep(living, NOTE)
    living.run_for(150)
    times = ran(living)
    assert 9 <= len(times) <= 10 and all(later - one == TICK_S for one, later in pairwise(times))


def test_upkeep_runs_at_boot_and_while_the_first_holder_is_dead(living, wait_until):
    upkeep(living, NOTE)
    living.restart(down_s=20, new_host_boot=False)
    wait_until(lambda: ran(living), 60)
    living.sh(f"kill -9 {living.holder_pid(1)}")
    before = len(ran(living))
    living.run_for(60)
    assert len(ran(living)) - before >= 3


def test_a_hanging_upkeep_runs_once_at_a_time_with_a_time_limit_and_delays_nothing(living, provider, wait_until):
    living.sh("mv /mnt/bin/timeout /mnt/bin/timeout.true")
    (living.scratch / "bin" / "timeout").write_text(
        '#!/mnt/bin/sh\ncase $* in *upkeep.sh) echo "$*" >>$HOME/limits; shift 3; exec "$@" ;; esac\n'
        'exec /mnt/bin/timeout.true "$@"\n'
    )
    (living.scratch / "bin" / "timeout").chmod(0o755)
    upkeep(living, f"{NOTE}/mnt/real/sleep 100000\n")
    living.run_for(120)
    assert len(ran(living)) == 1
    assert living.sh("cat $HOME/limits").strip() == "-s KILL 60 sh /root/.gs-guard/upkeep.sh"
    put(living, "end-run", end_file())
    living.run_for(600)
    wait_until(lambda: provider.did("destroy"), 60)
    assert 600 <= destroyed_at(provider) <= 600 + TICK_S


@pytest.mark.parametrize(
    "text",
    [
        "exit 1\n",
        "\0\1)(;;\n",
        "dd if=/dev/zero of=$HOME/full bs=1000 count=1000000\n",
        "kill -9 $PPID\n",
        "cd $HOME/.gs-guard; echo garbage | tee end-run end-idle state; mkfifo end-done\n",
    ],
    ids=["fails", "garbage", "eats the disk", "kills its caller", "writes garbage"],
)
def test_no_upkeep_moves_the_deadline(rent, provider, image, wait_until, text):
    instance = rent(image, disk="tiny", life_s=LIFE_S, max_life_s=LIFE_S)
    wait_until(lambda: provider.did("see"), 60)
    upkeep(instance, text)
    live_to_the_deadline(instance, provider, wait_until)


def test_without_timeout_the_guard_ends_it_all_the_same(rent, provider, image, wait_until):
    instance = rent(image, life_s=LIFE_S, max_life_s=LIFE_S, started=False)
    (instance.scratch / "bin" / "timeout").unlink()
    instance.start()
    wait_until(lambda: provider.did("see"), 60)
    upkeep(instance, NOTE)
    put(instance, "end-run", end_file())
    instance.run_for(660)
    wait_until(lambda: provider.did("destroy"), 60)
    assert 600 <= destroyed_at(provider) <= 600 + TICK_S
