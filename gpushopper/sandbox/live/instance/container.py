"""One container: builds its namespaces and mounts, drops capabilities, starts PID 1, ends it when stdin closes (S28).

`python -m gpushopper.sandbox.live.instance.container` reads a `Plan` as one JSON line on stdin and keeps
watching stdin: its end means the end of the container. It prints `{"pid": N}` when PID 1 runs, `{"exited": STATUS}`
when it ended, or `{"failed": TEXT}`. What PID 1 prints goes to stderr.

It works first as root, real or of a user namespace, and builds the tree. Then it enters a second user namespace
together with new PID, IPC, UTS and mount namespaces: mounts made before are refuse_logins there and stay read-only.
"""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpushopper.sandbox.live.instance import syscalls
from gpushopper.sandbox.live.instance.disk import FIRST_UID, SYSTEM, UID_COUNT
from gpushopper.sandbox.live.instance.host_files import REPLACED_PROGRAMS
from gpushopper.sandbox.live.instance.syscalls import NO_DEV, NO_EXEC, NO_SUID, READ_ONLY

KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
"""The capabilities that docker leaves a container: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap. Neither mounting nor rebooting."""

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


def main() -> int:
    """Run one container to its end and return the exit status of this program."""
    try:
        plan = Plan(**json.loads(_read_line()))
        child = _start(plan)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _print_message(failed=str(error))
        return 1
    _print_message(pid=child)
    _print_message(exited=_wait_for_exit(child))
    return 0


def _read_line() -> bytes:
    """Read one line, byte by byte: the rest of the pipe must stay readable for `select`."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _print_message(**facts: Any) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


def _start(plan: Plan) -> int:
    """Build the namespaces and return the process id of PID 1, as seen from outside."""
    syscalls.die_with_parent()
    owner = FIRST_UID if os.geteuid() == 0 else None
    _unshare_mounts(owner)
    syscalls.make_private()
    _build_root(plan)
    _enter_namespaces(owner)
    syscalls.die_with_parent()  # changing the user has cleared it
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _exec_pid_1(plan, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        error = pipe.read()  # empty: the exec has closed it
    if error:
        os.waitpid(child, 0)
        raise OSError(error)
    return child


def _unshare_mounts(owner: int | None) -> None:
    """Enter a mount namespace: directly as root, otherwise as root of a new user namespace."""
    if owner is not None:
        syscalls.unshare(syscalls.NEW_NS)
        return
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.NEW_USER | syscalls.NEW_NS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _build_root(plan: Plan) -> None:
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


def _enter_namespaces(owner: int | None) -> None:
    """Enter the instance's user, mount, PID, IPC and UTS namespaces as its root.

    A child that stays outside writes the uid and gid maps: the process inside may not.
    """
    go, done = os.pipe(), os.pipe()
    target = os.getpid()
    if os.fork() == 0:
        os.read(go[0], 1)
        ids = f"0 {owner} {UID_COUNT}" if owner is not None else "0 0 1"
        try:
            Path(f"/proc/{target}/uid_map").write_text(ids)
            Path(f"/proc/{target}/gid_map").write_text(ids)
            os.write(done[1], b"+")
        finally:
            os._exit(0)
    names = syscalls.NEW_USER | syscalls.NEW_NS | syscalls.NEW_PID | syscalls.NEW_IPC | syscalls.NEW_UTS
    syscalls.unshare(names)
    os.write(go[1], b"+")
    os.close(done[1])
    mapped = os.read(done[0], 1)
    os.wait()
    if not mapped:
        raise OSError("the ids of users cannot be mapped here")
    if owner is not None:
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _exec_pid_1(plan: Plan, error_pipe: int) -> None:
    """As PID 1: mount /proc and /dev/pts, drop capabilities, exec the command. Errors go to the pipe `error_pipe`."""
    try:
        syscalls.die_with_parent()
        os.setsid()
        syscalls.set_host_name(plan.name)
        _mount_proc_and_dev()
        syscalls.keep_capabilities(KEPT_CAPABILITIES)
        for number in (signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.umask(0o022)
        os.execve(plan.command[0], plan.command, plan.env)
    except OSError as error:
        os.write(error_pipe, str(error).encode())
    finally:
        os._exit(127)


def _mount_proc_and_dev() -> None:
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


def _wait_for_exit(child: int) -> int:
    """Wait until PID 1 exits, or kill it when stdin closes; return its exit status (128 + N for signal N)."""
    handle = os.pidfd_open(child)
    readable, _, _ = select.select([0, handle], [], [])
    if 0 in readable and handle not in readable:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
