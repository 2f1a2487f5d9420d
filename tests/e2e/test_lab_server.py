"""A lab server with real users: laptops reach its daemon over OpenSSH, rent, log in, and leave each other's alone."""

from __future__ import annotations

import grp
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gpushopper.sandbox.live.containment_check import containment_problem
from tests.needs import needs_root
from tests.sandbox_home import SandboxHome, kill_groups, sandbox_home

pytestmark = [pytest.mark.proofs, needs_root]

ALICE, BOB, STRANGER = 60001, 60002, 60003
LAB = next(each for each in grp.getgrall() if each.gr_gid not in (os.getegid(), *os.getgroups()))
SSH = """#!/bin/sh
exec {ssh} -F {config} "$@"
"""
CONFIG = """Host lab
HostName 127.0.0.1
Port {port}
User somebody
IdentityFile {key}
IdentitiesOnly yes
UserKnownHostsFile {folder}/known_hosts
StrictHostKeyChecking accept-new
"""


GUIDE = (Path(__file__).parents[2] / "docs/lab-server.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
NOT_HERE = {
    "keys set vast --file": "the sandbox has its key",
    "config set daemon.group gpulab": "the group is one of this system",
    "daemon install": "no service manager runs in tests",
}
"""Lines of the guide for the server that this test does in another way."""


class Laptop:
    """One person's own computer: a home of theirs, and an ssh that knows the server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.home = folder / "h"
        ssh, bin_folder = shutil.which("ssh"), folder / "bin"
        bin_folder.mkdir()
        (folder / "config").write_text(CONFIG.format(port=port, key=folder / "key", folder=folder))
        (bin_folder / "ssh").write_text(SSH.format(ssh=ssh, config=folder / "config"))
        (bin_folder / "ssh").chmod(0o755)
        self.variables = {
            **os.environ, "GPU_SHOPPER_HOME": str(self.home), "PATH": f"{bin_folder}:{os.environ['PATH']}",
        }  # fmt: skip
        self.host = "lab"

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gpushopper.cli", *(("--host", self.host) if self.host else ()), *words]
        return subprocess.run(
            command, env={**self.variables, **variables}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip

    def must(self, *words: str, **variables: str) -> str:
        done = self.run(*words, **variables)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def top() -> Iterator[Path]:
    """A short folder that every user can pass."""
    made = Path(tempfile.mkdtemp(prefix="gs-"))
    made.chmod(0o755)
    yield made
    kill_groups(made)
    shutil.rmtree(made, ignore_errors=True)


@contextmanager
def logins(top: Path, uid: int, *, group: int = LAB.gr_gid) -> Iterator[Laptop]:
    """A laptop whose ssh logs in to the server as this user."""
    folder = Path(tempfile.mkdtemp(dir=top))
    for name in ("key", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.lab_ssh", "--host-key", str(folder / "host"), "--authorized",
         str(folder / "key.pub"), "--uid", str(uid), "--group", str(group)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        yield Laptop(folder, int(server.stdout.readline()))
    finally:
        server.communicate("", timeout=30)


@pytest.fixture
def folder(top: Path) -> Path:
    return top / "lab"


@pytest.fixture
def server(top: Path, folder: Path) -> Iterator[SandboxHome]:
    reason = containment_problem(top)
    if reason is not None:
        pytest.skip(reason)
    config = (
        f'\n[daemon]\ngroup = "{LAB.gr_name}"\ngroup_folder = "{folder}"\n[members]\n{ALICE} = "alice"\n{BOB} = "bob"\n'
    )
    with sandbox_home(top / "s", 17, "--live", config=config) as made:
        made.must("daemon", "restart")
        yield made


def test_members_rent_log_in_and_leave_each_other_alone(
    server: SandboxHome, top: Path, folder: Path, wait_until: Callable[..., None]
) -> None:
    with ExitStack() as all_of_them:
        alice, bob = (all_of_them.enter_context(logins(top, uid)) for uid in (ALICE, BOB))
        for each in (alice, bob):
            each.host = f"lab:{folder}/daemon.sock"
        alice.must("provision", "-g", "RTX 4090", "--for", "20m", "--name", "train", "--yes", "-e", "TOKEN=hush")
        assert alice.must("ssh", "train", "--", "echo there").strip() == "there"
        (tmp := alice.home.parent / "up").write_text("data")
        alice.must("cp", str(tmp), "train:up")
        assert alice.must("run", "train", "--", "cat", "up") == "data"

        (seen,) = json.loads(bob.must("ls", "--json"))["sessions"]
        assert (seen["name"], seen["consumer"], seen["image"]) == ("train", "alice", "")
        for words in (["ssh", "train", "--", "true"], ["extend", "train", "-t", "1"], ["shutdown", "train", "--yes"],
                      ["set", "train", "--idle", "1h"], ["logs", "train"], ["custody", "train"], ["report", "train"],
                      ["pull", "train"], ["why", "train"], ["restart", "train", "--yes"]):  # fmt: skip
            refused = bob.run(*words)
            assert refused.returncode in (6, 125), (words, refused.returncode, refused.stderr)
            assert "is alice's, and you are bob here" in refused.stderr, (words, refused.stderr)
        assert "hush" not in bob.must("events", "--json") + bob.must("get", "train", "--json")
        forged = bob.run("provision", "-g", "RTX 4090", "--for", "20m", "--yes", "-c", "alice")
        assert (forged.returncode, "you rent as bob here" in forged.stderr) == (6, True), forged.stderr
        for words in (["budget", "set", "x", "--daily", "1"], ["shutdown", "--all", "--yes"], ["alarms", "ack", "1"],
                      ["consumers", "rename", "alice", "bob"], ["audit"], ["forget", "train"]):  # fmt: skip
            refused = bob.run(*words)
            assert (refused.returncode, "only the owner" in refused.stderr) == (6, True), (words, refused.stderr)

        # Another laptop of Alice's may end it, and cannot log in: the key of the first one never left it.
        other = all_of_them.enter_context(logins(top, ALICE))
        other.host = alice.host
        refused = other.run("ssh", "train", "--", "true")
        assert (refused.returncode, "the computer that it was rented from" in refused.stderr) == (125, True)
        private = (alice.home / "hosts").glob("*/ssh/member.key")
        secret = next(iter(private)).read_text().splitlines()[4]  # those above are the same of all keys, or public
        for path in server.home.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path

        # No daemon, database or cloud's key is on a laptop; the socket there is its user's alone.
        assert not [p for p in alice.home.rglob("*") if p.name in ("daemon.lock", "gpu-shopper.db", "keys.toml")]
        refused = alice.run("daemon", "start")
        assert (refused.returncode, "about the computer that it runs on" in refused.stderr) == (2, True)
        other.must("shutdown", "train", "--yes")


def test_each_way_to_fail_is_told_apart(server: SandboxHome, top: Path, folder: Path) -> None:
    def failure(laptop: Laptop) -> str:
        done = laptop.run("ls")
        assert (done.returncode, done.stdout) == (5, ""), done.stderr
        return done.stderr

    with logins(top, STRANGER, group=STRANGER) as outside, logins(top, STRANGER) as unnamed:
        outside.host = unnamed.host = f"lab:{folder}/daemon.sock"
        assert "you are not in the group that may use" in failure(outside)
        refused = unnamed.run("ls")
        assert (refused.returncode, "is no member here" in refused.stderr) == (6, True), refused.stderr
        outside.host = f"lab:{top}/nowhere/daemon.sock"
        assert "no daemon there is open to a group" in failure(outside)
        outside.host = "no-such-server.invalid"
        assert "ssh to no-such-server.invalid failed" in failure(outside)
        server.must("daemon", "stop")
        assert "no daemon runs on lab" in failure(unnamed)
        server.must("daemon", "start")
        assert unnamed.run("ls").returncode == 6


def test_many_commands_share_one_connection_and_the_server_comes_from_a_variable(
    server: SandboxHome, top: Path, folder: Path
) -> None:
    with logins(top, ALICE) as alice:
        host, alice.host = f"lab:{folder}/daemon.sock", ""
        begun = [
            subprocess.Popen(
                [sys.executable, "-m", "gpushopper.cli", "ls"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, env={**alice.variables, "GPU_SHOPPER_HOST": host},
            )
            for _ in range(4)
        ]  # fmt: skip
        assert [each.communicate(timeout=120)[0] and each.returncode for each in begun] == [0] * 4
        (control,) = alice.home.glob("hosts/*/run/ssh")
        before = control.stat().st_ino
        alice.must("ls", GPU_SHOPPER_HOST=host)
        assert control.stat().st_ino == before
        alice.must("config", "set", "client.host", host)
        assert alice.run("ls").returncode == 0


def commands_of(block: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in block.splitlines()]


def test_the_guide_is_true_on_the_server_and_on_a_laptop(server: SandboxHome, top: Path, folder: Path) -> None:
    """Its lines in their order; `lab` is this server."""
    _, settings, budgets, laptop, *others = BLOCKS
    assert others == []
    with server.paths.config_file.open("r+") as file:  # the guide's lines name members by user
        kept = file.read().replace(f'{ALICE} = "alice"\n{BOB} = "bob"\n', "")
        file.seek(0)
        file.truncate()
        file.write(kept)
    for words in commands_of(settings + budgets):
        if " ".join(words) not in NOT_HERE:
            done = server.run(*words)
            assert done.returncode == 0 or (words == ["doctor"] and "members" in done.stdout), (words, done)
    assert set(NOT_HERE) <= {" ".join(words) for words in commands_of(settings)}
    server.must("config", "set", f"members.{ALICE}", "alice")  # nobody here is called so
    with logins(top, ALICE) as alice:
        alice.host = ""
        for words in commands_of(laptop):
            assert words[:2] == ["--host", "lab"]
            alice.must("--host", f"lab:{folder}/daemon.sock", *words[2:])
    (limit,) = json.loads(server.must("budget", "show", "alice", "--json"))["budget"]["limits"]
    assert limit["spent_micros"] > 0


def test_the_set_up_as_root_is_as_the_guide_says(top: Path) -> None:
    """With /etc, /home and /srv of its own, so that no user of this computer is made."""
    script = f"""
cp -a /etc {top}/etc && mount --bind {top}/etc /etc || exit 77
for each in /home /srv /var/mail; do [ ! -d $each ] || mount -t tmpfs none $each || exit 77; done
useradd alice && useradd bob
set -e
{BLOCKS[0]}
stat -c '%U %G %a' /srv/gpu-shopper
id -Gn alice
id -Gn gpushopper
"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["gpushopper gpulab 750", "alice gpulab", "gpushopper gpulab"]
    with pytest.raises(KeyError):
        grp.getgrnam("gpulab")
