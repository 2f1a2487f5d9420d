"""Session buses of a test's own, with the keyrings on them: a real one, one that never answers, none at all.

Nothing here reaches the user's own bus or keyring: buses listen in the test's folder, and so does everything that
would be looked for in the user's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.bad_days import Home as AnyHome
from tests.needs import needs
from tests.sandbox_home import kill_groups, processes_under

RENT = "provision --gpu RTX4090 --hours 1 --yes"
SOURCE = "keyring (Secret Service)"
TOOLS = ("dbus-run-session", "gnome-keyring-daemon")
needs_keyring = needs(*TOOLS)

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""
"""A bus that starts no service by itself: what is on it was put there."""

LOCK = """
import secretstorage
bus = secretstorage.dbus_init()
secretstorage.get_collection_by_alias(bus, "default").lock()
bus.close()
"""
UNLOCK = """
import secretstorage
from secretstorage.util import DBusAddressWrapper, format_secret, open_session
bus = secretstorage.dbus_init()
path = secretstorage.get_collection_by_alias(bus, "default").collection_path
asked = (path, format_secret(open_session(bus), b"a password", "text/plain"))
unlocker = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
there = DBusAddressWrapper("/org/freedesktop/secrets", unlocker, bus)
there.call("UnlockWithMasterPassword", "o(oayays)", *asked)
bus.close()
"""
ITEMS = """
import secretstorage
bus = secretstorage.dbus_init()
found = secretstorage.search_items(bus, {"service": "gpu-shopper"})
print(sorted(item.get_attributes()["username"] for item in found))
bus.close()
"""
SILENT = """
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = open_dbus_connection()
there = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
assert bus.send_and_get_reply(new_method_call(there, "RequestName", "su", ("org.freedesktop.secrets", 4))).body == (1,)
print("owned", flush=True)
while True:
    bus.receive()  # every question is heard, and none is answered
"""


class Bus:
    """One session bus, at `<folder>/bus` as in a user's runtime folder."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.address = f"unix:path={folder}/bus"
        self.variables = {**variables, "DBUS_SESSION_BUS_ADDRESS": self.address, "XDG_RUNTIME_DIR": str(folder)}
        self.begun: list[subprocess.Popen[Any]] = []

    def run(self, script: str) -> str:
        """A Python script with this bus as its session's."""
        return subprocess.run(
            [sys.executable, "-c", script], env=self.variables, check=True, capture_output=True, text=True, timeout=60
        ).stdout  # fmt: skip

    def log_in(self) -> None:
        """Start the real keyring and unlock it with its password, as a login does."""
        subprocess.run(
            ["gnome-keyring-daemon", "--unlock", "--components=secrets"], env=self.variables, input=b"a password",
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def lock(self) -> None:
        self.run(LOCK)

    def unlock(self) -> None:
        """Give the password, as its owner does at the prompt."""
        self.run(UNLOCK)

    def entries(self) -> str:
        """The entries of ours, as a Python list of user names."""
        return self.run(ITEMS).strip()

    def keep(self, *users: str) -> str:
        """Store a secret for each of these user names, as another tool might; the entries there are now."""
        self.run(f"import keyring\nfor user in {users!r}: keyring.set_password('gpu-shopper', user, 'the-users-own')")
        return self.entries()

    def fall_silent(self) -> None:
        """Put a keyring on the bus that hears everything and answers nothing."""
        process = subprocess.Popen(
            [sys.executable, "-c", SILENT], env=self.variables, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        self.begun.append(process)
        assert process.stdout is not None and process.stdout.readline() == "owned\n"


@contextmanager
def session(folder: Path) -> Iterator[Bus]:
    """A session with a bus and a home folder of its own; both end with the block."""
    folder.mkdir(mode=0o700)
    (folder / "bus.conf").write_text(BUS.format(path=folder / "bus"))
    bus = Bus(folder, private(folder))
    keeper = subprocess.Popen(
        ["dbus-run-session", f"--config-file={folder}/bus.conf", "--", "sh", "-c", "echo ready; exec cat"],
        env=private(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert keeper.stdout is not None and keeper.stdout.readline() == "ready\n"
        yield bus
    finally:
        for process in bus.begun:
            process.kill()
            process.communicate()
        keeper.communicate()
        kill_groups(folder)  # the keyring's daemon outlives its bus


def private(folder: Path) -> dict[str, str]:
    """Variables that lead to nothing of the user's: no bus, no settings, no keyring files."""
    variables = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    xdg = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    return {**variables, **dict.fromkeys(("HOME", *xdg), str(folder))}


class Home(AnyHome):
    """A home that looks for keys as a user's does, in a session of the test's; without one nothing is on its bus."""

    def __init__(self, top: Path, *first: str, inner: str = "", bus: Bus | None = None) -> None:
        super().__init__(top, *first, inner=inner)
        top.mkdir(parents=True, exist_ok=True)
        self.variables = {**private(top), "GPU_SHOPPER_HOME": str(self.folder)}
        self.enter(bus)

    def enter(self, bus: Bus | None) -> None:
        """Go on in another session, or in none."""
        names = ("DBUS_SESSION_BUS_ADDRESS",)
        self.variables = {name: value for name, value in self.variables.items() if name not in names}
        if bus is not None:
            self.variables["DBUS_SESSION_BUS_ADDRESS"] = bus.address

    def settle(self, url: str, more: str = "") -> None:
        """An ordinary home in a sandbox, with short waits for the keyring."""
        text = f'[policy]\nname = "drill"\n[providers.vast]\nendpoint = "{url}"\n{more}'
        self.write({"config.toml": text})


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder for sessions and homes: sockets live under it, and all that works there ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="gs-"))
    yield folder
    kill_groups(folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def session_in(top: Path) -> Iterator[Bus]:
    """A session with nothing on its bus yet."""
    folder = Path(tempfile.mkdtemp(prefix="b-", dir=top))
    with session(folder / "s") as found:
        yield found


@contextmanager
def homes(top: Path, url: str) -> Iterator[Callable[..., Home]]:
    """Make homes in a sandbox; they end with the block."""
    made: list[Home] = []

    def build(bus: Bus | None = None, more: str = "") -> Home:
        home = Home(Path(tempfile.mkdtemp(prefix="h-", dir=top)), bus=bus)
        home.settle(url, more)
        made.append(home)
        return home

    yield build
    for home in made:
        home.end()


def key_row(home: Home, **variables: str) -> dict[str, Any]:
    """What `keys list` says about Vast."""
    ran = home("keys", "list", "--json", **variables)
    assert ran.code == 0, ran
    (row,) = [row for row in json.loads(ran.out)["keys"] if row["provider"] == "vast"]
    return row


def assert_key_nowhere(home: Home, key: str) -> None:
    """Neither in a file of the home nor in the arguments of a process that works there."""
    files = [path for path in home.folder.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]
    assert files == []
    for pid in processes_under(home.folder):
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert key.encode() not in shown
