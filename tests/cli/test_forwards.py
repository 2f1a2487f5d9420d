"""Port forwards: the short forms, and exactly what ssh's own -L and -R take; said in words before the login."""

from __future__ import annotations

import subprocess

import pytest

from gpushopper.cli.input.forwards import read_forward
from gpushopper.cli.remote.ssh_connection import ssh_argv
from gpushopper.wire import ConnectionView

LOOP = "127.0.0.1"


@pytest.mark.parametrize(
    ("flag", "text", "value", "said"),
    [
        ("-L", "8888", f"{LOOP}:8888:{LOOP}:8888", f"{LOOP}:8888 on this computer, to {LOOP}:8888 as train sees it"),
        ("-L", "8080:80", f"{LOOP}:8080:{LOOP}:80", f"{LOOP}:8080 on this computer, to {LOOP}:80 as train sees it"),
        ("-R", "8080:80", f"{LOOP}:8080:{LOOP}:80", f"{LOOP}:8080 on train, to {LOOP}:80 as this computer sees it"),
        ("-L", "1:db:3", "1:db:3", f"{LOOP}:1 on this computer, to db:3 as train sees it"),
        ("-L", "localhost:1:db:3", "localhost:1:db:3", "localhost:1 on this computer, to db:3 as train sees it"),
        ("-L", "*:1:db:3", "*:1:db:3", "*:1 on this computer, open to others, to db:3 as train sees it"),
        ("-L", ":1:db:3", ":1:db:3", "*:1 on this computer, open to others, to db:3 as train sees it"),
        ("-L", "0.0.0.0:1:db:3", "0.0.0.0:1:db:3", "0.0.0.0:1 on this computer, open to others, to db:3"),
        ("-L", "[::1]:1:[2001:db8::1]:3", "[::1]:1:[2001:db8::1]:3", "[::1]:1 on this computer, to [2001:db8::1]:3"),
        ("-L", "1:/run/x.sock", "1:/run/x.sock", f"{LOOP}:1 on this computer, to /run/x.sock as train sees it"),
        ("-L", "/tmp/a:/run/x.sock", "/tmp/a:/run/x.sock", "/tmp/a on this computer, to /run/x.sock as train"),
        ("-L", "/tmp/a:db:5432", "/tmp/a:db:5432", "/tmp/a on this computer, to db:5432 as train sees it"),
        ("-R", "9000", f"{LOOP}:9000", f"{LOOP}:9000 on train, to any address that this computer reaches (SOCKS)"),
        ("-R", "localhost:9000", "localhost:9000", "localhost:9000 on train, to any address that this computer"),
        ("-R", "9000:nas:22", "9000:nas:22", f"{LOOP}:9000 on train, to nas:22 as this computer sees it"),
    ],
)
def test_a_forward_is_passed_on_and_said_in_words(flag: str, text: str, value: str, said: str):
    found = read_forward(flag, text)
    assert found is not None and found.flag == flag + value
    assert found.text("train").startswith(f"forwarding {said}")
    # ssh itself takes it: it fails for want of a host, not of a valid option.
    tried = subprocess.run(
        ["ssh", "-F", "/dev/null", "-G", found.flag, "--", "host"], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stderr


@pytest.mark.parametrize("flag", ["-L", "-R"])
@pytest.mark.parametrize(
    "text",
    ["", "0", "70000", "a", "-1", "80:", ":80:", "1:2:", "1:2:3:4:5", "1:db:0", "1:-oX:3", "[::1:1:db:3", "1 2"],
)
def test_what_ssh_would_not_take_is_refused(flag: str, text: str):
    assert read_forward(flag, text) is None


@pytest.mark.parametrize("flag", ["-L1:db:3", "-R1:db:3"])
def test_a_forward_has_a_connection_of_its_own(flag: str):
    found = ConnectionView("s", "train", "a", "ok", False, "root", "host", 22, ["ControlPath=/shared"])
    assert "ControlPath=none" in ssh_argv(found, flags=[flag]) and "ControlPath=none" not in ssh_argv(found)
