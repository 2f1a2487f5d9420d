"""Every way a start can fail: one line, the right exit status, no traceback (S21); and what a good one leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gpushopper import config as settings
from gpushopper.daemon.keys import account_setup
from gpushopper.daemon.lock import Holder, HomeLock
from gpushopper.errors import ShopperError
from gpushopper.paths import Home, find_home
from tests.daemon.conftest import COMMAND, Running
from tests.needs import needs_other_user, needs_root

Failing = Callable[..., tuple[int, str]]
Starting = Callable[..., Running]


def written(home: Path, config: str) -> Home:
    home.mkdir(exist_ok=True)
    found = find_home()
    found.config_file.write_text(config)
    return found


def assert_one_line(said: str, *words: str) -> None:
    lines = [line for line in said.splitlines() if not line.startswith("  ")]
    assert len(lines) == 1 and lines[0].startswith("error: "), said
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ("[brakes\n", 4, ["config.toml", "not valid TOML"]),
        ("[brakes]\nopen_sesions = 1\n", 4, ["brakes.open_sesions", "did you mean brakes.open_sessions?"]),
        ('[policy]\nname = "quick"\n', 4, ["unknown policy quick"]),
        ('[policy]\nname = "drill"\n', 6, ["policy drill", "vast", "console.vast.ai"]),
        ('[policy]\nname = "drill-live"\n[providers.vast]\nendpoint = "http://localhost:1"\n', 6, ["localhost"]),
        ('[policy]\nname = "paper"\n[providers.vast]\nendpoint = "http://10.0.0.1"\n', 6, ["10.0.0.1"]),
        ('[policy]\nname = "drill"\n[providers.vast]\nendpoint = "http://127.0.0.1.x.org"\n', 6, ["127.0.0.1.x.org"]),
    ],
)
def test_an_invalid_configuration_refuses_the_start(home: Path, config: str, code: int, words: list[str]):
    with pytest.raises(ShopperError) as caught:
        account_setup.choose_policy(settings.load(written(home, config), environ={}))
    said = f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_code == code
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(("config", "code"), [("zebra = 1\n", 4), ('[policy]\nname = "drill"\n', 6)])
def test_an_invalid_configuration_releases_the_lock(home: Path, fail_to_start: Failing, config: str, code: int):
    where = written(home, config)
    status, said = fail_to_start()
    assert status == code
    assert_one_line(said, "zebra" if code == 4 else "policy drill")
    HomeLock.take(where, Holder(os.getpid(), 0, "0")).release()


@pytest.mark.parametrize(
    "config",
    [
        '[policy]\nname = "drill"\n[providers.vast]\nendpoint = "http://127.0.0.1:9"\n',
        '[policy]\nname = "drill"\n[providers.vast]\nendpoint = "http://[::1]:9"\n',
        '[policy]\nname = "drill"\n[providers.vast]\nenabled = false\n',
    ],
)
def test_a_sandbox_policy_is_accepted_without_a_real_provider(home: Path, config: str):
    assert account_setup.choose_policy(settings.load(written(home, config), environ={})).name == "drill"


def test_a_socket_path_that_is_too_long_refuses_the_start(home: Path, fail_to_start: Failing):
    long = home / ("x" * 90)
    status, said = fail_to_start(GPU_SHOPPER_HOME=str(long))
    assert status == 4
    assert_one_line(said, "100", "GPU_SHOPPER_HOME")
    assert not long.exists()


def test_a_second_daemon_names_the_running_one(start: Starting, fail_to_start: Failing):
    first = start()
    status, said = fail_to_start()
    assert status == 6
    assert_one_line(said, f"already running, pid {first.process.pid}")
    assert first.ask("GET", "/health").json["pid"] == first.process.pid


def test_a_database_of_a_newer_version_refuses_the_start(home: Path, start: Starting, fail_to_start: Failing):
    start().end()
    with sqlite3.connect(find_home().database) as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    status, said = fail_to_start()
    assert status == 4
    assert_one_line(said, "newer")


def test_a_damaged_database_is_quarantined_with_an_alarm_that_is_told_elsewhere_too(
    home: Path, start: Starting, wait_until: Callable[..., None]
):
    first = start()
    identity = first.ask("GET", "/api/v1/status").json["installation"]
    first.end()
    find_home().database.write_bytes(b"SQLite format 3\0" + b"damage" * 4000)
    (home / "config.toml").write_text(f'[alerts.hook]\nkind = "command"\ncommand = "/usr/bin/tee {home}/told"\n')
    second = start()
    status = second.ask("GET", "/api/v1/status").json
    assert status["installation"] == identity
    (alarm,) = second.ask("GET", "/api/v1/alarms").json["alarms"]
    assert alarm["kind"] == "database_rebuilt"
    (kept,) = home.glob("*.damaged-*")
    assert kept.name in alarm["text"]
    assert b"damage" in kept.read_bytes()
    wait_until(lambda: (home / "told").exists() and b"alarm.database_rebuilt" in (home / "told").read_bytes())


@needs_other_user
def test_a_home_of_another_user_refuses_the_start(home: Path, fail_to_start: Failing):
    home.parent.chmod(0o755)
    home.mkdir(mode=0o755)
    status, said = fail_to_start("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert status == 4
    assert_one_line(said, str(home), "belongs to another user (root)")


def in_mounted(command: str, home: Path) -> list[str]:
    """Run what follows in a mount namespace of its own, after a mount command."""
    home.mkdir(exist_ok=True)
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f'{command}\nexec "$@"', "sh"]


@needs_root
def test_a_read_only_home_refuses_the_start(home: Path, fail_to_start: Failing):
    before = in_mounted(f"mount --bind {home} {home}; mount -o remount,bind,ro {home}", home)
    status, said = fail_to_start(*before)
    assert status == 4
    assert_one_line(said, str(home), "Read-only file system")


@needs_root
@pytest.mark.parametrize("free_kib", [0, 4, 40])
def test_a_full_disk_refuses_the_start(home: Path, fail_to_start: Failing, free_kib: int):
    fill = f"dd if=/dev/zero of={home}/ballast bs=1k count={256 - 4 - free_kib} status=none || true"
    status, said = fail_to_start(*in_mounted(f"mount -t tmpfs -o size=256k none {home}; {fill}", home))
    assert status == 1
    assert_one_line(said, "full")


def test_under_an_open_umask_all_files_are_private(home: Path, start: Starting):
    old = os.umask(0)
    try:
        running = start(from_nothing=True)
    finally:
        os.umask(old)
    running.ask("POST", "/api/v1/alarms/ack", {})
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in [home, *home.rglob("*")]}
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
    limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size +[01] +[01] ", limits, re.MULTILINE), "1 also where they are piped"
    assert os.readlink(f"/proc/{running.process.pid}/cwd") == "/"


def test_a_key_file_open_to_others_is_not_read_but_the_daemon_runs(home: Path, start: Starting):
    home.mkdir()
    find_home().key_file.write_text('[vast]\napi_key = "c4n4ry-key"\n')
    find_home().key_file.chmod(0o644)
    running = start()
    found = running.ask("GET", "/api/v1/providers").json["providers"]
    assert "vast" in [account["name"] for account in found], "and each other cloud whose key may be in it"
    assert all(account["state"] == "keyless" and "chmod 600" in account["detail"] for account in found)
    assert running.ask("GET", "/health").json["ok"] is False


def detached(**environ: str) -> tuple[dict[str, object], subprocess.Popen[bytes]]:
    """Start as the command line does: the start or its error comes as one JSON line."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "detached", "--ready-fd", str(writer)], env={**os.environ, **environ}, pass_fds=[writer],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    os.close(writer)
    with open(reader) as stream:
        return json.loads(stream.read()), process


