"""One container: builds its namespaces, drops capabilities, starts PID 1, and ends it when stdin closes (S28).

`python -m gpushopper.sandbox.live.instance.container` reads a `Plan` as one JSON line on stdin and keeps
watching stdin: its end means the end of the container. It prints `{"pid": N}` when PID 1 runs, `{"exited": STATUS}`
when it ended, or `{"failed": TEXT}`. What PID 1 prints goes to stderr.

It works first as root, real or of a user namespace, and builds the root file system (`root_filesystem.py`). Then it
enters a second user namespace together with new PID, IPC, UTS and mount namespaces: mounts made before are locked
there and stay read-only.

Inside, the root folder is the instance's disk (`<home>/market/live/<id>/disk`), which is kept when the container exits.
The system's programs are mounted over it, read-only; root inside is an unprivileged user outside, who may not mount,
reboot the computer, or signal any process that is not the instance's. The network is shared: the instance reaches its
provider on loopback.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

from gpushopper.sandbox.live.instance import syscalls
from gpushopper.sandbox.live.instance.disk import FIRST_UID, UID_COUNT
from gpushopper.sandbox.live.instance.root_filesystem import Plan, build_root, mount_proc_and_dev

KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
"""The capabilities that docker leaves a container: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap,
net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap. Neither mounting nor rebooting."""


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
    build_root(plan)
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
        mount_proc_and_dev()
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
