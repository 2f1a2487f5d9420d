"""Errors of a copy and their hints: unreachable instance, full disk, and failures that a retry cannot fix."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from gpushopper.cli.remote.ssh_connection import TRANSPORT_FAILED
from gpushopper.errors import DiskFull, ShopperError

if TYPE_CHECKING:
    from gpushopper.wire import ConnectionView

RETRY_HINT = "run the same command again; it resumes the copy"
PERMANENT = (
    "permission denied", "operation not permitted", "read-only file system", "not a directory", "is a directory",
    "file name too long", "invalid argument",
)  # fmt: skip
"""Parts of system error messages after which a retry of the same command would fail again."""


def transfer_error(found: ConnectionView, reason: str, status: int | None) -> ShopperError:
    """The error for a transfer program that failed for this reason, with this exit status."""
    if status in (TRANSPORT_FAILED, -signal.SIGKILL):
        return ShopperError(f"the copy failed: {found.name} cannot be reached: {reason}", RETRY_HINT, code="unreached")
    if is_full(reason):
        return full_there(found)
    return ShopperError(f"the copy failed: {reason}", hint_for(reason), code="copy_failed")


def hint_for(reason: str) -> str:
    """The hint for a copy that failed for this reason."""
    if any(text in reason.lower() for text in PERMANENT):
        return "nothing is lost; choose a target that can be written, or change its permissions"
    return RETRY_HINT


def is_full(reason: str) -> bool:
    """Whether a program's error message says that a disk or quota is exhausted."""
    return "No space left" in reason or "quota exceeded" in reason.lower()


def full_there(found: ConnectionView) -> DiskFull:
    """The error for a full disk on the instance."""
    return DiskFull(f"the disk of {found.name} is full", "free space there, then run the same command again")


def full_here() -> DiskFull:
    """The error for a full disk on this computer."""
    return DiskFull("the disk here is full", "free space, then run the same command again")