def test_a_detached_start_reports_that_it_is_ready(home: Path):
    told, process = detached()
    try:
        assert told == {"ok": True, "pid": process.pid, "version": told["version"], "home": str(home)}
        assert Running(find_home(), process).ask("GET", "/ready").status == 200  # type: ignore[arg-type]
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert said == b""
    assert process.returncode == 0


def test_a_detached_start_reports_its_error(home: Path):
    written(home, "zebra = 1\n")
    told, process = detached()
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (4, b"")
    assert told["ok"] is False
    error = told["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["exit"]) == ("unknown_key", 4)
    assert "zebra" in error["message"]


def test_a_detached_start_survives_the_end_of_its_parent(home: Path, wait_until):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen([*COMMAND, "detached", "--ready-fd", str(writer)], pass_fds=[writer])
    os.close(writer)
    try:
        wait_until(find_home().socket.exists)
        assert Running(find_home(), process).ask("GET", "/health").status == 200  # type: ignore[arg-type]
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


def test_a_copied_home_may_end_sessions_and_warns(home: Path, start: Starting):
    start().end()
    copy = home.with_name("copy")
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.sock"))
    running = start(GPU_SHOPPER_HOME=str(copy))
    other = Running(Home(copy, copy), running.process)
    assert other.ask("POST", "/api/v1/shutdown", {}).status == 202
    assert any("copied or moved" in line["event"] for line in other.log())
