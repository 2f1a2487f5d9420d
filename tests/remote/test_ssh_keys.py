"""One key per session: private, durable, the same for all threads."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gpushopper.errors import Misconfigured
from gpushopper.paths import Home
from gpushopper.remote import ssh_keys
from gpushopper.remote.instance_access import InstanceAccess
from tests.needs import needs

FULL = """
import sys
from pathlib import Path
from gpushopper.errors import ShopperError
from gpushopper.remote import ssh_keys
try:
    print(ssh_keys.ensure_key(Path(sys.argv[1]), "session1"))
except ShopperError as error:
    print(type(error).__name__, error.message)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_private_whatever_the_umask(where: Home, remote: InstanceAccess):
    former = os.umask(0)
    try:
        remote.public_key("session1")
    finally:
        os.umask(former)
    assert mode(where.ssh_keys) == 0o700
    assert {path.name: mode(path) for path in where.ssh_keys.iterdir()} == {"session1.key": 0o600}


def test_a_session_keeps_its_key_and_other_sessions_have_others(remote: InstanceAccess):
    first = remote.public_key("session1")
    assert first == remote.public_key("session1")
    assert first != remote.public_key("session2")


def test_the_comment_does_not_name_the_user(remote: InstanceAccess):
    kind, _, comment = remote.public_key("session1").split(" ")
    assert (kind, comment) == ("ssh-ed25519", "gpu-shopper")


def test_the_key_has_no_passphrase_and_its_public_half_fits(where: Home, remote: InstanceAccess):
    public = remote.public_key("session1")
    path = ssh_keys.key_path(where.ssh_keys, "session1")
    said = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", path], capture_output=True, text=True, check=True).stdout
    assert said.split()[:2] == public.split()[:2]


def test_many_threads_get_one_key(where: Home):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: ssh_keys.ensure_key(where.ssh_keys, "session1"), range(16)))
    assert len(found) == 1
    assert [path.name for path in where.ssh_keys.iterdir()] == ["session1.key"]


def test_a_session_id_cannot_lead_out_of_the_folder(remote: InstanceAccess):
    with pytest.raises(ValueError, match="letters and digits"):
        remote.public_key("../../x")


def test_a_damaged_key_is_never_replaced(where: Home, remote: InstanceAccess):
    remote.public_key("session1")
    path = ssh_keys.key_path(where.ssh_keys, "session1")
    path.write_text("what is this")
    with pytest.raises(Misconfigured):
        remote.public_key("session1")
    assert path.read_text() == "what is this"


def test_a_folder_that_is_a_link_is_refused(where: Home, remote: InstanceAccess, tmp_path: Path):
    where.ssh_keys.symlink_to(tmp_path)
    with pytest.raises(Misconfigured):
        remote.public_key("session1")
    assert list(tmp_path.iterdir()) == []


def test_without_ssh_keygen_there_is_an_error(remote: InstanceAccess, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Misconfigured, match="no ssh-keygen"):
        remote.public_key("session1")


@needs("strace")
def test_the_key_and_its_name_are_synced_before_it_is_returned(where: Home, tmp_path: Path):
    trace = tmp_path / "trace"
    calls = ["strace", "-y", "-e", "trace=fsync,link,linkat,write", "-o", str(trace)]
    done = subprocess.run([*calls, sys.executable, "-c", FULL, str(where.ssh_keys)], capture_output=True, check=False)
    if b"ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    key, name = r"fsync\(\d+<[^>]*/key>\)", r"link(at)?\(.*session1\.key"
    wanted = [key, name, r"fsync\(\d+<[^>]*/ssh>\)", r"write\(1.*ssh-ed25519"]
    lines = trace.read_text().splitlines()
    found = [number for line in lines for number, call in enumerate(wanted) if re.match(call, line)]
    assert found == [0, 1, 2, 3]


def test_only_old_keys_of_sessions_that_are_not_kept_are_removed(where: Home, remote: InstanceAccess):
    for name in ("kept", "old", "young"):
        remote.public_key(name)
    for name in ("kept", "old"):
        os.utime(ssh_keys.key_path(where.ssh_keys, name), (1000, 1000))
    assert remote.prune_keys({"kept"}, 2000) == ["old"]
    assert sorted(path.name for path in where.ssh_keys.iterdir()) == ["kept.key", "young.key"]


def test_files_of_a_killed_process_are_removed_too(where: Home, remote: InstanceAccess):
    remote.public_key("session1")
    left = where.ssh_keys / ".new-abc"
    left.mkdir()
    (left / "key").write_text("half a key")
    os.utime(left, (1000, 1000))
    remote.prune_keys({"session1"}, 2000)
    assert [path.name for path in where.ssh_keys.iterdir()] == ["session1.key"]


SMALL_DISK = 'mount -t tmpfs -o size=8k t "$1" && head -c 9000 /dev/zero >"$1/fill"; exec "$2" -c "$3" "$1/ssh"'


def test_without_disk_space_no_key_is_returned(tmp_path: Path):
    """A file system of two pages, in a mount namespace of its own."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"]
    done = subprocess.run([*words, str(tmp_path), sys.executable, FULL], capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no namespaces here")
    assert done.stdout.startswith(("DiskFull", "Misconfigured")) and "No space" in done.stdout, done.stdout
