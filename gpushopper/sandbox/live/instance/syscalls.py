"""System calls for namespaces, mounts and capabilities that Python 3.11 lacks (Linux 5.12 or newer, any processor)."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_NS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PID = 0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC = 1, 2, 4, 8

_MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x4000, 1 << 18, 2
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_CLONE_TREE, _CLOSE_ON_EXEC = 1, os.O_CLOEXEC
_FROM_EMPTY_PATH = 4
# These three have the same number on every processor.
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _text(value: str | Path | None) -> ctypes.c_char_p:
    return ctypes.c_char_p(None if value is None else os.fsencode(value))


def unshare(flags: int) -> None:
    """Enter new namespaces; raises OSError where the system does not allow it."""
    _checked(_libc.unshare(flags), "unshare")


def make_private() -> None:
    """Make all mounts private: later ones do not propagate to the original namespace."""
    _checked(_libc.mount(_text("none"), _text("/"), None, _MS_REC | _MS_PRIVATE, None), "make / private")


def mount(kind: str, target: str | Path, flags: int = 0, options: str = "") -> None:
    """Mount a new file system of a type such as tmpfs."""
    call = _libc.mount(_text(kind), _text(target), _text(kind), ctypes.c_ulong(flags), _text(options))
    _checked(call, f"mount {kind} on {target}")


def clone_tree(source: str | Path, attributes: int = 0) -> int:
    """Return a detached copy of the mounts under a path, with attributes set on all of them.

    It is placed later, from inside, so that no path inside is followed from outside.
    """
    flags = _CLONE_TREE | _CLOSE_ON_EXEC | _AT_RECURSIVE
    tree = _checked(_libc.syscall(_SYS_OPEN_TREE, -100, _text(source), flags), f"open_tree {source}")
    if attributes:
        wanted = _MountAttributes(attributes, 0, 0, 0)
        size = ctypes.c_size_t(ctypes.sizeof(wanted))
        where = _AT_EMPTY_PATH | _AT_RECURSIVE
        call = _libc.syscall(_SYS_MOUNT_SETATTR, tree, _text(""), where, ctypes.byref(wanted), size)
        _checked(call, f"mount_setattr {source}")
    return tree


def place_tree(tree: int, target: str | Path) -> None:
    """Attach a detached copy at a path and close its descriptor."""
    call = _libc.syscall(_SYS_MOVE_MOUNT, tree, _text(""), -100, _text(target), _FROM_EMPTY_PATH)
    _checked(call, f"move_mount to {target}")
    os.close(tree)


def bind(source: str | Path, target: str | Path, attributes: int = 0) -> None:
    """Bind-mount a path at another path."""
    place_tree(clone_tree(source, attributes), target)


def remount(path: str | Path, attributes: int) -> None:
    """Set attributes of the one mount at a path."""
    wanted = _MountAttributes(attributes, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    call = _libc.syscall(_SYS_MOUNT_SETATTR, -100, _text(path), 0, ctypes.byref(wanted), size)
    _checked(call, f"mount_setattr {path}")


def detach_mount(path: str | Path) -> None:
    """Unmount a path lazily; open files stay usable."""
    _checked(_libc.umount2(_text(path), _MNT_DETACH), f"umount {path}")


def leave_old_root(new_root: Path) -> None:
    """Make a mount point the root (pivot_root) and detach the old root."""
    os.chdir(new_root)
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _checked(_libc.syscall(number, _text("."), _text(".")), "pivot_root")
    detach_mount(".")
    os.chdir("/")


def set_host_name(name: str) -> None:
    """Set the host name of this UTS namespace."""
    raw = os.fsencode(name)
    _checked(_libc.sethostname(raw, len(raw)), "sethostname")


def die_with_parent() -> None:
    """Have this process killed when the parent thread ends (PR_SET_PDEATHSIG)."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def keep_capabilities(kept: frozenset[int]) -> None:
    """Drop from the bounding set, for this process and its children, every capability that is not kept."""
    highest = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for number in range(highest + 1):
        if number not in kept:
            _checked(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), "prctl capability")
