"""ssh sessions with the real OpenSSH client: commands, shells, files, environment, keys (vastai.md 8, 14)."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.sandbox.live.live_sandbox import SSH_OPTIONS, make_key, pids_inside

pytestmark = pytest.mark.proofs


@pytest.mark.parametrize(
    ("command", "status", "out"),
    [("true", 0, ""), ("sh -c 'exit 7'", 7, ""), ("echo hi; echo no >&2; exit 1", 1, "hi\n"), ("nosuch", 127, "")],
)
def test_a_command_passes_its_output_and_status(rented, command, status, out):
    done = rented.ssh(command)
    assert (done.returncode, done.stdout) == (status, out)


def test_a_command_that_a_signal_ends_is_no_success(rented):
    assert rented.ssh("kill -9 $$").returncode == 255


def test_what_goes_in_comes_out_again(rented):
    text = "0123456789" * 300_000
    assert rented.ssh("cat", stdin=text).stdout == text


def test_a_program_that_reads_slowly_holds_the_client_back(rented):
    done = rented.ssh("sleep 1; wc -c", stdin="x" * 8_000_000)
    assert done.stdout.strip() == "8000000"


def test_a_shell_on_a_terminal(rented):
    done = rented.ssh(options=("-tt",), stdin="tty; stty size; echo $TERM; exit 3\n")
    assert done.returncode == 3
    assert "/dev/pts/" in done.stdout


def read_until(handle: int, mark: bytes) -> bytes:
    """Read a terminal until it has shown a text; 60 s at most."""
    seen, end = b"", time.monotonic() + 60
    while mark not in seen:
        assert time.monotonic() < end, seen
        if select.select([handle], [], [], 1)[0]:
            seen += os.read(handle, 4096)
    return seen


def test_a_terminal_knows_its_size_and_its_interrupt_key(rented, wait_until):
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "rows", "33", "cols", "99"], stdin=theirs, check=True)
    command = ["ssh", *SSH_OPTIONS, "-tt", "-i", str(rented.market.key), "-p", str(rented.port), "root@127.0.0.1"]
    client = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(ours, b"stty size; echo rea''dy\n")
    assert b"33 99" in read_until(ours, b"ready")
    os.write(ours, b"sleep 61616\n")
    wait_until(lambda: rented.ssh("pgrep -f 'sleep 6161[6]'").returncode == 0, timeout_s=60)
    os.write(ours, b"\x03")
    os.write(ours, b"echo on''ward; exit\n")
    read_until(ours, b"onward")
    assert client.wait(timeout=60) == 0
    os.close(ours)


def test_hanging_up_ends_what_runs_on_the_terminal(rented, wait_until):
    command = ["ssh", *SSH_OPTIONS, "-tt", "-i", str(rented.market.key), "-p", str(rented.port), "root@127.0.0.1"]
    client = subprocess.Popen([*command, "sleep 54321"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_until(lambda: rented.ssh("pgrep -f 'sleep 5432[1]'").returncode == 0, timeout_s=60)
    client.kill()
    client.wait()
    wait_until(lambda: rented.ssh("pgrep -f 'sleep 5432[1]'").returncode == 1, timeout_s=60)


def test_detached_work_survives_its_login(rented, wait_until):
    rented.says("nohup setsid sh -c 'sleep 1; echo done >/root/detached' >/dev/null 2>&1 </dev/null &")
    wait_until(lambda: rented.ssh("cat /root/detached").stdout == "done\n", timeout_s=60)


# Files


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(os.urandom(300_000))
    (tmp_path / "tree" / "b.sh").write_text("#!/bin/sh\n")
    (tmp_path / "tree" / "b.sh").chmod(0o755)
    return tmp_path


def run(*words, stdin=""):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("old", [(), ("-O",)], ids=["over sftp", "old protocol"])
def test_scp_there_and_back(rented, files, old):
    copy = ("scp", "-q", *old, *SSH_OPTIONS, "-i", str(rented.market.key), "-P", str(rented.port))
    run(*copy, "-r", str(files / "tree"), f"root@127.0.0.1:/root/scp{len(old)}")
    run(*copy, f"root@127.0.0.1:/root/scp{len(old)}/a", str(files / "back"))
    assert (files / "back").read_bytes() == (files / "tree" / "a").read_bytes()


def test_sftp(rented, files):
    sftp = ("sftp", "-q", "-b", "-", *SSH_OPTIONS, "-i", str(rented.market.key), "-P", str(rented.port))
    batch = f"put {files}/tree/a /root/sftp\nls -l /root/sftp\nget /root/sftp {files}/back\n"
    told = run(*sftp, "root@127.0.0.1", stdin=batch)
    assert "300000" in told
    assert (files / "back").read_bytes() == (files / "tree" / "a").read_bytes()


def test_rsync_there_and_back(rented, files):
    ssh = " ".join(("ssh", *SSH_OPTIONS, "-i", str(rented.market.key), "-p", str(rented.port)))
    run("rsync", "-a", "-e", ssh, f"{files}/tree", "root@127.0.0.1:/root/rsync/")
    run("rsync", "-a", "-e", ssh, "root@127.0.0.1:/root/rsync/tree/", f"{files}/back")
    assert (files / "back" / "a").read_bytes() == (files / "tree" / "a").read_bytes()
    assert os.access(files / "back" / "b.sh", os.X_OK)
    assert rented.says("stat -c %a /root/rsync/tree/b.sh") == "755"


def test_a_port_of_the_instance_can_be_forwarded(rented, wait_until):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        mine, theirs = free.getsockname()[1], rented.port
    command = ["ssh", *SSH_OPTIONS, "-N", "-L", f"{mine}:localhost:{theirs}", "-i", str(rented.market.key)]
    client = subprocess.Popen([*command, "-p", str(rented.port), "root@127.0.0.1"])
    try:

        def greeted() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", mine), timeout=5) as connection:
                    return connection.recv(4) == b"SSH-"
            except OSError:
                return False

        wait_until(greeted, timeout_s=60)
    finally:
        client.kill()
        client.wait()


# What a login sees


def test_a_login_has_the_variables_of_a_login_and_none_of_ours(rented):
    names = {line.partition("=")[0] for line in rented.says("env").splitlines()}
    needed = {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "MAIL", "SSH_CLIENT", "SSH_CONNECTION"}
    of_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert needed <= names <= needed | of_the_shell | {"LANG", "LC_ALL", "LC_CTYPE"}


def test_the_containers_variables_are_for_onstart_and_pid_1_alone(rented):
    seen = dict(line.partition("=")[::2] for line in rented.says("cat /root/seen-by-onstart").splitlines())
    first = dict(line.partition("=")[::2] for line in rented.says("tr '\\0' '\\n' </proc/1/environ").splitlines())
    wanted = {
        "CONTAINER_ID": str(rented.id), "CONTAINER_API_KEY": rented.secret, "VAST_CONTAINERLABEL": f"C.{rented.id}",
        "PUBLIC_IPADDR": "127.0.0.1", "VAST_TCP_PORT_22": str(rented.port), "VAST_TCP_PORT_8081": "8081",
        "DATA_DIRECTORY": "/workspace/", "TEAM": "alpha", "GPU_COUNT": str(rented.market.row(rented.id)["num_gpus"]),
    }  # fmt: skip
    assert wanted.items() <= seen.items()
    assert wanted.items() <= first.items()
    assert "CONTAINER_API_KEY" not in rented.says("env")
    ours = {"TMPDIR", "VAST_API_KEY", "VIRTUAL_ENV", "PYTHONPATH", "GPU_SHOPPER_HOME"}
    assert not ours & (seen.keys() | first.keys())


def test_a_key_of_the_user_is_with_no_process_of_an_instance(rented):
    for pid in (rented.facts["supervisor"], *pids_inside(rented.facts["pid"])):
        assert b"canary-of-the-user" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_etc_environment_is_read_at_a_login(rented):
    rented.says("echo 'QUOTED=\"two words\"' >>/etc/environment; echo 'bad name=x' >>/etc/environment")
    assert rented.says('echo "$QUOTED"') == "two words"
    rented.says(": >/etc/environment")


def test_a_variable_for_the_loader_stays_inside(rented, tmp_path):
    """Root inside chooses what its logins load, never what enters for them from outside."""
    rented.says("echo LD_PRELOAD=/nonexistent/x.so >>/etc/environment")
    done = rented.ssh("true")
    rented.says(": >/etc/environment")
    assert done.returncode == 0
    assert "nsenter" not in done.stderr
    assert "setpriv" not in done.stderr


# Keys


def test_an_unknown_ssh_key_is_refused(rented, tmp_path):
    assert rented.ssh("true", key=make_key(tmp_path)).returncode == 255
    wrong = subprocess.run(
        ["ssh", *SSH_OPTIONS, "-i", str(rented.market.key), "-p", str(rented.port), "ubuntu@127.0.0.1", "true"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert wrong.returncode == 255


def test_an_attached_key_lets_in_and_a_detached_one_no_more(rented, tmp_path, wait_until):
    key = make_key(tmp_path)
    path = f"/api/v0/instances/{rented.id}/ssh/"
    rented.market.api("POST", path, {"ssh_key": key.with_suffix(".pub").read_text()})
    wait_until(lambda: rented.ssh("true", key=key).returncode == 0, timeout_s=60)
    rented.market.api("DELETE", f"{path}501/", {})
    wait_until(lambda: rented.ssh("true", key=key).returncode == 255, timeout_s=60)


def test_an_account_key_lets_into_what_is_created_later(market, rented, tmp_path):
    key = make_key(tmp_path)
    text = key.with_suffix(".pub").read_text().strip()
    made = market.api("POST", "/api/v0/ssh/", {"ssh_key": text})["key"]["id"]
    try:
        later = market.rent()
        assert later.ssh("true", key=key).returncode == 0
        assert text in later.says("tr '\\0' '\\n' </proc/1/environ")
        assert rented.ssh("true", key=key).returncode == 255
    finally:
        market.api("DELETE", f"/api/v0/ssh/{made}/", {})


def test_a_key_may_be_bound_to_one_command(rented, tmp_path):
    key = make_key(tmp_path)
    line = f'command="echo only this" {key.with_suffix(".pub").read_text().strip()}'
    rented.ssh("cat >>/root/.ssh/authorized_keys", stdin=f"not a key\n{line}\n")
    assert rented.ssh("id", key=key).stdout == "only this\n"


def test_authorized_keys_that_lead_out_lead_nowhere(rented, folder, tmp_path):
    """A link in the file's place is followed inside, where the path outside does not exist."""
    key = make_key(tmp_path)
    outside = folder / "outside"
    outside.write_text(key.with_suffix(".pub").read_text())
    rented.says(f"cp /root/.ssh/authorized_keys /root/kept; ln -sf {outside} /root/.ssh/authorized_keys")
    refused = rented.ssh("true", key=key)
    held = rented.ssh("true")
    path = f"/api/v0/instances/{rented.id}/ssh/"
    rented.market.api("POST", path, {"ssh_key": rented.market.public_key})
    rented.market.wait(lambda: rented.ssh("true").returncode == 0)
    rented.says("rm /root/.ssh/authorized_keys; cp /root/kept /root/.ssh/authorized_keys")
    assert (refused.returncode, held.returncode) == (255, 255)
