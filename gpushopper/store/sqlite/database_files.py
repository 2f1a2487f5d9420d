"""The database's files: private modes, network file systems, free space, quarantine of a damaged database."""

from __future__ import annotations

import errno
import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

from gpushopper.core.timing.clock_snapshot import SECOND
from gpushopper.errors import DiskFull, Misconfigured
from gpushopper.private_files import FOLDER_MODE, sync
from gpushopper.store.sqlite.error_mapping import read_only

FILE_MODE = 0o600
SIDECAR_SUFFIXES = ("-wal", "-shm", "-journal")
"""Suffixes of the files SQLite keeps next to a database, and that belong to it (F69)."""

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ncpfs", "9p", "ceph", "glusterfs", "lustre",
     "beegfs", "gpfs", "davfs", "vboxsf", "prl_fs", "drvfs", "webdav", "afpfs"}
)  # fmt: skip
LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs"})


def make_private(path: Path) -> None:
    """Create folder and file with private modes before SQLite opens anything, whatever the umask (F72).

    SQLite gives -wal, -shm and -journal the mode of the database itself.
    """
    try:
        _make_private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        for file in (path, *sidecar_files(path)):
            if file.exists():
                file.chmod(FILE_MODE)
    except OSError as error:
        raise file_error(path, error) from error


def _make_private_folder(folder: Path) -> None:
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    state = folder.stat()
    # A shared folder (/tmp) or a foreign one keeps its mode; the files in it are private all the same.
    if state.st_uid == os.geteuid() and not state.st_mode & stat.S_ISVTX and stat.S_IMODE(state.st_mode) & 0o077:
        folder.chmod(FOLDER_MODE)


def file_error(path: Path, error: OSError) -> DiskFull | Misconfigured:
    """The error of errors.py for an OSError about a file."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"the disk or quota is full: {path} could not be written", f"free space in {path.parent}")
    return read_only(path, error.strerror or str(error))


def sidecar_files(path: Path) -> list[Path]:
    """The files SQLite may keep next to this one."""
    return [path.with_name(path.name + ending) for ending in SIDECAR_SUFFIXES]


def timestamp(now_wall: int) -> str:
    """`20260719T101500Z`, for file names."""
    return datetime.fromtimestamp(now_wall // SECOND, tz=UTC).strftime("%Y%m%dT%H%M%SZ")


def free_name(wanted: Path) -> Path:
    """The name, or the first free one with a number: two in one second must not overwrite each other."""
    found, number = wanted, 1
    while found.exists() or any(file.exists() for file in sidecar_files(found)):
        number += 1
        found = wanted.with_name(f"{wanted.name}-{number}")
    return found


def quarantine_name(path: Path, now_wall: int) -> Path:
    """What a damaged database will be called."""
    return free_name(path.with_name(f"{path.name}.damaged-{timestamp(now_wall)}"))


def quarantine(path: Path, now_wall: int) -> Path:
    """Rename a damaged database and its sidecar files. They are kept: they may be the only record (S21)."""
    target = quarantine_name(path, now_wall)
    try:
        for old, new in zip((path, *sidecar_files(path)), (target, *sidecar_files(target)), strict=True):
            if old.exists():
                old.rename(new)
        sync(path.parent)
    except OSError as error:
        raise file_error(path, error) from error
    return target


def free_bytes(path: Path) -> int:
    """Bytes that we can still write on the file system of this path."""
    state = os.statvfs(path if path.exists() else path.parent)
    return state.f_bavail * state.f_frsize


def read_mounts() -> str:
    """The mount table; empty where the system has none, which counts as local."""
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def file_system_of(path: Path, mounts: str) -> str:
    """The type of the file system that holds an absolute path, "" if unknown; of two mounts on one point the last."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), words[1]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), words[2]
    return kind


def is_network(kind: str) -> bool:
    """Whether WAL is unsafe there, because it needs shared memory. An unknown FUSE file system counts as one (F69)."""
    return kind in NETWORK or (kind.startswith("fuse.") and kind not in LOCAL_FUSE)
