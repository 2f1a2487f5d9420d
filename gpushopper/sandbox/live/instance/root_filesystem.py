"""Builds the root file system of a container: mounts disk, system programs, devices and /proc; hides programs (S28).

`Plan` says what to mount. Most mounts are made before the container enters its own user namespace, which locks them.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from gpushopper.sandbox.live.instance import syscalls
from gpushopper.sandbox.live.instance.disk import SYSTEM
from gpushopper.sandbox.live.instance.host_files import REPLACED_PROGRAMS
from gpushopper.sandbox.live.instance.syscalls import NO_DEV, NO_EXEC, NO_SUID, READ_ONLY

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_HIDDEN_IN_PROC = ("acpi", "kcore", "keys", "latency_stats", "timer_list", "sched_debug", "scsi", "kpagecount")
_FIXED_IN_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_REPLACED_IN_PROC = {
    "uptime": "uptime", "sys/kernel/random/boot_id": "boot_id", "meminfo": "meminfo", "cpuinfo": "cpuinfo"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: `host` is mounted read-only as /.instance, `missing` are names to hide, by folder.

    `extra` are more folders of this computer, mounted at the same path.
    """

    disk: str
    host: str
    command: list[str]
    env: dict[str, str]
    name: str
    missing: dict[str, list[str]]
    extra: list[str]


def build_root(plan: Plan) -> None:
    """Mount the system's programs read-only over the instance's disk and make that the root (pivot_root)."""
    mounts = {f"/{name}": READ_ONLY | NO_SUID | NO_DEV for name in SYSTEM if _is_real_folder(Path("/", name))}
    mounts |= {path: READ_ONLY | NO_SUID | NO_DEV for path in plan.extra}
    trees = {path: syscalls.clone_tree(path, flags) for path, flags in mounts.items()}
    trees["/.instance"] = syscalls.clone_tree(plan.host, READ_ONLY | NO_SUID | NO_DEV)
    devices = {name: syscalls.clone_tree(f"/dev/{name}", NO_SUID | NO_EXEC) for name in DEVICES}
    # Fresh proc may only be mounted where an unrestricted one is seen; it ends up underneath.
    trees["/proc"] = syscalls.clone_tree("/proc")
    disk = Path(plan.disk)
    syscalls.bind(disk, disk, NO_SUID | NO_DEV)
    syscalls.leave_old_root(disk)
    for path, tree in trees.items():
        syscalls.place_tree(tree, path)
    _build_devices(devices)
    for folder, names in plan.missing.items():
        _hide(folder, names)
    for name in REPLACED_PROGRAMS:
        _replace_program(name)


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _replace_program(name: str) -> None:
    """Mount our program over the real one, and the real one at /.instance/real, where ours calls it."""
    for folder in ("/usr/bin", "/bin"):
        path = Path(folder, name)
        # A link may lead to a program of many names: it stays, and ours is found first by the search path alone.
        if path.is_file() and not path.is_symlink() and _is_real_folder(Path(folder)):
            syscalls.bind(path, f"/.instance/real/{name}")
            syscalls.bind(f"/.instance/{name}", path)


def _hide(folder: str, names: list[str]) -> None:
    """Hide names in a folder by an overlay with whiteouts: a file without permissions would still be found."""
    syscalls.mount("tmpfs", "/mnt", NO_SUID, "mode=755,size=1m")
    for name in names:
        os.mknod(f"/mnt/{name}", stat.S_IFCHR, os.makedev(0, 0))  # a whiteout
    syscalls.mount("overlay", folder, READ_ONLY | NO_SUID | NO_DEV, f"lowerdir=/mnt:{folder}")
    syscalls.detach_mount("/mnt")


def _build_devices(devices: dict[str, int]) -> None:
    syscalls.mount("tmpfs", "/dev", NO_SUID, "mode=755,size=64k")
    for name, tree in devices.items():
        Path("/dev", name).touch()
        syscalls.place_tree(tree, f"/dev/{name}")
    for name, target in _DEVICE_LINKS.items():
        Path("/dev", name).symlink_to(target)
    for name in ("pts", "shm"):
        Path("/dev", name).mkdir()
    syscalls.remount("/dev", READ_ONLY | NO_SUID | NO_EXEC)


def mount_proc_and_dev() -> None:
    syscalls.mount("proc", "/proc", NO_SUID | NO_DEV | NO_EXEC)
    for name in _FIXED_IN_PROC:
        if os.path.exists(f"/proc/{name}"):
            syscalls.bind(f"/proc/{name}", f"/proc/{name}", READ_ONLY)
    for name in _HIDDEN_IN_PROC:
        if os.path.isfile(f"/proc/{name}"):
            syscalls.bind("/dev/null", f"/proc/{name}")
    for name, ours in _REPLACED_IN_PROC.items():
        syscalls.bind(f"/.instance/{ours}", f"/proc/{name}")
    syscalls.mount("devpts", "/dev/pts", NO_SUID | NO_EXEC, "ptmxmode=0666,mode=0620")
    syscalls.mount("tmpfs", "/dev/shm", NO_SUID | NO_DEV, "mode=1777,size=64m")
