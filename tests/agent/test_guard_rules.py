"""What the guard's functions do, called one by one in a contained instance whose guard is installed and not started.

The whole lives that test the same second by second are in test_guard_time and test_guard_calls.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from gpushopper.core.model.heartbeat import GuardStatus
from gpushopper.core.model.shell_environment import over_ssh
from gpushopper.remote import guard_files, guard_protocol
from tests.agent.conftest import LIFE, MAX_LIFE, boot_text
from tests.agent.contained_instance import NOBODY, TRUE_START, UPTIME, Image, Instance, make_scratch
from tests.agent.provider import INSTANCE, KEY, Provider
from tests.core.test_shell_environment import HOSTILE
from tests.sandbox.live.conftest import wait

END, GAP, TICK = TRUE_START + LIFE, MAX_LIFE - LIFE, 15
BOOT = "boot-0001"
DAY = 86_400
DASH = Image("dash")


@pytest.fixture
def install_only(rent, wait_until) -> Callable[..., Instance]:
    """Install a guard and do not start it."""

    def one(image: Image) -> Instance:
        instance: Instance = rent(image, unstarted=True)
        wait_until(lambda: "authorized_keys" in instance.sh("ls $HOME/.ssh"), 60)
        return instance

    return one


@dataclass
class Bench:
    """One instance, and its provider, for all rows of the tables below."""

    instance: Instance
    provider: Provider

    def clear(self) -> None:
        """Make it as the boot script left it; nothing runs there."""
        self.instance.sh("cd $HOME; rm -rf last; cd .gs-guard && rm -f state renewal test key")
        self.instance.write_clock("uptime", f"{UPTIME}.00 0.00")
        self.instance.set_skew(0)
        self.provider.reset()


@pytest.fixture(scope="module")
def made() -> Iterator[Bench]:
    scratch = make_scratch()
    provider = Provider()
    instance = Instance(scratch, DASH, boot_text(provider.recipe("touch $HOME/last"), unstarted=True))
    try:
        instance.start()
        wait(lambda: "authorized_keys" in instance.sh("ls $HOME/.ssh"))
        yield Bench(instance, provider)
    finally:
        instance.stop()
        provider.close()
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture
def bench(made: Bench) -> Bench:
    made.clear()
    return made


@pytest.fixture
def unstarted(install_only, image) -> Instance:
    return install_only(image)


def call_functions(instance: Instance, words: str) -> str:
    """Call functions of the installed guard, as a holder's process does."""
    words = guard_files.shortened(words)
    said = instance.sh(f"sh -c '. \"$0\"; {words}' $HOME/.gs-guard/guard.sh")
    return said.strip()


def put(instance: Instance, name: str, text: str) -> None:
    instance.sh(f"printf '%s\\n' '{text}' >$HOME/.gs-guard/{name}")


def ends(found: GuardStatus | None) -> tuple[tuple[tuple[str, int], ...], bool]:
    assert found is not None
    return found.ends, found.knows_ends


def left(instance: Instance, holder: str = "") -> int:
    return int(call_functions(instance, f"K={holder}; {'who;' if holder else ''} load; echo $left").splitlines()[-1])


# ---- time


def test_a_life_counts_from_the_start_of_the_container(unstarted):
    assert left(unstarted) == LIFE
    unstarted.write_clock("uptime", f"{UPTIME + 100}.00 0.00")
    assert left(unstarted) == LIFE - 100


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (f"{END} 0 900 {GAP} {END} {UPTIME} {BOOT}", 900 - 60),
        (f"{END} 0 -5 0 {END} {UPTIME} {BOOT}", -65),
        (f"{END + 1} 0 99999 {GAP} {END} {UPTIME} {BOOT}", LIFE - 60),
        (f"{END} 0 99999 {GAP} {END} {UPTIME}", LIFE - 60),
        (f"{END} 0 099999 {GAP} {END} {UPTIME} {BOOT}", LIFE - 60),
        (f"{END} 0 9999999999999999 {GAP} {END} {UPTIME} {BOOT}", LIFE - 60),
        (f"{END} x 99999 {GAP} {END} {UPTIME} {BOOT}", LIFE - 60),
        ("", LIFE - 60),
        ("rubbish", LIFE - 60),
        (f"{END} 0 99999999", LIFE - 60),
    ],
    ids=["ticks", "over", "other life", "no boot", "octal", "too long", "no number", "empty", "rubbish", "cut off"],
)
def test_time_left_is_counted_from_a_complete_state_of_this_life(bench, state, expected):
    instance = bench.instance
    put(instance, "state", state)
    instance.write_clock("uptime", f"{UPTIME + 60}.00 0.00")
    assert left(instance) == expected


