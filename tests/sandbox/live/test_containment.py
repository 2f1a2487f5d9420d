"""Nothing an instance does reaches this computer, kill 1 and power off included; a decoy shows that it is done (S28).

Beside "it failed" stands "it works elsewhere": the same verbs act in namespaces of their own on an instance, so that
quiet surroundings are not those of a script that never ran.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpushopper.sandbox.live.instance.disk import FIRST_UID
from tests.floors.tree import ROOT
from tests.sandbox.live.conftest import wait
from tests.sandbox.live.live_sandbox import LiveSandbox, Rented, remove
from tests.sandbox.live.surroundings import Surroundings, ancestors, canaries, changes, old_processes

pytestmark = pytest.mark.proofs

HERE = Path(__file__).parent
OTHER_UID = 61_234
FOLDERS = tuple(Path(place) for place in ("/", "/root", "/etc", "/usr", "/home", "/tmp", "/var/tmp", Path.home(), ROOT))
"""Where the ladder writes or deletes, and where canaries are put."""

PRIVATE = ("write_etc", "write_root", "write_checkout", "clear_tmp", "clear_root")
"""What works inside, on the instance's own disk."""
DENIED = (
    "write_usr", "write_lib", "remove_program", "mount_tmpfs", "mount_proc", "umount_usr", "umount_proc", "remount_usr",
    "nested_umount", "nested_remount", "nested_root", "read_disk", "sysrq", "core_pattern", "name_host", "set_clock",
    "kexec", "load_module", "talk_to_market", "see_witness", "read_witness", "kill_witness", "restart_call",
    "power_off_call", "nested_power_off", "poweroff_f", "reboot_f", "halt_f", "shutdown_now",
    "busybox_poweroff", "busybox_reboot",
)  # fmt: skip
ACTING = (
    "write_usr", "write_lib", "remove_program", "write_etc", "write_checkout", "sysrq", "core_pattern", "name_host",
    "kill_witness", "mount_tmpfs",
)  # fmt: skip
"""What the decoy lets happen. It is on an instance's disk, so that its own writes are no less contained."""
ENDING = {"restart_call": 129, "power_off_call": 130, "busybox_poweroff": 130, "busybox_reboot": 129, "kill_1": 43}
"""What ends the decoy, and how it ends: the system signals the first process of a namespace that asks to restart."""


CAN_RUN = "import asyncssh, flask, cheroot, gpushopper.sandbox, subprocess as s, sys; s.run([sys.executable, '-c', ''])"


