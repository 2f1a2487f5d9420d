"""`cp -`: copy standard input to a file on an instance, or a file there to standard output."""

from __future__ import annotations

import errno
import io
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from gpushopper.cli.remote.copy import ssh_process
from gpushopper.cli.remote.copy.path_arguments import below, folder_of, last_name, to_text
from gpushopper.cli.remote.copy.planning import LONGEST_NAME, PART, PathInfo
from gpushopper.cli.remote.copy.progress_bar import ProgressBar
from gpushopper.cli.remote.copy.remote_side import RemoteSide
from gpushopper.errors import DiskFull, NotFound, ShopperError, UsageError
from gpushopper.results import listing

_KEEP = b"""
[ -d "$R" ] && die "$R is a folder"
[ "$(wc -c <"$P")" -eq "$N" ] || die "only a part has arrived"
mv -f -- "$P" "$R" || exit 9
"""


def binary_stream(stream: TextIO | None, name: str) -> io.BufferedIOBase:
    """The binary stream of standard input or output.

    Raises:
        UsageError: the shell has closed it (`<&-`).
    """
    if stream is None:
        raise UsageError(f"{name} is closed", "leave out <&- or >&-", code="stream_closed")
    return cast(io.BufferedIOBase, stream.buffer)


@contextmanager
def _os_errors(name: str) -> Iterator[None]:
    """Turn an OSError of our own standard input or output into a ShopperError; a closed output pipe is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for {name}", "write it elsewhere") from error
        raise ShopperError(f"{name}: {(error.strerror or str(error)).lower()}", code="copy_failed") from error


def send(side: RemoteSide, target: PathInfo, typed: bytes, mkdir: bool, bar: ProgressBar) -> None:
    """Copy standard input to a file on the instance; it gets its final name when all of it has arrived.

    Raises:
        UsageError: the target is not a file.
        NotFound: its folder does not exist.
    """
    if target.what in ("folder", "other", "dangling") or typed.endswith(b"/"):
        raise UsageError(f"{to_text(typed)}{side.where} is not a file", "name a file for standard input")
    if not target.has_parent and not mkdir:
        shown = to_text(folder_of(typed))
        raise NotFound(f"no such folder there: {shown}; add --mkdir", code="folder_not_found")
    part = below(folder_of(target.path), b"." + last_name(target.path)[:LONGEST_NAME] + PART)
    script = b'P=%s; mkdir -p -- %s && exec cat >"$P"' % (listing.quoted(part), listing.quoted(folder_of(part)))
    line = f"""exec sh -c 'eval "$(dd bs=1 count={len(script)} 2>/dev/null)"'"""
    with ssh_process.running(ssh_process.shell(side.found, line)) as program:
        drained = ssh_process.StreamDrain(program.stdout)
        source = binary_stream(sys.stdin, "standard input")
        try:
            program.stdin.write(script)
            program.stdin.flush()
            with _os_errors("standard input"):
                length = ssh_process.copy_stream(source.read1, program.stdin.write, bar.add)
            program.stdin.close()
        except BrokenPipeError:
            length = -1
        drained.join()
        if program.process.wait() or length < 0:
            raise ssh_process.failure(side.found, program)
    names = b"P=%s R=%s N=%d\n" % (listing.quoted(part), listing.quoted(target.path), length)
    ssh_process.run_script(side.found, listing.START + names + _KEEP)


def fetch(side: RemoteSide, source: PathInfo, typed: bytes, bar: ProgressBar) -> None:
    """Copy a file on the instance to standard output.

    Raises:
        UsageError: it is a folder.
    """
    if source.what == "folder":
        words = f"tar -cf - -- {shlex.quote(to_text(source.path))}"
        hint = f"gpu-shopper ssh {side.found.name} -- {shlex.quote(words)}"
        raise UsageError(f"{to_text(typed)}{side.where} is a folder, standard output takes a file", hint)
    marker = ssh_process.new_marker()
    script = listing.START + b"printf '%%s\\n' %s; exec cat -- %s\n" % (marker, listing.quoted(source.path))
    with ssh_process.running(ssh_process.shell(side.found, "exec sh -s")) as program:
        writer = ssh_process.write_input(program, script)
        if ssh_process.skip_to_marker(program.stdout, marker) is not None:
            out = binary_stream(sys.stdout, "standard output")
            with _os_errors("standard output"):
                count = ssh_process.copy_stream(program.stdout.read1, out.write, bar.add)  # type: ignore[attr-defined]
                out.flush()
            writer.join()
            if not program.process.wait():
                if source.what == "file" and count < source.size:
                    raise ShopperError(f"{to_text(typed)}{side.where} changed while it was read", code="copy_failed")
                return
        program.process.wait()
        raise ssh_process.failure(side.found, program)
