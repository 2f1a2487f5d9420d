"""Carry files by sftp; a file that was cut off goes on."""

from __future__ import annotations

import os
import struct
from typing import NoReturn

from gpushopper.cli.remote import ssh_connection
from gpushopper.cli.remote.copy import local_side, scripts, ssh_process
from gpushopper.cli.remote.copy.entries import Entry
from gpushopper.cli.remote.copy.path_arguments import below, to_text
from gpushopper.cli.remote.copy.transports import sftp_protocol as sftp
from gpushopper.cli.remote.copy.transports.transfer import CannotServe, Trip
from gpushopper.errors import ShopperError

BLOCK = 32768
"""What every server takes in one request."""
UNDER_WAY = 64
"""Requests that may wait for their replies."""


def carry(trip: Trip) -> None:
    """Carry all files of a trip.

    Raises:
        CannotServe: the instance has no sftp server.
    """
    argv = ssh_connection.ssh_argv(trip.found, ("sftp",), flags=("-T", "-s"))
    with ssh_process.running(argv) as program:
        requests = sftp.Requests(program.stdin, program.stdout)
        try:
            requests.hello()
        except (sftp.SftpError, BrokenPipeError) as error:
            raise CannotServe("no sftp-server there") from error
        for entry in trip.files:
            trip.bar.name(entry.path)
            try:
                _send(requests, entry, trip) if trip.is_upload else _fetch(requests, entry, trip)
            except (sftp.SftpError, BrokenPipeError) as error:
                _fail(trip, program, error)
        program.stdin.close()
        ssh_process.Reader(program.stdout).join()


def _send(requests: sftp.Requests, entry: Entry, trip: Trip) -> None:
    begun = trip.begun.get(entry.path, 0)
    with local_side.told():
        source = open(below(trip.job.base, entry.path), "rb")  # noqa: SIM115 - closed below
    with source, local_side.told():
        source.seek(begun)
        trip.bar.add(begun)
        flags = sftp.FOR_WRITING | sftp.CREATES | (0 if begun else sftp.TRUNCATES)
        handle = requests.open(below(trip.job.part, entry.path), flags)
        at, under_way = begun, 0
        while piece := source.read(BLOCK):
            requests.send(sftp.WRITE, sftp.string(handle) + struct.pack(">Q", at) + sftp.string(piece))
            at, under_way = at + len(piece), under_way + 1
            trip.bar.add(len(piece))
            if under_way == UNDER_WAY:
                sftp.check(requests.reply())
                under_way -= 1
        for _ in range(under_way):
            sftp.check(requests.reply())
        if at < entry.size:
            raise ShopperError(f"{to_text(entry.path)} changed while it was read", "run the same command again")
        requests.set_facts(handle, entry.mode, entry.mtime)
        requests.close(handle)


def _fetch(requests: sftp.Requests, entry: Entry, trip: Trip) -> None:
    begun = trip.begun.get(entry.path, 0)
    handle = requests.open(below(trip.job.base, entry.path), sftp.FOR_READING)
    with local_side.told():
        target = local_side.create(below(trip.job.part, entry.path), goes_on=bool(begun))
        try:
            trip.bar.add(begun)
            end = _read_all(requests, handle, target, begun, trip)
            if end < entry.size:
                raise sftp.SftpError(f"{to_text(entry.path)} is shorter than it was listed")
            os.ftruncate(target, end)
            local_side.finish(target, entry.mode, entry.mtime)
        finally:
            os.close(target)
    requests.close(handle)


def _read_all(requests: sftp.Requests, handle: bytes, target: int, begun: int, trip: Trip) -> int:
    """Read blocks until the end, several under way; where the file ends. Blocks are written in order."""
    waiting: dict[int, tuple[int, int]] = {}
    early: dict[int, bytes] = {}
    asked = at = begun
    is_over = False
    while waiting or not is_over:
        while not is_over and len(waiting) < UNDER_WAY:
            waiting[_ask(requests, handle, asked, BLOCK)] = (asked, BLOCK)
            asked += BLOCK
        reply = requests.reply()
        if reply.request not in waiting:
            raise sftp.SftpError("an sftp reply to no request")
        offset, wanted = waiting.pop(reply.request)
        if reply.kind != sftp.DATA:
            if sftp.status_of(reply) != sftp.EOF:
                sftp.check(reply)
            is_over = True
            continue
        piece = sftp.text(reply.body)[:wanted]
        if not piece:
            raise sftp.SftpError("an empty sftp block")
        if len(piece) < wanted:  # a short answer is no end: the rest is asked for
            rest = (offset + len(piece), wanted - len(piece))
            waiting[_ask(requests, handle, *rest)] = rest
        early[offset] = piece
        while (ready := early.pop(at, None)) is not None:
            written = 0
            while written < len(ready):
                written += os.pwrite(target, ready[written:], at + written)
            at += len(ready)
            trip.bar.add(len(ready))
    return at


def _ask(requests: sftp.Requests, handle: bytes, offset: int, length: int) -> int:
    return requests.send(sftp.READ, sftp.string(handle) + struct.pack(">QI", offset, length))


def _fail(trip: Trip, program: ssh_process.Program, error: Exception) -> NoReturn:
    """A full disk is a plain failure for the protocol: ask for the room that is left."""
    if getattr(error, "status", -1) == sftp.FAILED and trip.is_upload and _is_full(trip):
        raise ssh_process.full_there(trip.found) from None
    if isinstance(error, BrokenPipeError) or "connection ended" in str(error):
        program.process.wait()
        raise ssh_process.failure(trip.found, program) from None
    raise ShopperError(f"the copy failed: {error}", ssh_process.hint_for(str(error)), code="copy_failed") from None


def _is_full(trip: Trip) -> bool:
    script = b"df -Pk -- %s | { read -r head; read -r a b c left rest; echo $left; }" % scripts.quoted(trip.job.part)
    said = ssh_process.ask(trip.found, scripts.START + script + b"\n").out.strip()
    return said.isdigit() and int(said) < 1024