def as_user(top: Path) -> dict[str, object]:
    """How a market is run as an ordinary user; skips with the reason where that cannot be."""
    if os.geteuid() != 0:
        return {}
    prefix = ("setpriv", "--reuid", str(OTHER_UID), "--regid", str(OTHER_UID), "--clear-groups", "--inh-caps=-all")
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    variables = {"PATH": os.environ["PATH"], "HOME": str(top)}
    for python in (sys.executable, "/usr/bin/python3"):
        chosen = variables if python == sys.executable else {**variables, "PYTHONPATH": os.pathsep.join(paths)}
        tried = subprocess.run(
            [*prefix, python, "-c", CAN_RUN],
            env=chosen, cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        if tried.returncode == 0:
            subprocess.run(["chown", "-R", str(OTHER_UID), str(top)], check=True)
            return {"prefix": prefix, "python": (python,), "variables": chosen}
    pytest.skip(f"needs a Python with our libraries that another user can run: {tried.stderr.strip()[-200:]}")


@pytest.fixture(scope="module", params=["root", "user"])
def sandbox(request: pytest.FixtureRequest, containable: None) -> Iterator[LiveSandbox]:
    """A market of each kind of user."""
    top = Path(tempfile.mkdtemp(prefix="gs-"))
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("needs root")
    how = as_user(top) if request.param == "user" else {}
    made = LiveSandbox(top, wait, "--live", "--boot-seconds", "0.3", **how)
    made.outside_uid = OTHER_UID if how else (FIRST_UID if os.geteuid() == 0 else os.geteuid())
    yield made
    made.kill(15)
    remove(top)


@pytest.fixture
def witnesses(sandbox: LiveSandbox) -> Iterator[list[int]]:
    """Processes outside under the very user that root inside is there."""
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        uid = str(sandbox.outside_uid)
        prefix = ("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups")
    made = [subprocess.Popen([*prefix, "sleep", "1000"], stdin=subprocess.DEVNULL) for _ in range(2)]
    yield [process.pid for process in made]
    for process in made:
        process.kill()
        process.wait()


def bring(rented: Rented) -> None:
    """Put the scripts on the instance, and our key where its script cannot delete it."""
    rented.market.api("POST", f"/api/v0/instances/{rented.id}/ssh/", {"ssh_key": rented.market.public_key})
    for name in ("ladder.sh", "decoy.sh"):
        assert rented.ssh(f"cat >/root/{name}", stdin=(HERE / name).read_text()).returncode == 0


def climb(rented: Rented, witnesses: list[int], *verbs: str, by: str = "login") -> None:
    """Run the ladder, detached from its login, which some verbs end, or by the start-up script of the next start."""
    raw = os.stat("/").st_dev
    words = [
        "/var/log/ladder", " ".join(map(str, witnesses)), str(ROOT), f"{os.major(raw)}:{os.minor(raw)}",
        str(rented.market.home / "market" / "control.sock"), *verbs,
    ]  # fmt: skip
    line = " ".join(shlex.quote(word) for word in words)
    rented.says("cp /root/ladder.sh /var/")
    if by == "login":
        # Not `says`: a verb may end the login before it has ended well. What ran is in the log.
        rented.ssh(f"setsid -f sh /var/ladder.sh {line} >/dev/null 2>&1 </dev/null")
    else:
        rented.says(f"cat >/var/climb <<'END'\n[ -e /var/log/ladder ] || sh /var/ladder.sh {line}\nEND\n")
        rented.market.api("PUT", f"/api/v0/instances/reboot/{rented.id}/", {})
        rented.market.wait(lambda: list(told(rented))[-1:] == list(verbs[-1:]))


def told(rented: Rented, name: str = "ladder") -> dict[str, tuple[int | None, str]]:
    """What the log on the disk says: status and last words by verb; None for a verb that never came back."""
    found: dict[str, tuple[int | None, str]] = {}
    log = rented.disk / "var" / "log" / name
    for line in log.read_text().splitlines() if log.exists() else ():
        kind, _, rest = line.partition(" ")
        verb, _, more = rest.partition(" ")
        if kind == "begin":
            found[verb] = (None, "")
        elif kind == "end":
            status, _, words = more.partition(" ")
            found[verb] = (int(status), words)
    return found


@pytest.mark.parametrize("by", [pytest.param("login", marks=pytest.mark.sweep), "onstart"])
def test_the_whole_ladder_harms_nothing(sandbox, witnesses, capsys, by):
    pids = [*ancestors(), *witnesses, *old_processes(), sandbox.child.pid]
    rented, neighbour = sandbox.rent("[ -e /var/climb ] && . /var/climb"), sandbox.rent()
    bring(rented)
    with canaries(FOLDERS) as placed:
        before = Surroundings.look(pids, FOLDERS, placed)
        climb(rented, witnesses, *DENIED, *PRIVATE, "kill_9_1", "kill_1", by=by)
        rented.until("exited")
        bystander = neighbour.ssh("true").returncode
        after = Surroundings.look(pids, FOLDERS, placed)

    log = told(rented)
    with capsys.disabled():
        outside = f"{len(before.files)} files and folders, {len(pids)} processes outside"
        print(f"\n  {outside}; root inside is {sandbox.outside_uid} there; by {by}")
        for verb, (status, words) in log.items():
            print(f"  {verb:<18} {'' if status is None else status!s:>4}  {words}")
    assert list(log) == [*DENIED, *PRIVATE, "kill_9_1", "kill_1"]
    assert [verb for verb in DENIED if not log[verb][0]] == []
    assert [verb for verb in (*PRIVATE, "kill_9_1") if log[verb][0] != 0] == []
    assert len(placed) >= 2
    assert changes(before.files, after.files) == []
    assert after.texts == before.texts
    assert after.processes == before.processes
    assert bystander == 0


def test_killing_everything_visible_ends_the_instance_alone(sandbox, witnesses):
    rented = sandbox.rent()
    bring(rented)
    pids = [*ancestors(), *witnesses, *old_processes(), sandbox.child.pid]
    before = Surroundings.look(pids)
    climb(rented, witnesses, "kill_all")
    rented.until("exited")
    assert "kill_all" in told(rented)
    assert Surroundings.look(pids) == before


def decoy(rented: Rented, *verbs: str) -> int:
    """Run verbs in a decoy; how it ended."""
    words = " ".join(("/var/log/decoy", "/opt/checkout", *verbs))
    rented.ssh(": >/var/log/decoy")
    return rented.ssh(f"unshare -Urmpuf sh /root/decoy.sh {words} 2>/var/log/decoy-complaints; echo $?").stdout.strip()


def test_the_same_verbs_act_in_a_decoy(sandbox, capsys):
    rented = sandbox.rent()
    bring(rented)
    assert decoy(rented, *ACTING) == "0", rented.ssh("cat /var/log/decoy-complaints").stdout
    log = told(rented, "decoy")
    text = (rented.disk / "var" / "log" / "decoy").read_text()
    assert {verb: log[verb][0] for verb in ACTING} == dict.fromkeys(ACTING, 0)
    for seen in ("sysrq got: b", "core_pattern got: |/bin/false", "usr got: harm", "hostname is: harmed",
                 "true is gone", "witness is dead"):  # fmt: skip
        assert seen in text
    ended = {}
    for verb, status in ENDING.items():
        ended[verb] = decoy(rented, verb)
        assert (ended[verb], list(told(rented, "decoy"))) == (str(status), [verb])
    with capsys.disabled():
        print(f"\n  in the decoy {len(ACTING)} verbs acted, and ended it: {ended}")
    assert rented.says("echo the instance lives") == "the instance lives"
