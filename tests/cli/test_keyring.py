"""Keys in the system's keyring: stored, used, and its five ways to fail told apart (D15, F105, F106).

Everything goes through the installed command, over real buses with a real keyring.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpushopper.client import Client
from gpushopper.paths import Home as Folders
from tests import toy_cloud
from tests.cli.bad_days import Row, assert_no_trace, assert_says
from tests.cli.keyrings import (
    RENT,
    SOURCE,
    Bus,
    Home,
    assert_key_nowhere,
    homes,
    key_row,
    needs_keyring,
    session_in,
    short_folder,
)
from tests.cli.market_process import Market, serve
from tests.sandbox_home import processes_under

WAIT_S = 120
pytestmark = [pytest.mark.proofs, needs_keyring]


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.fixture(scope="module")
def market(top: Path) -> Iterator[Market]:
    with serve(top / "market") as found:
        yield found


@pytest.fixture
def bus(top: Path) -> Iterator[Bus]:
    with session_in(top) as found:
        yield found


@pytest.fixture
def make(top: Path, market: Market) -> Iterator[Callable[..., Home]]:
    with homes(top, market.url) as build:
        yield build


def account(home: Home) -> dict[str, Any]:
    """How the running daemon sees its account; no daemon is started or restarted for it."""
    folder = home.folder
    (row,) = Client(Folders(folder, folder)).providers().providers
    return row


def children(home: Home) -> list[int]:
    """The processes of this home that are asking a keyring."""
    under = processes_under(home.folder)
    return [pid for pid in under if b"keyring_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


# ---- a keyring that works


def said_by_doctor(home: Home) -> dict[str, Any]:
    """What `doctor` says of the keyring; it reads none of its entries."""
    (row,) = [row for row in json.loads(home("doctor", "--json").out)["checks"] if row["name"] == "keyring"]
    return row


def test_a_key_is_kept_used_and_forgotten(make: Callable[..., Home], bus: Bus, market: Market):
    bus.log_in()
    home, other = make(bus), make(bus)
    stored = home("keys", "set", "vast", stdin=f"{market.key}\n")
    assert stored.code == 0 and f"stored in {SOURCE}; account" in stored.out, stored
    assert bus.entries() == f"['vast@{home.folder}']"
    assert not (home.folder / "keys.toml").exists()
    row = key_row(home)
    assert (row["state"], row["source"], row["text"]) == ("ok", SOURCE, "")
    assert said_by_doctor(home)["text"].endswith(", unlocked")
    assert "works" in home.must("keys", "test", "vast")
    # Another home of the same user may be on another account: it has a key of its own, or none (F45).
    assert key_row(other)["state"] == "missing"
    home.must(*RENT.split(), "--name", "train")
    status = json.loads(home.must("status", "--json"))["status"]
    assert status["providers"][0]["key_source"] == SOURCE
    assert_key_nowhere(home, market.key)
    ended = home("shutdown", "--all", "--yes")
    assert (ended.code, ended.out.split()[:2]) == (0, ["train", "off"]), ended
    for text in (stored.out, stored.err, ended.out, ended.err, json.dumps(row), json.dumps(status)):
        assert market.key not in text
    assert "removed" in home.must("keys", "remove", "vast")
    assert bus.entries() == "[]"
    assert key_row(home)["state"] == "missing"
    gone = home("keys", "test", "vast")
    assert_says(gone, Row("", "", "no Vast.ai API key", 4, "keys set vast"))
    assert account(home)["state"] == "keyless"


def test_a_credential_of_two_parts_is_one_entry(make: Callable[..., Home], bus: Bus, tmp_path: Path):
    bus.log_in()
    home = make(bus)
    home.write({"config.toml": ""})
    home.variables["PYTHONPATH"] = f"{toy_cloud.install(tmp_path / 'site')}{os.pathsep}{os.getcwd()}"
    stored = home("keys", "set", "toy", stdin=f"{toy_cloud.ID}\n{toy_cloud.TOKEN}\n")
    assert stored.code == 0 and f"stored in {SOURCE}; account of {toy_cloud.ID}" in stored.out, stored
    assert bus.entries() == f"['toy@{home.folder}']"
    assert "works" in home.must("keys", "test", "toy")
    assert_key_nowhere(home, toy_cloud.TOKEN)
    states = {row["provider"]: row["state"] for row in json.loads(home.must("keys", "--json"))["keys"]}
    assert states.pop("toy") == "ok" and set(states.values()) == {"missing"}
    assert "removed" in home.must("keys", "remove", "toy") and bus.entries() == "[]"


def test_a_sandbox_home_leaves_the_keyring_alone(top: Path, bus: Bus):
    bus.log_in()
    home = Home(Path(tempfile.mkdtemp(prefix="h-", dir=top)), "--sandbox", inner="sandbox", bus=bus)
    home.must("sandbox", "start")
    users = bus.keep("vast", f"vast@{home.home}")
    key = json.loads(home.must("sandbox", "status", "--json"))["dialects"]["vast"]["keys"]["api_key"]
    assert f"stored in file {home.home}/keys.toml" in home("keys", "set", "vast", stdin=key).out
    assert key_row(home)["source"].startswith("file ")
    home.must("keys", "remove", "vast")
    assert key_row(home)["state"] == "missing"
    assert bus.entries() == users
    home.end()


def test_the_environment_overrides_the_file_and_that_the_keyring(make: Callable[..., Home], bus: Bus, market: Market):
    bus.log_in()
    home = make(bus)
    assert home("keys", "set", "vast", stdin=market.key).code == 0
    stored = home("keys", "set", "vast", "--file", stdin=market.key)
    assert stored.code == 0 and "stored in file " in stored.out
    assert key_row(home)["source"].startswith("file ")
    assert key_row(home, VAST_API_KEY=market.key)["source"] == "environment VAST_API_KEY"
    # A key that stands in the file is replaced there: in the keyring it would not be used.
    assert "stored in file " in home("keys", "set", "vast", stdin=market.key).out
    # A file that must not be read ends the search (F106).
    (home.folder / "keys.toml").chmod(0o640)
    assert key_row(home)["state"] == "refused"
    (home.folder / "keys.toml").chmod(0o600)
    home.must("keys", "remove", "vast")
    assert (key_row(home)["state"], bus.entries()) == ("missing", "[]")


# ---- the ways to fail


def test_a_locked_keyring_is_reported_and_read_once_unlocked(
    make: Callable[..., Home], bus: Bus, market: Market, wait_until: Callable[..., None]
):
    bus.log_in()
    home = make(bus)
    assert home("keys", "set", "vast", stdin=market.key).code == 0
    home.must(*RENT.split(), "--name", "train")
    bus.lock()
    # What the daemon has in memory it keeps, also when it is told to read again (I11).
    Client(Folders(home.folder, home.folder)).reload_keys()
    assert account(home)["state"] != "keyless"
    home.must("daemon", "stop")
    assert (key_row(home)["state"], key_row(home)["source"]) == ("locked", SOURCE)
    assert said_by_doctor(home)["text"].endswith(", locked") and "unlock it" in said_by_doctor(home)["hint"]
    for words in (("keys", "test", "vast"), ("keys", "set", "vast"), ("keys", "remove", "vast")):
        refused = home(*words, stdin=market.key)
        assert_says(refused, Row("", words, rf"the system {re.escape(SOURCE)} is locked", 4, "unlock it"))
    assert not (home.folder / "keys.toml").exists()
    home.must("daemon", "start")
    pid = home.daemon_pid()
    found = account(home)
    assert (found["state"], found["key_state"], found["open_attempts"]) == ("keyless", "locked", 1)
    wait_until(lambda: "cannot be called" in home("alarms").out, timeout_s=WAIT_S)
    bus.unlock()
    wait_until(lambda: json.loads(home("status", "--json").out)["status"]["providers"][0]["state"] == "ready", WAIT_S)
    assert home.daemon_pid() == pid
    assert "cannot be asked" not in home("alarms").out
    assert home("shutdown", "train", "--yes").code == 0
    assert_no_trace(home.folder, refused)


def test_without_a_keyring_the_key_file_works(make: Callable[..., Home], bus: Bus, market: Market):
    home = make(None)
    row = key_row(home)
    assert (row["state"], row["text"]) == ("absent", "no system keyring can be reached from here: no session bus")
    refused = home("keys", "set", "vast", stdin=market.key)
    assert_says(refused, Row("", "", "no session bus", 4, "keys set vast --file"))
    assert not (home.folder / "keys.toml").exists()
    for words in (RENT, "inventory", "keys test vast"):
        assert_says(home(*words.split()), Row("", words, "no session bus", 4, "keys set vast --file"))
    assert "stored in file" in home("keys", "set", "vast", "--file", stdin=market.key).out
    assert home("inventory").code == 0
    removed = home("keys", "remove", "vast")
    assert removed.code == 0 and "a key may still be in it" in removed.err
    # A bus without a service that stores keys.
    home.enter(bus)
    assert key_row(home)["text"].endswith("nothing on the session bus keeps keys")


def test_a_hanging_keyring_is_reported_and_blocks_nothing(
    make: Callable[..., Home], bus: Bus, market: Market, wait_until: Callable[..., None]
):
    bus.fall_silent()
    home = make(bus, "[keys]\nkeyring_seconds = 25\n")
    home.must("daemon", "start")
    # It runs long before the keyring's time is up, and answers whatever needs no key.
    assert account(home)["key_state"] == "asking"
    assert json.loads(home.must("ls", "--json"))["sessions"] == []
    home.settle(market.url, "[keys]\nkeyring_seconds = 1\n")
    home.must("daemon", "restart")
    assert account(home)["key_state"] == "hung"
    assert account(home)["detail"] == "the system keyring did not answer within 1 s"
    row = key_row(home)
    assert (row["state"], row["text"]) == ("hung", "the system keyring did not answer within 1 s")
    assert_says(home("keys", "test", "vast"), Row("", "", "did not answer within 1 s", 4, "gnome-keyring-daemon"))
    assert_says(home("keys", "set", "vast", stdin=market.key), Row("", "", "did not answer", 4, "--file"))
    # While it waits, the process that asks shows no key: not the one to store, not one from our environment (I21).
    stranger = "c4n4ry-of-another-tool"
    home.variables["OTHER_API_KEY"] = stranger
    asking = home.begin("keys", "set", "vast", stdin=market.key)
    wait_until(lambda: children(home), WAIT_S)
    for pid in children(home):
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert market.key.encode() not in shown and stranger.encode() not in shown
    asking.communicate(timeout=WAIT_S)
    # The key file stands before the keyring, so a hung one is no trap.
    assert home("keys", "set", "vast", "--file", stdin=market.key).code == 0
    wait_until(lambda: account(home)["key_source"].startswith("file "), WAIT_S)
    home.must(*RENT.split(), "--name", "train")
    assert home("shutdown", "train", "--yes").code == 0


# ---- stores that are none


PLAIN = """
import pathlib, keyring.backend
class Keyring(keyring.backend.KeyringBackend):
    priority = 20
    def get_password(self, service, username):
        file = pathlib.Path(__file__).with_name("plain.txt")
        return file.read_text() if file.exists() else None
    def set_password(self, service, username, password):
        pathlib.Path(__file__).with_name("plain.txt").write_text(password)
    def delete_password(self, service, username):
        pathlib.Path(__file__).with_name("plain.txt").unlink()