def test_a_state_that_the_other_holder_saves_meanwhile_is_no_restart(unstarted):
    """It may name a later second than the one in which this holder began to read."""
    put(unstarted, "state", f"{END} 0 900 {GAP} {END} {UPTIME + 1} {BOOT}")
    a_second_passes = f'echo "{UPTIME + 1}.00 0.00" 1<>/mnt/clock/uptime'
    words = f'grep() {{ {a_second_passes}; command grep "$@"; }}; load; echo $left'
    assert int(call_functions(unstarted, words)) == 900


def test_the_renewal_with_the_higher_number_counts(unstarted):
    put(unstarted, "state", f"{END} 3 900 {GAP} {END} {UPTIME} {BOOT}")
    for seq, expected in ((2, 900), (4, 1200)):
        put(unstarted, "renewal", f"{END} {seq} 1200 {GAP} {END + 300} {UPTIME} {BOOT}")
        assert left(unstarted) == expected


@pytest.mark.parametrize(
    ("down_s", "skew", "holder", "expected"),
    [
        (20, 0, "", 1800 - 20),  # the wall clock saw what was down
        (20, -300, "", 1800 - TICK),  # never more than the ticks
        (20, DAY, "", 1800 - 20 - DAY),  # no Date of a provider: the smaller one
        (20, DAY, "1", 1800 - 20),  # the provider's date
        (20, -DAY, "1", 1800 - 20),
    ],
)
def test_a_restart_takes_the_smaller_of_ticks_and_wall_clock(bench, down_s, skew, holder, expected):
    instance, provider = bench.instance, bench.provider
    put(instance, "state", f"{END} 0 1800 {GAP} {TRUE_START + 1800} {UPTIME} boot-0000")
    provider.now = lambda: TRUE_START + down_s
    instance.write_clock("uptime", f"{UPTIME + down_s}.00 0.00")
    instance.set_skew(skew)
    assert left(instance, holder) == expected


# ---- the end

DESTROY, STOP = "destroy", "stop"


@pytest.mark.parametrize(
    ("behaviour", "scope", "late_s", "rounds", "did", "last"),
    [
        ("well", "see destroy stop", 0, 1, {DESTROY}, False),
        ("well", "see stop", 0, 3, {STOP}, False),
        ("well", "see", 0, 3, set(), True),
        ("noop", "see destroy stop", 0, 3, {DESTROY}, False),
        ("noop", "see destroy stop", 1300, 1, {DESTROY, STOP}, False),
        ("portal", "see destroy stop", 3100, 1, {DESTROY, STOP}, True),
        (500, "see destroy stop", 1100, 1, set(), False),
        ("cut", "see destroy stop", 3100, 1, set(), True),
    ],
)
def test_stop_and_the_last_resort_wait_for_refusals_or_a_long_time(bench, behaviour, scope, late_s, rounds, did, last):
    instance, provider = bench.instance, bench.provider
    provider.behaviour, provider.scope = behaviour, set(scope.split())
    call_functions(instance, f"who; left=-{late_s} no=1; " + "finish; " * rounds + "wait")
    assert {what for what in (DESTROY, STOP) if provider.did(what)} == did
    assert (instance.sh("ls $HOME").strip() == "last") is last
    assert provider.leaks == []


