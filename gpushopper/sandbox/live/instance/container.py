"""One container: build its namespaces, start PID 1, hold it, and take it along when whoever started us is gone (S28).

`python -m gpushopper.sandbox.live.instance.container` reads a `Plan` as one JSON line on stdin and keeps
watching stdin: its end means the end of the container. It prints `{"pid": N}` when PID 1 runs, `{"exited": STATUS}`
when it ended, or `{"failed": TEXT}`. What PID 1 prints goes to stderr.

It works first as root, real or of a user namespace, and builds the tree. Then it enters a second user namespace
together with new PID, IPC, UTS and mount namespaces: mounts made before are locked there and stay read-only.
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
from gpushopper.sandbox.live.instance.host_files import STAND_INS
from gpushopper.sandbox.live.instance.syscalls import NO_DEV, NO_EXEC, NO_SUID, READ_ONLY

KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
"""What docker leaves a container: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap. No mounting, no restart of the computer."""

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_HIDDEN_IN_PROC = ("acpi", "kcore", "keys", "latency_stats", "timer_list", "sched_debug", "scsi", "kpagecount")
_FIXED_IN_PROC = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_FAKED_IN_PROC = {
    "uptime": "uptime", "sys/kernel/random/boot_id": "boot_id", "meminfo": "meminfo", "cpuinfo": "cpuinfo"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: `host` is shown read-only as /.instance, `missing` are names to hide by folder.

    `extra` are more folders of this computer to show at the same place.
    """

    disk: str
    host: str
    command: list[str]
    env: dict[str, str]
    name: str
    missing: dict[str, list[str]]
    extra: list[str]


def main() -> int:
    """Run one container to its end."""
    try:
        plan = Plan(**json.loads(_read_line()))
        child = _start(plan)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _say(failed=str(error))
        return 1
    _say(pid=child)
    _say(exited=_hold(child))
    return 0


def _read_line() -> bytes:
    """Read one line without taking more than that from the pipe."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _say(**facts: Any) -> None:
    os.write(1, json.dumps(facts).encode() + b"\n")


def _start(plan: Plan) -> int:
    """Build everything and return the process id of PID 1, as seen from here."""
    syscalls.die_with_parent()
    owner = FIRST_UID if os.geteuid() == 0 else None
    _become_builder(owner)
    syscalls.make_private()
    _build_tree(plan)
    _enter_last_namespaces(owner)
    syscalls.die_with_parent()  # changing the user has cleared it
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        _be_first(plan, tell)
    os.close(tell)
    with os.fdopen(ready) as pipe:
        complaint = pipe.read()  # closed by the exec
    if complaint:
        os.waitpid(child, 0)
        raise OSError(complaint)
    return child


def _become_builder(owner: int | None) -> None:
    """Get a mount namespace of our own: as root at once, as a user by being root of a user namespace."""
    if owner is not None:
        syscalls.unshare(syscalls.NEW_NS)
        return
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.NEW_USER | syscalls.NEW_NS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _build_tree(plan: Plan) -> None:
    """Lay the system's programs over the disk, read-only, and make that the root."""
    shown = {f"/{name}": READ_ONLY | NO_SUID | NO_DEV for name in SYSTEM if _is_real_folder(Path("/", name))}
    shown |= {path: READ_ONLY | NO_SUID | NO_DEV for path in plan.extra}
    trees = {path: syscalls.clone_tree(path, flags) for path, flags in shown.items()}
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
    for name in STAND_INS:
        _stand_in(name)


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _stand_in(name: str) -> None:
    """Show our program in the place of the real one, and that one where ours finds it."""
    for folder in ("/usr/bin", "/bin"):
        path = Path(folder, name)
        # A link may lead to one program of many names; then ours is found first by the search path alone.
        if path.is_file() and not path.is_symlink() and _is_real_folder(Path(folder)):
            syscalls.bind(path, f"/.instance/real/{name}")
            syscalls.bind(f"/.instance/{name}", path)


def _hide(folder: str, names: list[str]) -> None:
    """Lay a folder over itself in which some names do not exist: a file without rights would still be found."""
    syscalls.mount("tmpfs", "/mnt", NO_SUID, "mode=755,size=1m")
    for name in names:
        os.mknod(f"/mnt/{name}", stat.S_IFCHR, os.makedev(0, 0))  # how an overlay says "not there"
    syscalls.mount("overlay", folder, READ_ONLY | NO_SUID | NO_DEV, f"lowerdir=/mnt:{folder}")
    syscalls.let_go("/mnt")


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


def _enter_last_namespaces(owner: int | None) -> None:
    """Become root of the instance; somebody who stays behind has to say which user that is outside."""
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


def _be_first(plan: Plan, tell: int) -> None:
    """Be PID 1: mount what belongs to the new namespaces, give up what a container lacks, run the command."""
    try:
        syscalls.die_with_parent()
        os.setsid()
        syscalls.set_host_name(plan.name)
        _mount_own()
        syscalls.keep_capabilities(KEPT_CAPABILITIES)
        for number in (signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.umask(0o022)
        os.execve(plan.command[0], plan.command, plan.env)
    except OSError as error:
        os.write(tell, str(error).encode())
    finally:
        os._exit(127)


def _mount_own() -> None:
    syscalls.mount("proc", "/proc", NO_SUID | NO_DEV | NO_EXEC)
    for name in _FIXED_IN_PROC:
        if os.path.exists(f"/proc/{name}"):
            syscalls.bind(f"/proc/{name}", f"/proc/{name}", READ_ONLY)
    for name in _HIDDEN_IN_PROC:
        if os.path.isfile(f"/proc/{name}"):
            syscalls.bind("/dev/null", f"/proc/{name}")
    for name, ours in _FAKED_IN_PROC.items():
        syscalls.bind(f"/.instance/{ours}", f"/proc/{name}")
    syscalls.mount("devpts", "/dev/pts", NO_SUID | NO_EXEC, "ptmxmode=0666,mode=0620")
    syscalls.mount("tmpfs", "/dev/shm", NO_SUID | NO_DEV, "mode=1777,size=64m")


def _hold(child: int) -> int:
    """Wait until PID 1 ends by itself, or end it when stdin does; return its exit status, signals above 128."""
    handle = os.pidfd_open(child)
    readable, _, _ = select.select([0, handle], [], [])
    if 0 in readable and handle not in readable:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
