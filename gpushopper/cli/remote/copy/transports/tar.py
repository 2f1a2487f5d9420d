"""Carry files as a tar stream over ssh: the instance needs a shell and tar."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from typing import IO, NoReturn

from gpushopper.cli.remote.copy import local_side, scripts, ssh_process
from gpushopper.cli.remote.copy.entries import Entry
from gpushopper.cli.remote.copy.path_arguments import below, to_text
from gpushopper.cli.remote.copy.transports.transfer import Trip
from gpushopper.errors import ShopperError

NAMES_LIMIT = 30_000
"""Bytes of names that one call of tar is given."""


def carry(trip: Trip) -> None:
    """Carry all files of a trip."""
    if trip.is_upload:
        _send(trip)
    else:
        _fetch(trip)


# ---- up


def _send(trip: Trip) -> None:
    # The script comes first on the same stream: dd takes exactly its length and leaves the rest to tar.
    script = b"cd -- %s && exec tar -xpf -" % scripts.quoted(trip.job.part)
    line = f"""exec sh -c 'eval "$(dd bs=1 count={len(script)} 2>/dev/null)"'"""
    with ssh_process.running(ssh_process.shell(trip.found, line)) as program:
        drained = ssh_process.Reader(program.stdout)  # what the login's shell says by itself
        try:
            program.stdin.write(script)
            for entry in trip.files:
                _add(program.stdin, entry, trip)
            program.stdin.write(bytes(2 * tarfile.BLOCKSIZE))  # the end of an archive
            program.stdin.close()
        except BrokenPipeError:
            drained.join()
            program.process.wait()
            raise ssh_process.failure(trip.found, program) from None
        drained.join()
        if program.process.wait():
            raise ssh_process.failure(trip.found, program)


def _add(out: IO[bytes], entry: Entry, trip: Trip) -> None:
    """Write one member: its header as GNU tar and busybox read it, then as many bytes as that says."""
    trip.bar.name(entry.path)
    with local_side.told():
        source = open(below(trip.job.base, entry.path), "rb")  # noqa: SIM115 - closed below
    with source:
        facts = os.fstat(source.fileno())
        info = tarfile.TarInfo("./" + to_text(entry.path))
        info.size, info.mode, info.mtime = facts.st_size, entry.mode, facts.st_mtime_ns // 10**9
        out.write(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        left = info.size
        while left and (piece := source.read(min(ssh_process.PIECE, left))):
            out.write(piece)
            trip.bar.add(len(piece))
            left -= len(piece)
    if left:
        raise ShopperError(f"{to_text(entry.path)} changed while it was read", ssh_process.AGAIN, code="copy_failed")
    out.write(bytes(-info.size % tarfile.BLOCKSIZE))


# ---- down


def _fetch(trip: Trip) -> None:
    wanted = {entry.path: entry for entry in trip.files}
    mark = ssh_process.new_mark()
    lines = [scripts.START, b"cd -- %s || exit 9\nprintf '%%s\\n' %s\nbad=0\n" % (scripts.quoted(trip.job.base), mark)]
    lines += [b"tar -cf - %s </dev/null || bad=$?\n" % scripts.words(names) for names in _batches(trip.files)]
    with ssh_process.running(ssh_process.shell(trip.found, "exec sh -s")) as program:
        feeding = ssh_process.fed(program, b"".join([*lines, b"exit $bad\n"]))
        if ssh_process.skip_to(program.stdout, mark) is not None:
            _unpack(program.stdout, wanted, trip)
        feeding.join()
        if program.process.wait():
            raise ssh_process.failure(trip.found, program)
    if wanted:
        _missing(sorted(wanted))


def _unpack(stream: IO[bytes], wanted: dict[bytes, Entry], trip: Trip) -> None:
    """Write what was asked for and nothing else, whatever the stream holds; each batch of names is its own archive."""
    arrived: set[bytes] = set()
    try:
        with tarfile.open(
            fileobj=stream, mode="r|", ignore_zeros=True, encoding="utf-8", errors="surrogateescape"
        ) as archive:
            for info in archive:
                archive.members.clear()  # type: ignore[attr-defined]
                path = _path(info.name)
                if path in wanted and _write(archive, info, path, arrived, trip):
                    arrived.add(path)
                    del wanted[path]
    except tarfile.TarError:
        return  # cut off: the status of ssh says why, and what is missing is counted


def _path(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape").removeprefix(b"./")


def _write(archive: tarfile.TarFile, info: tarfile.TarInfo, path: bytes, arrived: set[bytes], trip: Trip) -> bool:
    """Write one file; a hard link is a copy of the file it names, if that has come before."""
    trip.bar.name(path)
    final = below(trip.job.part, path)
    if info.isreg():
        source = archive.extractfile(info)
        size = info.size
    elif info.islnk() and _path(info.linkname) in arrived:
        with local_side.told():
            source = open(below(trip.job.part, _path(info.linkname)), "rb")  # noqa: SIM115
        size = os.fstat(source.fileno()).st_size
    else:
        return False
    assert source is not None
    with source, local_side.told():
        handle = local_side.create(final)
        try:
            carried = ssh_process.pumped(source.read, lambda piece: _write_all(handle, piece), trip.bar.add)
            if carried != size:
                raise tarfile.ReadError("cut off")
            local_side.finish(handle, info.mode, int(info.mtime))
        finally:
            os.close(handle)
    return True


def _write_all(handle: int, piece: bytes) -> None:
    while piece:
        piece = piece[os.write(handle, piece) :]


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
    raise ShopperError(f"the copy failed: {text}", ssh_process.AGAIN, code="copy_failed")
