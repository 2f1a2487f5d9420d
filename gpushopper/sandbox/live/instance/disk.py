"""The root disk of a live instance: a folder made once, mounted as / inside, deleted when the instance is destroyed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders of this computer that are mounted inside, read-only; everything else belongs to the instance."""

FIRST_UID = 0x60000000
"""The uid outside of uid 0 inside, when root runs the sandbox: it owns no file of this computer (S28)."""

UID_COUNT = 65536
TOOLS = "opt/instance-tools/bin"
"""First in PATH inside, as in the provider's own images; holds nvidia-smi and the replaced programs."""

_FOLDERS = {
    "root": 0o700, "root/.ssh": 0o700, "etc": 0o755, "var": 0o755, "run": 0o755, "home": 0o755, "tmp": 0o1777,
    "dev": 0o755, "proc": 0o555, "sys": 0o555, "mnt": 0o755, "media": 0o755, "srv": 0o755, "opt": 0o755,
    "opt/instance-tools": 0o755, TOOLS: 0o755, "workspace": 0o755, ".instance": 0o755, "var/log": 0o755,
    "var/lib": 0o755, "var/cache": 0o755, "var/spool": 0o755, "var/tmp": 0o1777, "run/lock": 0o1777,
}  # fmt: skip
# Copied from /etc. No secret of this computer may be among them: no ssl/private, no profile.d, no accounts.
_COPIED = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "gai.conf",
    "host.conf", "hosts", "inputrc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "login.defs",
    "lsb-release", "magic", "mime.types", "nsswitch.conf", "os-release", "pki/tls/certs", "pki/ca-trust", "protocols",
    "redhat-release", "resolv.conf", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
USER_UID = 1000
"""Of the user of a virtual machine, where root runs the sandbox; otherwise there is one uid inside, 0."""

_USERS = (
    ("root", 0, "/root", "/bin/bash"),
    ("daemon", 1, "/usr/sbin", "/bin/false"),
    ("www-data", 33, "/var", "/bin/false"),
    ("nobody", 65534, "/nonexistent", "/bin/false"),
)


def user_uid() -> int:
    """Return the uid inside of a virtual machine's user."""
    return USER_UID if os.geteuid() == 0 else 0


def prepare_disk(disk: Path, tools: Iterable[Path], extra: Iterable[str] = (), user: str | None = None) -> None:
    """Make a new instance's disk with its own system files and `tools`; an existing disk is left as it is.

    `extra` are folders of this computer with a Python in them, to be mounted at the same path. `user` has an account
    and a home folder beside root's.
    """
    if disk.exists():
        return
    partial = disk.with_name("disk.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    _make_folders(partial)
    users = _USERS if user is None else (*_USERS, (user, user_uid(), f"/home/{user}", "/bin/bash"))
    _write_accounts(partial / "etc", users)
    for name in _COPIED:
        _copy(Path("/etc") / name, partial / "etc" / name)
    for tool in tools:
        shutil.copyfile(tool, partial / TOOLS / tool.name)
        (partial / TOOLS / tool.name).chmod(0o755)
    for folder in extra:
        (partial / folder.lstrip("/")).mkdir(parents=True)
        (partial / TOOLS / "python3").symlink_to(f"{folder}/bin/python3")
    if os.geteuid() == 0:
        _chown_to_instance(partial)
    if user is not None:
        (partial / "home" / user).mkdir(mode=0o755)
        if os.geteuid() == 0:
            os.lchown(partial / "home" / user, FIRST_UID + user_uid(), FIRST_UID + user_uid())
    partial.rename(disk)


def remove_disk(disk: Path) -> None:
    """Delete a disk whose container has exited, whatever permissions the instance has set on it."""
    if os.geteuid() != 0:
        for folder, names, _ in os.walk(disk):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
    shutil.rmtree(disk, ignore_errors=True)


def _make_folders(disk: Path) -> None:
    for name, mode in _FOLDERS.items():
        (disk / name).mkdir()
        (disk / name).chmod(mode)
    (disk / "var/run").symlink_to("/run")
    for name in SYSTEM:
        source = Path("/", name)
        if source.is_symlink():
            (disk / name).symlink_to(source.readlink())
        elif source.is_dir():
            (disk / name).mkdir()


def _write_accounts(etc: Path, users: Iterable[tuple[str, int, str, str]]) -> None:
    users = list(users)
    passwd = [f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}\n" for name, uid, home, shell in users]
    groups = [f"{name}:x:{uid}:\n" for name, uid, _, _ in users] + ["tty:x:5:\n"]
    (etc / "passwd").write_text("".join(passwd))
    (etc / "group").write_text("".join(groups))
    (etc / "shadow").write_text("".join(f"{name}:*:19000:0:99999:7:::\n" for name, *_ in users))
    (etc / "shadow").chmod(0o600)
    (etc / "environment").touch()
    (etc / "profile").write_text("umask 022\n")


def _copy(source: Path, target: Path) -> None:
    """Copy a link, folder or file; what does not exist is skipped."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore_dangling_symlinks=True)
    elif source.is_file():
        shutil.copy(source, target)


def _chown_to_instance(disk: Path) -> None:
    for folder, names, files in os.walk(disk):
        for name in (*names, *files):
            os.lchown(os.path.join(folder, name), FIRST_UID, FIRST_UID)
    os.lchown(disk, FIRST_UID, FIRST_UID)
