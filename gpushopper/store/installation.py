"""Which installation this home is, and whether it is still the home it was made in (S10, F50)."""

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
from gpushopper.store.accounts import get_meta, set_meta
from gpushopper.store.database import Store
from gpushopper.store.sqlite.database_files import file_error

ID_LENGTH = 10
KEY = "installation"
MACHINE_ID = Path("/etc/machine-id")


class HomeStatus(StrEnum):
    """`moved`: cloned, synced or restored elsewhere, so refuse to spend until a person says keep or new."""

    OK = "ok"
    NEW = "new"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Installation:
    """The id in every label, and whether it may be used."""

    id: str
    verdict: HomeStatus


@dataclass(frozen=True, slots=True)
class InstallationFile:
    """The id's second home: it survives the database, and says where it was made."""

    installation: str
    machine_id: str
    device_inode: str


Random = Callable[[int], bytes]


def check(home: Home, store: Store, *, random: Random = os.urandom, machine_id: str | None = None) -> Installation:
    """Find, make or doubt the installation's id; it is never empty afterwards.

    The side file is written first: a database without it was copied here, one that is not yet written was not.
    """
    marks = _marks(home, machine_id)
    stored = get_meta(store, KEY)
    side = _read_side(home)
    if stored is None and not home.installation_file.exists():
        return Installation(_write(home, store, _new_id(random), marks), HomeStatus.NEW)
    if stored is None and side is not None:
        # The database was lost: its instances still carry the old id (F50).
        with store.transaction():
            set_meta(store, KEY, side.installation)
        stored = side.installation
    if stored is None:
        return Installation(_write_database(store, _new_id(random)), HomeStatus.MOVED)
    same = side is not None and side == InstallationFile(stored, *marks)
    return Installation(stored, HomeStatus.OK if same else HomeStatus.MOVED)


def keep(home: Home, store: Store, *, machine_id: str | None = None) -> Installation:
    """`config installation keep`: this is the same installation, moved; its other copy is no longer used."""
    found = check(home, store, machine_id=machine_id)
    return Installation(_write(home, store, found.id, _marks(home, machine_id)), HomeStatus.OK)


def renew(
    home: Home, store: Store, *, random: Random = os.urandom, machine_id: str | None = None
) -> Installation:
    """`config installation new`: this is a copy; what the old id named belongs to the other one."""
    return Installation(_write(home, store, _new_id(random), _marks(home, machine_id)), HomeStatus.NEW)


def _new_id(random: Random) -> str:
    return base64.b32encode(random(10)).decode().lower()[:ID_LENGTH]


def _marks(home: Home, machine_id: str | None) -> tuple[str, str]:
    state = home.data.stat()
    return (_read_machine_id() if machine_id is None else machine_id), f"{state.st_dev}:{state.st_ino}"


def _read_machine_id() -> str:
    try:
        return MACHINE_ID.read_text(encoding="ascii", errors="replace").strip() or "none"
    except OSError:
        return "none"


def _read_side(home: Home) -> InstallationFile | None:
    """The side file; None when absent or not as we write it, which then counts as moved."""
    try:
        side = InstallationFile(**json.loads(home.installation_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return side if re.fullmatch(r"[a-z2-7]{10}", str(side.installation)) else None


def _write(home: Home, store: Store, installation: str, marks: tuple[str, str]) -> str:
    text = json.dumps(asdict(InstallationFile(installation, *marks)), indent=1) + "\n"
    try:
        write_private(home.installation_file, text)
    except OSError as error:
        raise file_error(home.installation_file, error) from error
    return _write_database(store, installation)


def _write_database(store: Store, installation: str) -> str:
    with store.transaction():
        set_meta(store, KEY, installation)
    return installation