@pytest.mark.parametrize(
    ("tried_s", "did", "last"), [(0, set(), False), (1200, set(), False), (1201, {STOP}, False), (3001, {STOP}, True)]
)
def test_before_the_deadline_they_wait_from_the_first_try_at_that_end(bench, tried_s, did, last):
    """Not from the time that an end file names: one of long ago would stop it at once, and its disk bills on."""
    bench.provider.behaviour = 500 if last else "noop"
    bench.provider.scope = {"see", STOP}
    call_functions(bench.instance, f"who; left=1800 up=9000 since={9000 - tried_s} no=0; finish; wait")
    assert {what for what in (STOP,) if bench.provider.asked(what)} == did
    assert (bench.instance.sh("ls $HOME").strip() == "last") is last


# ---- the self-test


@pytest.mark.parametrize(
    ("behaviour", "scope", "before", "test"),
    [
        ("well", "see", "", "1"),
        ("well", "", "", "0 refused 401"),
        ("cut", "see", "", "0 unclear"),
        (500, "see", "", "0 unclear 500"),
        ("portal", "see", "", "0 ok 200"),
        ("cut", "see", "1", "1"),
        ("well", "", "1", "0 refused 401"),
    ],
)
def test_the_self_test_saves_its_result(bench, behaviour, scope, before, test):
    instance, provider = bench.instance, bench.provider
    provider.behaviour, provider.scope = behaviour, set(scope.split())
    if before:
        put(instance, "test", before)
    call_functions(instance, "K=1 n=240; who; retest")
    assert instance.sh("cat $HOME/.gs-guard/test").strip() == test


def test_the_key_is_found_in_the_first_process_and_kept(unstarted):
    assert call_functions(unstarted, "who; echo $ID $KEY") == f"{INSTANCE} {KEY}"
    assert unstarted.sh("cat $HOME/.gs-guard/key").splitlines() == [
        f"# {INSTANCE} {KEY}",
        f"header=Authorization: Bearer {KEY}",
    ]


# ---- what others ask


@pytest.mark.parametrize("former", ["", "guard_1", "former_guard"])
def test_a_guard_of_any_version_reports_and_is_renewed(rent, image, provider, wait_until, former):
    instance = rent(image, former=former)
    instance.wait_until_armed()
    put(instance, "end-run", f"{END} {BOOT} {UPTIME + 900} run")
    assert ends(instance.status()) == ((("run", 900),), True) if not former else ((), False)
    longer = instance.renew(5, LIFE + 1200)
    assert longer is not None and (longer.seq, longer.max_left_s - longer.left_s) == (5, GAP - 1200)
    assert abs(longer.left_s - (LIFE + 1200)) <= 30
    for seq in (5, 4, 0):
        again = instance.renew(seq, 60)
        assert again is not None and again.seq == 5 and again.left_s > LIFE
    most = instance.renew(6, 10 * MAX_LIFE)
    assert most is not None and most.left_s == most.max_left_s <= MAX_LIFE
    shorter = instance.renew(7, 300)
    assert shorter is not None and shorter.left_s <= 300
    for number in (1, 2):
        instance.sh(f"kill -9 {instance.holder_pid(number)}")
    wait_until(lambda: (found := instance.status()) and found.holders == 2, 60)


def test_there_is_no_renewal_after_the_deadline(unstarted):
    put(unstarted, "state", f"{END} 3 0 {GAP} {END} {UPTIME} {BOOT}")
    found = unstarted.renew(4, 600)
    assert found is not None and (found.seq, found.left_s) == (3, 0)


def test_a_probe_starts_a_guard_whose_holders_are_dead(unstarted, wait_until):
    assert unstarted.status().holders == 0
    wait_until(lambda: unstarted.status().holders == 2, 60)


def test_a_probe_before_the_boot_script_has_begun_the_guard_leaves_it_armed(unstarted, wait_until):
    """A probe may find the guard installed and not running yet: the boot script then keeps what the probe began."""
    wait_until(lambda: (status := unstarted.status()) and status.armed, 60)
    unstarted.sh("sh $HOME/.gs-guard/guard.sh boot")
    assert unstarted.status().armed


