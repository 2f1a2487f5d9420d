"""The installation id, and whether this home was copied or moved: compared with host and folder (S10, F50)."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from gpushopper.paths import Home
from gpushopper.private_files import write_private
from gpushopper.store.database import Store
from gpushopper.store.meta import get_meta, set_meta
from gpushopper.store.sqlite.database_files import file_error

ID_LENGTH = 10
KEY = "installation"
MACHINE_ID = Path("/etc/machine-id")


class HomeStatus(StrEnum):
    """`moved`: cloned, synced or restored elsewhere; nothing is created until a user says keep or new."""

    OK = "ok"
    NEW = "new"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Installation:
    """The id in every label, and whether it may be used to create instances."""

    id: str
    status: HomeStatus


@dataclass(frozen=True, slots=True)
class InstallationFile:
    """A copy of the id outside the database, with the fingerprint of the host and folder where it was made."""

    installation: str
    machine_id: str
    device_inode: str


Random = Callable[[int], bytes]


def check(home: Home, store: Store, *, random: Random = os.urandom, machine_id: str | None = None) -> Installation:
    """Find or make the installation's id, and whether the home was moved; the id is never empty.

    The installation file is written before the database: a database with an id but no such file was copied here.
    """
    fingerprint = _fingerprint(home, machine_id)
    stored = get_meta(store, KEY)
    file = _read_file(home)
    if stored is None and not home.installation_file.exists():
        return Installation(_write(home, store, _new_id(random), fingerprint), HomeStatus.NEW)
    if stored is None and file is not None:
        # The database was lost: running instances still carry the old id (F50).
        with store.transaction():
            set_meta(store, KEY, file.installation)
        stored = file.installation
    if stored is None:
        return Installation(_write_database(store, _new_id(random)), HomeStatus.MOVED)
    same = file is not None and file == InstallationFile(stored, *fingerprint)
    return Installation(stored, HomeStatus.OK if same else HomeStatus.MOVED)


def id_beside(home: Home) -> str | None:
    """The id that the file beside the database names; None where there is no such file."""
    file = _read_file(home)
    return None if file is None else file.installation


def keep(home: Home, store: Store, *, machine_id: str | None = None) -> Installation:
    """`config installation keep`: this is the same installation in another place; no other copy is used any more."""
    found = check(home, store, machine_id=machine_id)
    return Installation(_write(home, store, found.id, _fingerprint(home, machine_id)), HomeStatus.OK)


def renew(home: Home, store: Store, *, random: Random = os.urandom, machine_id: str | None = None) -> Installation:
    """`config installation new`: this is a copy; instances with the old id belong to the other one."""
    return Installation(_write(home, store, _new_id(random), _fingerprint(home, machine_id)), HomeStatus.NEW)


def _new_id(random: Random) -> str:
    return base64.b32encode(random(10)).decode().lower()[:ID_LENGTH]


def _fingerprint(home: Home, machine_id: str | None) -> tuple[str, str]:
    state = home.data.stat()
    return (_read_machine_id() if machine_id is None else machine_id), f"{state.st_dev}:{state.st_ino}"


def _read_machine_id() -> str:
    try:
        return MACHINE_ID.read_text(encoding="ascii", errors="replace").strip() or "none"
    except OSError:
        return "none"


def _read_file(home: Home) -> InstallationFile | None:
    """The installation file; None when absent or malformed, which then counts as moved."""
    try:
        file = InstallationFile(**json.loads(home.installation_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return file if re.fullmatch(r"[a-z2-7]{10}", str(file.installation)) else None


def _write(home: Home, store: Store, installation: str, fingerprint: tuple[str, str]) -> str:
    text = json.dumps(asdict(InstallationFile(installation, *fingerprint)), indent=1) + "\n"
    try:
        write_private(home.installation_file, text)
    except OSError as error:
        raise file_error(home.installation_file, error) from error
    return _write_database(store, installation)


def _write_database(store: Store, installation: str) -> str:
    with store.transaction():
        set_meta(store, KEY, installation)
    return installation