"""


@pytest.fixture
def plain(top: Path) -> Path:
    """A package that brings a plain-text store for the keyring library, installed as packages are."""
    folder = Path(tempfile.mkdtemp(prefix="p-", dir=top))
    (folder / "plainstore.py").write_text(PLAIN)
    info = folder / "plainstore-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plainstore\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[keyring.backends]\nplainstore = plainstore\n")
    return folder


def test_a_plain_store_that_a_package_brings_is_never_used(make: Callable[..., Home], plain: Path, market: Market):
    home = make(None)
    home.variables["PYTHONPATH"] = str(plain)
    # The library itself would take it without a word.
    library = [sys.executable, "-m", "keyring", "set", "gpu-shopper", "canary"]
    subprocess.run(library, env=home.variables, input=b"c4n4ry\n", check=True, capture_output=True)
    assert (plain / "plain.txt").read_text() == "c4n4ry"
    (plain / "plain.txt").unlink()
    for bus_address in ("", "unix:path=/nowhere"):
        home.variables["DBUS_SESSION_BUS_ADDRESS"] = bus_address
        assert_says(home("keys", "set", "vast", stdin=market.key), Row("", "", "no system keyring", 4, "--file"))
        assert key_row(home)["state"] == "absent"
    assert not (plain / "plain.txt").exists()


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("variable", "keyring.backends.null.Keyring"),
        ("variable", "keyrings.alt.file.PlaintextKeyring"),
        ("file", "plainstore.Keyring"),
    ],
)
def test_a_setting_cannot_choose_a_store_that_does_not_keep_keys_safe(
    make: Callable[..., Home], bus: Bus, plain: Path, market: Market, where: str, named: str
):
    bus.log_in()
    home = make(bus)
    home.variables["PYTHONPATH"] = str(plain)
    if where == "variable":
        home.variables["PYTHON_KEYRING_BACKEND"] = named
    else:
        folder = Path(home.variables["XDG_CONFIG_HOME"]) / "python_keyring"
        folder.mkdir()
        (folder / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring={named}\nkeyring-path={plain}\n")
    row = key_row(home)
    assert row["state"] == "refused" and f"names {named}, which does not keep keys safe" in row["text"]
    refused = home("keys", "set", "vast", stdin=market.key)
    assert_says(refused, Row("", "", re.escape(named), 4, "remove that setting"))
    assert (bus.entries(), (plain / "plain.txt").exists()) == ("[]", False)


def test_a_setting_may_choose_among_those_that_do(make: Callable[..., Home], bus: Bus, market: Market):
    bus.log_in()
    home = make(bus)
    for named in ("keyring.backends.SecretService.Keyring", "keyring.backends.chainer.ChainerBackend"):
        home.variables["PYTHON_KEYRING_BACKEND"] = named
        assert f"stored in {SOURCE}" in home("keys", "set", "vast", stdin=market.key).out
    home.variables["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    assert key_row(home)["text"].endswith("PYTHON_KEYRING_BACKEND switches it off")


# ---- a daemon without keys


def test_a_keyless_daemon_is_restarted_by_a_command_with_a_key(make: Callable[..., Home], bus: Bus, market: Market):
    bus.log_in()
    home = make(bus)
    assert home("keys", "set", "vast", stdin=market.key).code == 0
    home.enter(None)
    home.must("daemon", "start")
    first = home.daemon_pid()
    assert account(home)["key_state"] == "absent"
    # From the same surroundings it stays, however often it is asked.
    for _ in range(2):
        ran = home("ls")
        assert (ran.code, home.daemon_pid(), "restarting" in ran.err) == (0, first, False)
    home.enter(bus)
    ran = home("ls")
    assert ran.code == 0 and "restarting the daemon: it has no key of vast" in ran.err, ran
    second = home.daemon_pid()
    assert second != first and account(home)["key_source"] == SOURCE
    # One that has its key is left alone by a command that sees none.
    home.enter(None)
    ran = home("ls")
    assert (ran.code, home.daemon_pid(), "restarting" in ran.err) == (0, second, False)


def test_a_command_without_a_key_of_its_own_restarts_nothing(make: Callable[..., Home], bus: Bus):
    bus.log_in()
    home = make(None)
    home.must("daemon", "start")
    pid = home.daemon_pid()
    home.enter(bus)
    for _ in range(2):
        ran = home("ls")
        assert (ran.code, home.daemon_pid(), "restarting" in ran.err) == (0, pid, False)


def test_a_key_in_the_environment_reaches_a_daemon_that_has_none(make: Callable[..., Home], market: Market):
    home = make(None)
    home.must("daemon", "start")
    first = home.daemon_pid()
    ran = home("ls", VAST_API_KEY=market.key)
    assert ran.code == 0 and "restarting the daemon" in ran.err
    assert home.daemon_pid() != first and account(home)["key_source"] == "environment VAST_API_KEY"
    assert home("ls").code == 0 and account(home)["key_source"] == "environment VAST_API_KEY"


def test_the_users_session_bus_is_found_without_a_variable(make: Callable[..., Home], bus: Bus, market: Market):
    """cron and ssh name no bus; it is in the runtime folder all the same while the user is logged in (D16)."""
    bus.log_in()
    home = make(bus)
    assert home("keys", "set", "vast", stdin=market.key).code == 0
    home.enter(None)
    home.variables["XDG_RUNTIME_DIR"] = str(bus.folder)
    home.must("daemon", "start")
    assert account(home)["key_source"] == SOURCE
    variables = Path(f"/proc/{home.daemon_pid()}/environ").read_bytes()
    assert f"DBUS_SESSION_BUS_ADDRESS=unix:path={bus.folder}/bus".encode() in variables
