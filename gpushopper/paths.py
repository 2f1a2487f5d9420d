"""Paths: the home folder and where each file of an installation is (database, lock, socket, log, keys, reserve)."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "GPU_SHOPPER_HOME"
SOCKET_LIMIT = 100
"""Longest socket path in bytes that every system takes (S22; measured limit about 104 to 107, F97)."""
FREE_FLOOR = 200 * 2**20
"""With fewer bytes free on the home's file system nothing is provisioned: its end could not be recorded (F67)."""

GROUP_FOLDER = Path("/srv/gpu-shopper")
"""Where a lab server's members find the daemon's socket, unless the owner sets another folder."""
GROUP_SOCKET = "daemon.sock"
"""Its name there."""

BUS_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"
"""Address of the user's session bus, over which the system keyring is reached."""
RUNTIME_VARIABLE = "XDG_RUNTIME_DIR"


@dataclass(frozen=True, slots=True)
class Home:
    """The two folders of one installation, and the files in them."""

    data: Path
    config: Path
    host: str = ""
    """The server whose daemon is used, as `--host` names it; empty: one that runs here."""

    @property
    def database(self) -> Path:
        return self.data / "gpu-shopper.db"

    @property
    def lock(self) -> Path:
        """Locked with flock for the daemon's whole life; never removed (D13)."""
        return self.data / "daemon.lock"

    @property
    def installation_file(self) -> Path:
        """Copy of the installation id with the fingerprint of host and folder (S10)."""
        return self.data / "installation.json"

    @property
    def key_salt(self) -> Path:
        """What digests of keys in the database are salted with; in no backup of it (I21)."""
        return self.data / "key-salt"

    @property
    def run(self) -> Path:
        """Folder 0700 of the socket."""
        return self.data / "run"

    @property
    def socket(self) -> Path:
        return self.run / "daemon.sock"

    @property
    def log(self) -> Path:
        return self.data / "daemon.log"

    @property
    def audit_log(self) -> Path:
        """Every act that spends or ends, one chained line each (`core/audit_chain.py`)."""
        return self.data / "audit.jsonl"

    @property
    def ssh_keys(self) -> Path:
        """One private key per session, 0600 (I23)."""
        return self.data / "ssh"

    @property
    def ssh_config(self) -> Path:
        """What the user's own ssh configuration may include: a Host block per running session."""
        return self.ssh_keys / "config"

    @property
    def completion_names(self) -> Path:
        """The names that shells complete; `cli/commands/completion/` knows its place, too."""
        return self.data / "names"

    @property
    def disk_reserve(self) -> Path:
        """The disk reserve: deleted when the disk is full, so that sessions can still be ended (F67)."""
        return self.data / "reserve"

    @property
    def kept_runs(self) -> Path:
        """Outputs of runs, kept after their instances are gone (`kept_runs.py`)."""
        return self.data / "runs"

    @property
    def backups(self) -> Path:
        return self.data / "backups"

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def key_file(self) -> Path:
        return self.config / "keys.toml"

    @property
    def metrics_token(self) -> Path:
        """What a scrape of the metrics' port must show (`daemon/metrics/port.py`)."""
        return self.config / "metrics-token"

    @property
    def sandbox(self) -> Path:
        """The home folder of the sandbox, a complete home of its own."""
        return self.data / "sandbox"

    @property
    def clock_offset(self) -> Path:
        """Offset of a sandbox's clock, read by clock.py alone (S26)."""
        return self.data / "market" / "clock-offset"


def find_home(environ: Mapping[str, str] | None = None) -> Home:
    """The home of this user: one folder if GPU_SHOPPER_HOME is set, else the system's user folders."""
    variables = os.environ if environ is None else environ
    chosen = variables.get(HOME_VARIABLE, "")
    if chosen:
        folder = Path(chosen).expanduser().absolute()
        return Home(data=folder, config=folder)
    import platformdirs  # 3 ms, not needed when the variable is set

    return Home(
        data=Path(platformdirs.user_data_dir("gpu-shopper", appauthor=False)),
        config=Path(platformdirs.user_config_dir("gpu-shopper", appauthor=False)),
    )


def with_user_bus(environ: Mapping[str, str]) -> dict[str, str]:
    """These variables, with the user's session bus added where none is set and one listens.

    cron and ssh sessions have none set, although it runs while the user is logged in (D16).
    """
    if environ.get(BUS_VARIABLE):
        return dict(environ)
    folder = environ.get(RUNTIME_VARIABLE) or f"/run/user/{os.getuid()}"
    try:
        bus = os.lstat(f"{folder}/bus")
    except OSError:
        return dict(environ)
    if not stat.S_ISSOCK(bus.st_mode) or bus.st_uid != os.getuid():
        return dict(environ)
    return {**environ, RUNTIME_VARIABLE: folder, BUS_VARIABLE: f"unix:path={folder}/bus"}
