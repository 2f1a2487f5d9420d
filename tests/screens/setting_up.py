"""Screens of whoever sets it up: no key, a wrong one, no daemon, and what `doctor` says of all that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from gpushopper.cli.app import App
from gpushopper.cli.commands.set_up.doctor import _account, show_checks
from gpushopper.cli.commands.set_up.doctor_checks import Check, check, clock, namespaces
from gpushopper.cli.output.disk_space import low_disk_text
from gpushopper.client import JsonObject
from gpushopper.clouds import known
from gpushopper.core.timing.clock_snapshot import MINUTE, SECOND
from gpushopper.daemon.keys.keyring_check import check_keyring
from gpushopper.daemon.record_checks import check_file_system
from gpushopper.engine.context import AccountSetup
from gpushopper.secrets import FoundKey, KeyringLocked, find_key
from gpushopper.wire import ProviderStatus
from tests.screens.scenes import Day, staged
from tests.screens.stage import SHOWN, SHOWN_HOME
from tests.sim.world import World

CLOUDS = ("vast", "tensordock")


class Keyless(World):
    """No cloud's key is stored anywhere; the accounts are those of a configuration that names the clouds."""

    def setup(self, name: str) -> AccountSetup:
        problem = find_key(known()[name], [])
        assert not isinstance(problem, FoundKey)
        return replace(
            super().setup(name), client=None, credential=None, key_problem=problem.text, key_hint=problem.hint,
            key_state=problem.state, key_source="", is_named=True,
        )  # fmt: skip


class Refused(World):
    """The key that is stored is none of the cloud's any more."""

    def setup(self, name: str) -> AccountSetup:
        self.keys[name] = "0123456789abcdef"
        return super().setup(name)

    def ready(self) -> World:
        """It never is: its list is refused."""
        self.run_for(120)
        return self


def first_day(width: int) -> Day:
    """Nothing is set up yet; then a key that the cloud refuses; then a daemon that does not start."""
    with staged(width, world_class=Keyless, lacking=CLOUDS, clouds=CLOUDS) as day:
        for line in ("ls", "inventory --gpu 4090", "provision --gpu 4090 --hours 2 --yes", "status"):
            day.type("no-key", line)
    with staged(width, world_class=Refused) as refused:
        for line in ("inventory --gpu 4090", "provision --gpu 4090 --hours 2 --yes", "status"):
            refused.type("key-refused", line)
    day.shown |= refused.shown
    with staged(width) as down:
        down.stage.is_down = True
        for line in ("ls", "daemon status"):
            down.type("no-daemon", line)
        for name, rows in (("doctor", well), ("doctor", ill)):
            down.show(name, "doctor", printed(rows))
    day.shown |= down.shown
    return day


def printed(rows: Callable[[App], list[Check]]) -> Callable[[App], None]:
    return lambda app: show_checks(app, rows(app))


def mounted(kind: str) -> str:
    return f"x / {kind} rw 0 0\n"


def here(folder: str = str(SHOWN_HOME)) -> list[Check]:
    return [check("home", True, folder), check("ssh", True, "OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.15 3 Sep 2024")]


def cloud(now: int, name: str, **more: object) -> Check:
    row = {"name": name, "state": "ready", "detail": "", "last_complete_list_at": now - 8 * SECOND, "key_hint": ""}
    return _account(cast("ProviderStatus", JsonObject(row | more)), now)


def well(app: App) -> list[Check]:
    """A notebook whose user has done all there is to do."""
    now = app.now()
    return [
        check("configuration", True, "1 setting of yours, policy real"),
        check("key vast", True, "Secret Service keyring"),
        *here(), check_file_system(SHOWN, mounted("ext4")), check_keyring(SHOWN, lambda limit_s: "Secret Service"),
        check("alarms", True, "none"), clock(now, [0]), namespaces(""),
        check("unit", True, "started by your crontab"),
        check("disk", True, "there is room"), check("daemon", True, "version 0.2.0, process 4242"),
        cloud(now.wall, "vast"),
    ]  # fmt: skip


def ill(app: App) -> list[Check]:
    """A server where several things are wrong at once."""
    now = app.now()
    locked = KeyringLocked("the system keyring is locked", "unlock it, or log in to your desktop", "keyring")
    refused = "the provider rejects the key (HTTP 401): this action requires login"
    alarm = "eval: $2.09 more was billed than was counted here"
    return [
        check("configuration", True, "no setting of yours, policy real"),
        check("key vast", False, locked.text, locked.hint), *here(),
        check_file_system(SHOWN, mounted("nfs4")), check_keyring(SHOWN, lambda limit_s: locked),
        check("alarms", False, alarm, "see: gpu-shopper alarms"), clock(now, [-7 * MINUTE]),
        namespaces("live instances need the program unshare (util-linux)"),
        check("disk", False, f"the disk of {SHOWN_HOME} is {low_disk_text(31_000_000)}", "free some space"),
        check("daemon", False, "version 0.1.0, process 4242", "this command is 0.2.0; run: gpu-shopper daemon restart"),
        cloud(now.wall, "vast", state="degraded", detail=refused, last_complete_list_at=now.wall - 40 * MINUTE),
    ]  # fmt: skip
