"""`ssh`: it becomes OpenSSH, with its status, streams and signals."""

from __future__ import annotations

import os
import pty
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gpushopper.clock import SystemClock
from gpushopper.core.timing.clock_snapshot import HOUR
from tests.cli.ssh_stage import Stage, refused

pytestmark = pytest.mark.proofs

Started = Callable[..., "subprocess.Popen[bytes]"]
Wait = Callable[..., None]


@pytest.mark.parametrize("status", [0, 1, 7, 126, 254])
def test_the_status_is_the_commands(stage: Stage, status: int):
    assert stage("ssh", "train", "--", "sh", "-c", f"exit {status}").code == status


def test_streams_are_copied_unchanged(stage: Stage):
    found = stage("ssh", "train", "--", "sh", "-c", "cat; echo bad >&2", stdin="hello\n")
    assert found == (0, "hello\n", "bad\n")


def test_several_words_arrive_as_they_are_and_one_is_a_line(stage: Stage):
    words = ["printf", "[%s]", "a b", "$HOME", "it's", '"', "*", "-x", "--", "\\", "ü"]
    assert stage("ssh", "train", "--", *words).out == "".join(f"[{word}]" for word in words[2:])
    assert stage("ssh", "train", "--", "echo one | tr a-z A-Z; echo two").out == "ONE\ntwo\n"


def test_without_a_command_it_is_a_shell(stage: Stage):
    assert stage("ssh", "train", stdin="echo $((40+2)); exit 5\n")[:2] == (5, "42\n")


