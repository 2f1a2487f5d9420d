"""Transfer files as a tar stream over ssh; the instance needs only a shell and tar. Cut-off files start again."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from typing import IO, NoReturn

from gpushopper.cli.remote.copy import copy_errors, local_side, ssh_process
from gpushopper.cli.remote.copy.path_arguments import below, to_text
from gpushopper.cli.remote.copy.transports.transfer import Transfer
from gpushopper.errors import ShopperError
from gpushopper.results import listing
from gpushopper.results.entries import Entry

NAMES_LIMIT = 30_000
"""Bytes of names per call of tar."""


def transfer_files(transfer: Transfer) -> None:
    """Transfer all files."""
    if transfer.is_upload:
        _send(transfer)
    else:
        _fetch(transfer)


# ---- up


def _send(transfer: Transfer) -> None:
    # The script comes first on the same stream: dd reads exactly its length and leaves the rest to tar.
    script = b"cd -- %s && exec tar -xpf -" % listing.quoted(transfer.job.part)
    line = f"""exec sh -c 'eval "$(dd bs=1 count={len(script)} 2>/dev/null)"'"""
    with ssh_process.running(ssh_process.shell(transfer.found, line)) as program:
        drained = ssh_process.StreamDrain(program.stdout)  # output of login scripts
        try:
            program.stdin.write(script)
            for entry in transfer.files:
                _add(program.stdin, entry, transfer)
            program.stdin.write(bytes(2 * tarfile.BLOCKSIZE))  # the end of an archive
            program.stdin.close()
        except BrokenPipeError:
            drained.join()
            program.process.wait()
            raise ssh_process.failure(transfer.found, program) from None
        drained.join()
        if program.process.wait():
            raise ssh_process.failure(transfer.found, program)


def _add(out: IO[bytes], entry: Entry, transfer: Transfer) -> None:
    """Write one member: a header that GNU tar and busybox read, then exactly as many bytes as it announces."""
    transfer.bar.name(entry.path)
    with local_side.os_errors():
        source = open(below(transfer.job.base, entry.path), "rb")  # noqa: SIM115 - closed below
    with source:
        facts = os.fstat(source.fileno())
        info = tarfile.TarInfo("./" + to_text(entry.path))
        info.size, info.mode, info.mtime = facts.st_size, entry.mode, facts.st_mtime_ns // 10**9
        out.write(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        left = info.size
        while left and (chunk := source.read(min(ssh_process.CHUNK, left))):
            out.write(chunk)
            transfer.bar.add(len(chunk))
            left -= len(chunk)
    if left:
        text = f"{to_text(entry.path)} changed while it was read"
        raise ShopperError(text, copy_errors.RETRY_HINT, code="copy_failed")
    out.write(bytes(-info.size % tarfile.BLOCKSIZE))


# ---- down


def _fetch(transfer: Transfer) -> None:
    wanted = {entry.path: entry for entry in transfer.files}
    marker = ssh_process.new_marker()
    base = listing.quoted(transfer.job.base)
    lines = [listing.START, b"cd -- %s || exit 9\nprintf '%%s\\n' %s\nbad=0\n" % (base, marker)]
    lines += [b"tar -cf - %s </dev/null || bad=$?\n" % listing.words(names) for names in _batches(transfer.files)]
    with ssh_process.running(ssh_process.shell(transfer.found, "exec sh -s")) as program:
        writer = ssh_process.write_input(program, b"".join([*lines, b"exit $bad\n"]))
        if ssh_process.skip_to_marker(program.stdout, marker) is not None:
            _unpack(program.stdout, wanted, transfer)
        writer.join()
        if program.process.wait():
            raise ssh_process.failure(transfer.found, program)
    if wanted:
        _missing(sorted(wanted))


def _unpack(stream: IO[bytes], wanted: dict[bytes, Entry], transfer: Transfer) -> None:
    """Write only the requested files, whatever the stream contains; each batch of names is an archive of its own."""
    arrived: set[bytes] = set()
    try:
        with tarfile.open(
            fileobj=stream, mode="r|", ignore_zeros=True, encoding="utf-8", errors="surrogateescape"
        ) as archive:
            for info in archive:
                archive.members.clear()  # type: ignore[attr-defined]
                path = _path(info.name)
                if path in wanted and _write(archive, info, path, arrived, transfer):
                    arrived.add(path)
                    del wanted[path]
    except tarfile.TarError:
        return  # cut off: ssh's exit status says why, and missing files are reported


def _path(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape").removeprefix(b"./")


def _write(
    archive: tarfile.TarFile, info: tarfile.TarInfo, path: bytes, arrived: set[bytes], transfer: Transfer
) -> bool:
    """Write one file; a hard link becomes a copy of the file it names, if that has arrived before."""
    transfer.bar.name(path)
    final = below(transfer.job.part, path)
    if info.isreg():
        source = archive.extractfile(info)
        size = info.size
    elif info.islnk() and _path(info.linkname) in arrived:
        with local_side.os_errors():
            source = open(below(transfer.job.part, _path(info.linkname)), "rb")  # noqa: SIM115
        size = os.fstat(source.fileno()).st_size
    else:
        return False
    assert source is not None
    with source, local_side.os_errors():
        handle = local_side.create_file(final)
        try:
            written = ssh_process.copy_stream(source.read, lambda chunk: _write_all(handle, chunk), transfer.bar.add)
            if written != size:
                raise tarfile.ReadError("cut off")
            local_side.complete_file(handle, info.mode, int(info.mtime))
        finally:
            os.close(handle)
    return True


def _write_all(handle: int, chunk: bytes) -> None:
    while chunk:
        chunk = chunk[os.write(handle, chunk) :]


def _batches(files: Sequence[Entry]) -> list[list[bytes]]:
    batches: list[list[bytes]] = [[]]
    length = 0
    for entry in files:
        length += len(entry.path) + 4
        if length > NAMES_LIMIT:
            batches.append([])
            length = 0
        batches[-1].append(b"./" + entry.path)
    return batches


def _missing(paths: Sequence[bytes]) -> NoReturn:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    text = f"{to_text(paths[0])}{more} did not arrive"
    raise ShopperError(f"the copy failed: {text}", copy_errors.RETRY_HINT, code="copy_failed")
