"""Choose the transport of `cp`: rsync first, then sftp or tar; which of them can be used, and the order they are tried.

For a folder tar is tried before sftp: sftp needs round trips per file, which is slow for many small files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gpushopper.cli.remote.copy.remote_side import RemoteSide
from gpushopper.cli.remote.copy.transports import rsync, sftp, tar
from gpushopper.cli.remote.copy.transports.transfer import LOGIN_NOT_SILENT, Transfer, TransportUnavailable
from gpushopper.errors import ShopperError


class Transport(NamedTuple):
    """A way to transfer files; `unavailable` is the reason why it cannot be used, "" if it can."""

    name: str
    transfer_files: Callable[[Transfer], None]
    unavailable: str


def transports_for(remote: RemoteSide, *, is_folder: bool) -> list[Transport]:
    """The transports in the order in which they are tried; `remote` must have been inspected."""
    programs, is_login_silent = remote.programs, remote.is_login_silent
    by_rsync = Transport("rsync", rsync.transfer_files, rsync.unavailable_reason(programs, is_login_silent))
    by_sftp = Transport("sftp", sftp.transfer_files, "" if is_login_silent else LOGIN_NOT_SILENT)
    by_tar = Transport("tar", tar.transfer_files, "" if "tar" in programs else "no tar there")
    return [by_rsync, by_tar, by_sftp] if is_folder else [by_rsync, by_sftp, by_tar]


def transfer_by_first_available(remote: RemoteSide, transfer: Transfer, note: Callable[[str], None]) -> str:
    """Transfer with the first transport that works; `note` gets its name and why others did not. Returns its name.

    Raises:
        ShopperError: no transport can be used, or the one used failed.
    """
    reasons: list[str] = []
    for transport in transports_for(remote, is_folder=transfer.job.is_folder):
        reason = transport.unavailable or _try(transport, transfer)
        if not reason:
            note(f"transferred by {transport.name}" + (f" ({'; '.join(reasons)})" if reasons else ""))
            return transport.name
        reasons.append(reason)
    text = f"no program can transfer files to or from {remote.found.name}: {'; '.join(reasons)}"
    raise ShopperError(text, "install tar or rsync there", code="no_carrier")


def _try(transport: Transport, transfer: Transfer) -> str:
    """Transfer; returns "" or the reason why this transport turned out to be unavailable."""
    try:
        transport.transfer_files(transfer)
    except TransportUnavailable as error:
        return str(error) or "it does not work there"
    return ""