def test_two_that_begin_the_guard_at_once_agree_at_the_next_tick(unstarted):
    """As when a probe comes while the boot script begins it."""
    begin = "setsid sh $HOME/.gs-guard/guard.sh hold 1 $x </dev/null >/dev/null &"
    unstarted.sh(f"for x in first '' first ''; do {begin} done")
    unstarted.run_for(2 * TICK)
    found = unstarted.status()
    assert found is not None and found.armed and found.holders == 2
    assert sorted(line.split()[3] for line in unstarted.processes() if "guard.sh hold" in line) == ["1", "2"]


@pytest.mark.parametrize("client", ["curl", "wget", "python3"])
def test_the_users_variables_do_not_break_the_guard(rent, provider, wait_until, client):
    """`-e PATH=/opt/conda/bin` rented hosts in vain: the boot script found no tool, no guard was installed."""
    variables = {**HOSTILE, "LD_PRELOAD": "/nowhere.so"}
    instance = rent(Image("dash", (client,)), variables=variables, life_s=60, max_life_s=60)
    instance.wait_until_armed()
    instance.run_for(120)
    wait_until(lambda: provider.did(DESTROY), 60)
    assert provider.leaks == []


# ---- the warning

SAID = {
    901: "", 900: "in 15 minutes", 301: "in 5 minutes", 300: "in 5 minutes", 271: "in 5 minutes", 269: "in 4 minutes",
    90: "in 2 minutes", 89: "in 1 minute",
    30: "in 1 minute", 29: "in less than a minute", 1: "in less than a minute", 0: "", -424: "",
}  # fmt: skip
ON_A_TERMINAL = """
import json, os, pty, subprocess
asked = json.load(open("/mnt/asked"))
ours, theirs = pty.openpty()
shown = []
for state in asked["states"]:
    open("/root/.gs-guard/state", "w").write(state + chr(10))
    ended, open_here = os.pipe()
    subprocess.run(["/mnt/bin/sh", "-c", asked["probe"]], stdout=subprocess.DEVNULL, pass_fds=[open_here])
    os.close(open_here)
    os.read(ended, 1)  # until the last process that may write has ended
    os.close(ended)
    os.write(theirs, b"|")
    text = b""
    while not text.endswith(b"|"):
        text += os.read(ours, 4096)
    shown.append(text[:-1].decode())
print(json.dumps([text.replace("\\r\\r", "\\r") for text in shown]))  # the terminal itself adds one
"""


def warned(instance: Instance, *states: str) -> list[str]:
    """Probe once in each of these states, as the daemon does; what a terminal of the instance showed each time."""
    put(instance, "holder1", f"1 {UPTIME * 100}")  # alive: a probe starts none, which would write states too
    (instance.scratch / "terminal.py").write_text(ON_A_TERMINAL)
    asked = {"probe": over_ssh(guard_protocol.status_command()), "states": states}
    (instance.scratch / "asked").write_text(json.dumps(asked))
    shown: list[str] = json.loads(instance.sh("/mnt/bin/python3 /mnt/terminal.py"))
    return shown


def test_logins_are_warned_once_per_end_in_minutes_and_never_after_it(install_only, image):
    states = [f"{END} 0 {left} {GAP} {END + end} {UPTIME} {BOOT}" for end, left in enumerate([*SAID, 200])]
    *shown, first, second = warned(install_only(image), *states, states[-1])
    found = dict(zip(SAID, shown, strict=True))
    prefix = "\r\ngpu-shopper: this instance ends "
    assert found == {left: f"{prefix}{said}\r\n" if said else "" for left, said in SAID.items()}
    assert (first, second) == (f"{prefix}in 3 minutes\r\n", "")


def test_the_warning_stays_inside(install_only, image):
    """It came to every terminal of the computer whose user ran a contained instance."""
    pairs = [pty.openpty() for _ in range(3)]
    for _, theirs in pairs:
        if os.geteuid() == 0:
            os.fchown(theirs, NOBODY, -1)
    instance = install_only(image)
    assert "in 3 minutes" in warned(instance, f"{END} 0 200 {GAP} {END} {UPTIME} {BOOT}")[0]
    assert not [ours for ours, _ in pairs if select.select([ours], [], [], 0)[0]]
    for pair in pairs:
        for end in pair:
            os.close(end)