def test_the_ssh_command_line_can_be_printed_and_pasted(stage: Stage):
    printed = stage("ssh", "train", "--print", "--", "sh", "-c", "exit 9")
    assert printed.code == 0
    done = subprocess.run(shlex.split(printed.out), stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == 9
    assert stage("ssh", "train", "--print", "--json", "--", "true").json["argv"][0] == "ssh"


def test_no_private_key_is_printed(stage: Stage):
    key = (stage.home.ssh_keys / "session1.key").read_text().splitlines()[1]
    found = stage("ssh", "train", "--print")
    assert key not in found.out + found.err and "session1.key" in found.out


SERVE = "import http.server as s; h = s.HTTPServer(('127.0.0.1', 0), s.SimpleHTTPRequestHandler); \
print(h.server_port, flush=True); h.serve_forever()"


def test_a_port_is_forwarded_on_loopback_and_ends_with_the_command(stage: Stage, started: Started, wait_until: Wait):
    (stage.host.home / "page").write_text("from the instance")
    there = started("ssh", "train", "--", "python3", "-c", SERVE)
    assert there.stdout is not None
    port = int(there.stdout.readline())
    with socket.create_server(("127.0.0.1", 0)) as free:
        here = free.getsockname()[1]
    forward = started("ssh", "train", "-L", f"{here}:{port}", "--no-shell")
    wait_until(lambda: _answers(here), timeout_s=60)
    with urllib.request.urlopen(f"http://127.0.0.1:{here}/page", timeout=30) as page:
        assert page.read() == b"from the instance"
    forward.terminate()
    forward.wait(30)
    assert not _answers(here)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_port_here_is_reached_from_there(stage: Stage, tmp_path: Path):
    (tmp_path / "page").write_text("from here")
    here = subprocess.Popen([sys.executable, "-c", SERVE], cwd=tmp_path, stdout=subprocess.PIPE)
    try:
        assert here.stdout is not None
        port = int(here.stdout.readline())
        with socket.create_server(("127.0.0.1", 0)) as free:
            there = free.getsockname()[1]
        fetch = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{there}/page').read().decode())"
        found = stage("ssh", "train", "-R", f"{there}:{port}", "--", "python3", "-c", fetch)
        assert found[:2] == (0, "from here\n"), found.err
        assert f"forwarding 127.0.0.1:{there} on train, to 127.0.0.1:{port} as this computer sees it" in found.err
    finally:
        here.kill()
        here.communicate()


# ---- our own failures


def test_our_own_failures_are_125(stage: Stage):
    for words in (("ssh",), ("ssh", "train", "extra"), ("ssh", "train", "--nonsense"), ("ssh", "train", "-N")):
        found = stage(*words)
        assert (found.code, found.out) == (125, "") and found.err.startswith("error: "), words


def test_a_simulated_instance_has_no_shell_for_setup(stage: Stage):
    stage.is_simulated = True
    for words in (("ssh", "train"), ("run", "train", "--", "true")):
        found = stage(*words)
        assert found.code == 125 and "simulated instance: no shell" in found.err
    for words in (("cp", "train:a", "."), ("logs", "train")):
        found = stage(*words)
        assert found.code == 6 and "simulated instance: no shell" in found.err


def test_a_refusal_of_the_daemon_is_printed(stage: Stage):
    stage.refusal = refused("not_ready", "train is not ready yet")
    found = stage(
        "ssh",
        "train",
        "--",
        "true",
    )
    assert found.code == 125 and "not ready yet" in found.err
    told = stage("ssh", "train", "--json", "--", "true")
    assert '"code": "not_ready"' in told.err and '"exit": 125' in told.err


def test_without_ssh_on_this_computer_the_error_says_so(stage: Stage):
    found = stage("ssh", "train", "--", "true", PATH="/nonexistent")
    assert found.code == 125 and "no ssh on this computer" in found.err


def test_bad_health_is_reported_before_the_login(stage: Stage):
    stage.health = "interrupted"
    found = stage("ssh", "train", "--", "true")
    assert found.code == 0 and "interrupted" in found.err


def test_a_changed_host_key_ends_it(stage: Stage):
    stage.remote.probe(stage.login, None, 60)
    pin = stage.home.ssh_keys / "attempt1.hosts"
    pinned = pin.read_text()
    stage.remote.forget_attempt("attempt1")
    pin.write_text(pinned[:40] + ("A" if pinned[40] != "A" else "B") + pinned[41:])
    found = stage("ssh", "train", "--", "touch", "was-here")
    assert found.code == 255 and "Host key verification failed" in found.err
    assert not (stage.host.home / "was-here").exists()


# ---- what goes along


def test_the_environment_of_ssh_is_scrubbed(stage: Stage, tmp_path):
    fake = tmp_path / "ssh"
    fake.write_text("#!/bin/sh\nexec /usr/bin/env\n")
    fake.chmod(0o755)
    given = {"SSH_AUTH_SOCK": "/agent", "SOME_API": "secret", "LANG": "C.UTF-8"}
    found = stage("ssh", "train", PATH=f"{tmp_path}:{os.environ['PATH']}", **given)
    names = {line.partition("=")[0] for line in found.out.splitlines()}
    assert names <= {"PATH", "HOME", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "PWD", "_", "SHLVL", "OLDPWD"}
    assert "LANG" in names


def test_a_broken_pipe_ends_the_command(stage: Stage):
    line = f"{shlex.join(stage.argv('ssh', 'train', '--', 'yes'))} | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "y\n"


# ---- time and money at a login


def on_a_terminal(stage: Stage, *words: str) -> str:
    """What a person sees who types `exit` once logged in."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(stage.argv(*words), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(ours, b"exit\n")
    seen = b""
    with suppress(OSError):  # the terminal's other side is gone
        while piece := os.read(ours, 4096):
            seen += piece
    os.close(ours)
    process.wait(60)
    return seen.decode(errors="replace")


def test_a_login_on_a_terminal_begins_with_time_and_money_left(stage: Stage):
    stage.deadline_at = SystemClock().now().wall + 2 * HOUR
    banner = "; $0.00 so far, at most $1.72"
    shown = on_a_terminal(stage, "ssh", "train")
    assert "train ends " in shown and "(in 2h)" in shown and banner in shown
    assert banner not in on_a_terminal(stage, "ssh", "train", "--", "true")
    assert banner not in stage("ssh", "train", stdin="exit\n").err
