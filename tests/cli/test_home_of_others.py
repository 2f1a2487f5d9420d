"""A home folder that is not ours to use: every command says so in one line and ends with 4 (I22, S33)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpushopper.cli import COMMANDS, main, new_app
from tests.needs import needs_other_user, needs_root

OTHER = 65534
LINES = [
    "inventory", "plan -g 4090", "provision -g 4090 -y", "ls", "sessions", "sessions list", "get x", "extend x -t 1",
    "done x -y", "shutdown x -y", "shutdown --all -y", "receipt x", "ssh x", "cp x:a b", "run x -- true", "logs x",
    "costs", "costs summary", "consumers", "consumers add x", "report x", "custody x", "notify", "budget",
    "status", "alarms", "alarms ack 1", "audit", "audit log", "events", "keys", "keys set vast",
    "keys test vast", "keys remove vast", "config show", "config installation keep", "ssh-config", "daemon",
    "daemon run", "daemon start", "daemon stop", "daemon restart", "daemon status", "daemon logs", "daemon install",
    "daemon uninstall", "daemon purge", "demo",
    "sandbox start", "sandbox stop", "sandbox status", "sandbox ledger", "--sandbox ls", "--sandbox keys",
    "wait x", "top", "adopt 7 -y", "forget x", "doctor", "version", "help safety", "completion install bash",
    "config set brakes.open_sessions 3", "set x --idle 1h", "restart x -y", "code x", "jupyter x",
    "watchdog", "why x", "pull x", "sync up x . r",
    "backup", "backup make",
]  # fmt: skip


def test_every_command_is_among_them():
    assert {name for _, name, _, _ in COMMANDS} <= {line.removeprefix("--sandbox ").split()[0] for line in LINES}


def assert_refused(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(line.split())
    out, err = capsys.readouterr()
    assert code == (125 if line.split(maxsplit=1)[0] in ("ssh", "run") else 4), err
    first, second = err.splitlines()
    assert words in first and "unexpected" not in first
    assert "GPU_SHOPPER_HOME" in second
    assert out == ""


@needs_root
@pytest.mark.parametrize("line", LINES)
def test_another_users_home_is_refused_and_nothing_is_put_into_it(
    home: Path, capsys: pytest.CaptureFixture[str], line: str
):
    home.mkdir()
    os.chown(home, OTHER, OTHER)
    assert_refused(line, f"the home folder {home} belongs to another user", capsys)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("line", ["ls", "keys", "daemon status", "--sandbox ls", "sandbox start"])
def test_a_file_in_the_place_of_the_folder(home: Path, capsys: pytest.CaptureFixture[str], line: str):
    home.write_text("")
    assert_refused(line, f"the home folder {home} is not a folder", capsys)


@needs_other_user
@pytest.mark.parametrize("line", ["ls", "keys", "daemon status", "daemon run", "sandbox status"])
@pytest.mark.parametrize("closed", ["home", "above"])
def test_an_unreadable_home(home: Path, line: str, closed: str):
    """A real process of another user: for root no folder is closed."""
    home.mkdir()
    home.parent.chmod(0o755 if closed == "home" else 0o700)
    home.chmod(0o700)
    who = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    ran = subprocess.run(
        [*who, sys.executable, "-m", "gpushopper.cli", *line.split()], cwd="/", env={**os.environ, "HOME": "/"},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (4, "")
    first, second = ran.stderr.splitlines()
    assert str(home) in first and "unexpected" not in first and "GPU_SHOPPER_HOME" in second


@needs_root
def test_a_shared_folder_of_the_system_may_be_a_home(home: Path):
    """As /tmp is: of root, open to all."""
    from gpushopper.client.home_owner import check_home
    from gpushopper.paths import find_home

    home.mkdir()
    home.chmod(0o1777)
    check_home(find_home())


@needs_other_user
@pytest.mark.parametrize("line", ["daemon logs", "config show"])
def test_an_unreadable_file_in_the_home(home: Path, line: str):
    """Left behind by `sudo`: words, not a traceback."""
    home.parent.chmod(0o755)
    home.mkdir(mode=0o700)
    for name in ("daemon.log", "config.toml"):
        (home / name).write_text("")
        (home / name).chmod(0o600)
    os.chown(home, OTHER, OTHER)
    who = ["setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups"]
    ran = subprocess.run(
        [*who, sys.executable, "-m", "gpushopper.cli", *line.split()], cwd="/", env={**os.environ, "HOME": "/"},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (4, ""), ran
    assert str(home) in ran.stderr and "unexpected" not in ran.stderr and len(ran.stderr.splitlines()) == 2


def test_the_check_chooses_no_home_for_the_command(home: Path):
    """`sandbox` works in the practice home, which it names only once it runs."""
    app = new_app()
    app.check_home()
    app.use_sandbox = True
    assert app.home.data == home / "sandbox"
