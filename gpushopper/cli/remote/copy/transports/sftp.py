"""Transfer files with SFTP; a cut-off file is resumed. The instance needs an sftp server."""

from __future__ import annotations

import os
import struct
from typing import NoReturn

from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy import copy_errors, local_side, ssh_process
from gpushopper.cli.remote.copy.path_arguments import below, to_text
from gpushopper.cli.remote.copy.transports import sftp_protocol as sftp
from gpushopper.cli.remote.copy.transports.transfer import Transfer, TransportUnavailable
from gpushopper.errors import ShopperError
from gpushopper.results import listing
from gpushopper.results.entries import Entry

BLOCK = 32768
"""Bytes per read or write request; every server accepts this size."""
MOST_PENDING = 64
"""Requests that may be sent before their replies have arrived."""


def transfer_files(transfer: Transfer) -> None:
    """Transfer all files.

    Raises:
        CannotServe: the instance has no sftp server.
    """
    argv = ssh_connection.ssh_argv(transfer.found, ("sftp",), flags=("-T", "-s"))
    with ssh_process.running(argv) as program:
        requests = sftp.Requests(program.stdin, program.stdout)
        try:
            requests.hello()
        except (sftp.SftpError, BrokenPipeError) as error:
            raise TransportUnavailable("no sftp-server there") from error
        for entry in transfer.files:
            transfer.bar.name(entry.path)
            try:
                _send(requests, entry, transfer) if transfer.is_upload else _fetch(requests, entry, transfer)
            except (sftp.SftpError, BrokenPipeError) as error:
                _fail(transfer, program, error)
        program.stdin.close()
        ssh_process.StreamDrain(program.stdout).join()


def _send(requests: sftp.Requests, entry: Entry, transfer: Transfer) -> None:
    begun = transfer.begun.get(entry.path, 0)
    with local_side.os_errors():
        source = open(below(transfer.job.base, entry.path), "rb")  # noqa: SIM115 - closed below
    with source, local_side.os_errors():
        source.seek(begun)
        transfer.bar.add(begun)
        flags = sftp.FOR_WRITING | sftp.CREATES | (0 if begun else sftp.TRUNCATES)
        handle = requests.open(below(transfer.job.part, entry.path), flags)
        at, pending = begun, 0
        while chunk := source.read(BLOCK):
            requests.send(sftp.WRITE, sftp.string(handle) + struct.pack(">Q", at) + sftp.string(chunk))
            at, pending = at + len(chunk), pending + 1
            transfer.bar.add(len(chunk))
            if pending == MOST_PENDING:
                sftp.check(requests.reply())
                pending -= 1
        for _ in range(pending):
            sftp.check(requests.reply())
        if at < entry.size:
            raise ShopperError(f"{to_text(entry.path)} changed while it was read", "run the same command again")
        requests.set_facts(handle, entry.mode, entry.mtime)
        requests.close(handle)


def _fetch(requests: sftp.Requests, entry: Entry, transfer: Transfer) -> None:
    begun = transfer.begun.get(entry.path, 0)
    handle = requests.open(below(transfer.job.base, entry.path), sftp.FOR_READING)
    with local_side.os_errors():
        target = local_side.create_file(below(transfer.job.part, entry.path), resume=bool(begun))
        try:
            transfer.bar.add(begun)
            end = _read_all(requests, handle, target, begun, transfer)
            if end < entry.size:
                raise sftp.SftpError(f"{to_text(entry.path)} is shorter than it was listed")
            os.ftruncate(target, end)
            local_side.complete_file(target, entry.mode, entry.mtime)
        finally:
            os.close(target)
    requests.close(handle)


def _read_all(requests: sftp.Requests, handle: bytes, target: int, begun: int, transfer: Transfer) -> int:
    """Read blocks until the end, several requests at a time, and write them in order; returns the file's length."""
    waiting: dict[int, tuple[int, int]] = {}
    early: dict[int, bytes] = {}
    requested = at = begun
    is_over = False
    while waiting or not is_over:
        while not is_over and len(waiting) < MOST_PENDING:
            waiting[_request_block(requests, handle, requested, BLOCK)] = (requested, BLOCK)
            requested += BLOCK
        reply = requests.reply()
        if reply.request not in waiting:
            raise sftp.SftpError("an sftp reply to no request")
        offset, wanted = waiting.pop(reply.request)
        if reply.kind != sftp.DATA:
            if sftp.status_of(reply) != sftp.EOF:
                sftp.check(reply)
            is_over = True
            continue
        chunk = sftp.text(reply.body)[:wanted]
        if not chunk:
            raise sftp.SftpError("an empty sftp block")
        if len(chunk) < wanted:  # a short answer is not the end: request the rest
            rest = (offset + len(chunk), wanted - len(chunk))
            waiting[_request_block(requests, handle, *rest)] = rest
        early[offset] = chunk
        while (ready := early.pop(at, None)) is not None:
            written = 0
            while written < len(ready):
                written += os.pwrite(target, ready[written:], at + written)
            at += len(ready)
            transfer.bar.add(len(ready))
    return at


def _request_block(requests: sftp.Requests, handle: bytes, offset: int, length: int) -> int:
    return requests.send(sftp.READ, sftp.string(handle) + struct.pack(">QI", offset, length))


def _fail(transfer: Transfer, program: ssh_process.Program, error: Exception) -> NoReturn:
    """Raise the right error: SFTP reports a full disk as a plain failure, so check the free space with df."""
    if getattr(error, "status", -1) == sftp.FAILED and transfer.is_upload and _is_full(transfer):
        raise copy_errors.full_there(transfer.found) from None
    if isinstance(error, BrokenPipeError) or "connection ended" in str(error):
        program.process.wait()
        raise ssh_process.failure(transfer.found, program) from None
    raise ShopperError(f"the copy failed: {error}", copy_errors.hint_for(str(error)), code="copy_failed") from None


def _is_full(transfer: Transfer) -> bool:
    part = listing.quoted(transfer.job.part)
    script = b"df -Pk -- %s | { read -r head; read -r a b c left rest; echo $left; }" % part
    free_kb = ssh_process.run_script(transfer.found, listing.START + script + b"\n").out.strip()
    return free_kb.isdigit() and int(free_kb) < 1024
